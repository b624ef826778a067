"""aioquic, which lives on UDP: QUIC, client and server, on Weft as on asyncio."""

import asyncio
import hashlib
import random
from pathlib import Path
from typing import Any

import pytest
import trustme
from aioquic.asyncio.client import connect
from aioquic.asyncio.server import serve
from aioquic.quic.configuration import QuicConfiguration

from .servers import free_port

DATA = random.Random(5).randbytes(2_000_000)


@pytest.fixture
def configurations(authority: trustme.CA, tmp_path: Path) -> tuple[QuicConfiguration, QuicConfiguration]:
    """A server's configuration and a client's that trusts it."""
    path = tmp_path / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(path))
    server = QuicConfiguration(is_client=False, alpn_protocols=["weft"])
    server.load_cert_chain(path, path)
    client = QuicConfiguration(is_client=True, alpn_protocols=["weft"], server_name="localhost")
    client.load_verify_locations(cadata=authority.cert_pem.bytes())
    return server, client


async def exchange(server_configuration: QuicConfiguration, client_configuration: QuicConfiguration) -> Any:
    answering: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(answer(reader, writer))
        answering.add(task)
        task.add_done_callback(answering.discard)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        digest = hashlib.sha256()
        while data := await reader.read(65536):
            digest.update(data)
            writer.write(data)
        writer.write(digest.digest())
        writer.write_eof()

    port = free_port()
    server = await serve("127.0.0.1", port, configuration=server_configuration, stream_handler=accept)
    async with connect("127.0.0.1", port, configuration=client_configuration) as client:
        await client.ping()

        async def ask(data: bytes) -> bool:
            reader, writer = await client.create_stream()
            writer.write(data)
            writer.write_eof()
            back = await reader.read()
            return back == data + hashlib.sha256(data).digest()

        large = await ask(DATA)
        small = await asyncio.gather(*[ask(DATA[number : number + 5000]) for number in range(50)])
    server.close()
    return large, small


def test_megabytes_on_one_stream_and_fifty_streams_at_once(run_on_both: Any, configurations: Any) -> None:
    large, small = run_on_both(exchange, *configurations)

    assert large
    assert small == [True] * 50
