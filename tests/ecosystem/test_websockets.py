"""The websockets library, client and server, on Weft as on asyncio."""

import asyncio
import random
import ssl
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect, unix_connect
from websockets.asyncio.server import ServerConnection, broadcast, serve, unix_serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

LARGE = random.Random(2).randbytes(4_000_000)


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def talk(address: Any) -> list[Any]:
    heard: list[Any] = []
    async with address as connection:
        for number in range(500):
            await connection.send(f"message {number}")
            heard.append(await connection.recv())
        await connection.send([LARGE[start : start + 100_000] for start in range(0, len(LARGE), 100_000)])
        heard.append(await connection.recv() == LARGE)
        async with asyncio.TaskGroup() as group:
            receiving = group.create_task(receive(connection, 1000))
            for number in range(1000):
                await connection.send(f"{number}")
        heard += receiving.result()
        await (await connection.ping())
        await connection.close(4001, "enough")
        heard.append((connection.close_code, connection.close_reason))
    return heard


async def receive(connection: Any, count: int) -> list[Any]:
    return [await connection.recv() for _ in range(count)]


def expected() -> list[Any]:
    numbered = [f"message {number}" for number in range(500)]
    return [*numbered, True, *[f"{number}" for number in range(1000)], (4001, "enough")]


async def over_tcp(
    server_context: Any = None, client_context: Any = None, compression: str | None = "deflate"
) -> Any:
    async with serve(echo, "127.0.0.1", 0, ssl=server_context, max_size=None, compression=compression) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        url = f"{'wss' if server_context else 'ws'}://localhost:{port}"
        talks = [talk(connect(url, ssl=client_context, max_size=None, compression=compression)) for _ in range(3)]
        return await asyncio.gather(*talks)


@pytest.mark.parametrize("compression", ["deflate", None])
@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_three_clients_talk_at_once(
    run_on_both: Any,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    is_secure: bool,
    compression: str | None,
) -> None:
    contexts = (server_context, client_context) if is_secure else (None, None)

    heard = run_on_both(over_tcp, *contexts, compression)

    assert heard == [expected()] * 3


async def over_unix(path: str) -> Any:
    async with unix_serve(echo, path, max_size=None):
        return await talk(unix_connect(path, max_size=None))


def test_over_a_unix_socket(run_on_both: Any, short_folder: Path) -> None:
    assert run_on_both(over_unix, str(short_folder / "socket")) == expected()


async def broadcasting() -> Any:
    joined: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def join(connection: ServerConnection) -> None:
        joined.put_nowait(connection)
        await connection.wait_closed()

    async with serve(join, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        clients = [await connect(f"ws://127.0.0.1:{port}") for _ in range(20)]
        members = [await joined.get() for _ in clients]
        for number in range(100):
            broadcast(members, f"news {number}")
        heard = await asyncio.gather(*[receive(client, 100) for client in clients])
        server.close()
        ends = []
        for client in clients:
            try:
                await client.recv()
            except ConnectionClosed as closed:
                ends.append(closed.rcvd.code if closed.rcvd else None)
            await client.close()
        return heard, ends


def test_twenty_clients_hear_a_broadcast_and_that_the_server_goes_away(run_on_both: Any) -> None:
    heard, ends = run_on_both(broadcasting)

    assert heard == [[f"news {number}" for number in range(100)]] * 20
    assert ends == [1001] * 20


async def turned_away() -> Any:
    def refuse(connection: ServerConnection, request: Any) -> Any:
        return connection.respond(403, "not you\n")

    async with serve(echo, "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        try:
            await connect(f"ws://127.0.0.1:{port}")
        except InvalidStatus as error:
            return error.response.status_code, error.response.body


def test_a_client_that_the_server_refuses_is_told(run_on_both: Any) -> None:
    assert run_on_both(turned_away) == (403, b"not you\n")
