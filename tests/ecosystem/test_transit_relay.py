"""Magic Wormhole's transit relay on Weft's reactor as on Twisted's: its own tests, and a relay with real clients."""

import asyncio
import contextlib
import hashlib
import importlib.util
import random
import socket
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .reactors import EPOLL, SCRIPTS, WEFT, serving, try_beside
from .servers import free_port

PACKAGE = "wormhole_transit_relay.test"
MODULES = ("config", "database", "rlimits", "service", "stats", "transit_server")
PAIRS = 40
PIECE = random.Random(7).randbytes(50_000)
PIECES = 20


def with_own_port(path: Path) -> str:
    """Write the relay's test that starts one to a file, with a free port for its fixed one; return the file."""
    spec = importlib.util.find_spec(f"{PACKAGE}.test_backpressure")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text()
    assert "tcp:8088" in source
    path.write_text(source.replace("8088", str(free_port())))
    return str(path)


def test_the_relays_own_tests_pass_as_on_epoll(tmp_path: Path) -> None:
    tests = [f"{PACKAGE}.test_{module}" for module in MODULES]
    own = {name: with_own_port(tmp_path / f"test_on_{name}.py") for name in (EPOLL, WEFT)}

    verdicts = try_beside(tests, tmp_path, own)

    assert len(verdicts[WEFT]) > 90
    assert verdicts[WEFT] == verdicts[EPOLL]
    assert ("test_buffer_fills", "OK") in verdicts[WEFT]


@pytest.fixture(params=[EPOLL, WEFT])
def reactor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def relayed(port: int, number: int) -> tuple[str, str]:
    """Have two clients exchange much; return the digests of what each got, but for who came first."""
    token = f"{number:064x}"
    streams = []
    for side in (0, 1):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"please relay {token} for side {side:016x}\n".encode())
        streams.append((reader, writer))
    for reader, _ in streams:
        assert await reader.readexactly(3) == b"ok\n"

    async def send(writer: asyncio.StreamWriter, side: int) -> None:
        for piece in range(PIECES):
            writer.write(bytes([number, side, piece]) + PIECE)
            await writer.drain()

    async def receive(reader: asyncio.StreamReader) -> str:
        return hashlib.sha256(await reader.readexactly(PIECES * (3 + len(PIECE)))).hexdigest()

    got = await asyncio.gather(
        *(receive(reader) for reader, _ in streams), *(send(writer, side) for side, (_, writer) in enumerate(streams))
    )
    streams[0][1].close()
    assert await streams[1][0].read() == b""  # the relay ends the other one as well
    for _, writer in streams:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return got[0], got[1]


def answer_to(port: int, said: bytes) -> bytes:
    """Return all that the relay answers to a client that says something wrong."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(said)
        return b"".join(iter(lambda: client.recv(1000), b""))


def digest_of(number: int, side: int) -> str:
    pieces = (bytes([number, side, piece]) + PIECE for piece in range(PIECES))
    return hashlib.sha256(b"".join(pieces)).hexdigest()


def test_a_relay_passes_on_what_many_pairs_of_clients_send(reactor: str, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "twistd"), "-n", f"--reactor={reactor}", "transitrelay"]
    command += ["--port=tcp:0:interface=127.0.0.1", "--usage-db=usage.sqlite"]

    async def main(port: int) -> Any:
        return await asyncio.gather(*[relayed(port, number) for number in range(PAIRS)])

    with serving(command, r"starting on (\d+)", cwd=tmp_path) as server:
        got = asyncio.run(main(server.ports[0]))
        wrong = [answer_to(server.ports[0], said) for said in (b"hello there\n", b"please relay nonsense\n")]
        ended = server.stop()

    assert got == [(digest_of(number, 1), digest_of(number, 0)) for number in range(PAIRS)]
    assert wrong == [b"bad handshake\n"] * 2
    assert "Traceback" not in ended.printed
    with contextlib.closing(sqlite3.connect(tmp_path / "usage.sqlite")) as database:
        moods = Counter(database.execute("SELECT result, total_bytes FROM usage"))
    assert moods[("happy", 2 * PIECES * (3 + len(PIECE)))] == PAIRS
    assert moods[("errory", 0)] == len(wrong)
