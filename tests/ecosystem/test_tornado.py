"""Tornado, client and server, on Weft as on asyncio."""

import asyncio
import contextlib
import hashlib
import ssl
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tornado import gen, netutil, process, web, websocket
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpclient import TCPClient
from tornado.tcpserver import TCPServer
from tornado.util import TimeoutError

PIECE = bytes(range(256)) * 128
PIECES = 300


class Hash(web.RequestHandler):
    async def post(self) -> None:
        await gen.sleep(0)
        self.write({"sha256": hashlib.sha256(self.request.body).hexdigest()})


class Large(web.RequestHandler):
    async def get(self) -> None:
        for number in range(PIECES):
            self.write(number.to_bytes(4, "big") + PIECE)
            await self.flush()


class Thread(web.RequestHandler):
    async def get(self) -> None:
        self.write({"sum": await IOLoop.current().run_in_executor(None, sum, range(1000))})


class Talk(websocket.WebSocketHandler):
    def on_message(self, message: Any) -> None:
        self.write_message(message[::-1], binary=isinstance(message, bytes))


def make_app() -> web.Application:
    return web.Application([("/hash", Hash), ("/large", Large), ("/thread", Thread), ("/talk", Talk)])


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    server = HTTPServer(make_app(), ssl_options=context)
    server.add_sockets(sockets)
    try:
        yield f"{'https' if context else 'http'}://localhost:{sockets[0].getsockname()[1]}"
    finally:
        server.stop()
        await server.close_all_connections()


async def requests(server: ssl.SSLContext | None = None, client_context: ssl.SSLContext | None = None) -> Any:
    client = AsyncHTTPClient(force_instance=True, max_clients=20)
    async with serving(server) as url:

        async def ask(number: int) -> Any:
            body = bytes([number % 256]) * number
            request = HTTPRequest(f"{url}/hash", method="POST", body=body, ssl_options=client_context)
            return (await client.fetch(request)).body

        answers = await asyncio.gather(*[ask(number) for number in range(200)])
        digest = hashlib.sha256()
        large = HTTPRequest(f"{url}/large", streaming_callback=digest.update, ssl_options=client_context)
        await client.fetch(large)
        in_thread = (await client.fetch(HTTPRequest(f"{url}/thread", ssl_options=client_context))).body
        try:
            await client.fetch(HTTPRequest(f"{url}/nothing", ssl_options=client_context))
        except HTTPClientError as error:
            code = error.code
    client.close()
    return answers, digest.hexdigest(), in_thread, code


@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_requests_a_download_a_thread_and_an_error(
    run_on_both: Any, server_context: ssl.SSLContext, client_context: ssl.SSLContext, is_secure: bool
) -> None:
    contexts = (server_context, client_context) if is_secure else ()

    answers, digest, in_thread, code = run_on_both(requests, *contexts)

    assert answers == [
        b'{"sha256": "%s"}' % hashlib.sha256(bytes([number % 256]) * number).hexdigest().encode()
        for number in range(200)
    ]
    assert digest == hashlib.sha256(b"".join(n.to_bytes(4, "big") + PIECE for n in range(PIECES))).hexdigest()
    assert (in_thread, code) == (b'{"sum": 499500}', 404)


async def talk() -> Any:
    async with serving() as url:
        connection = await websocket.websocket_connect(url.replace("http", "ws") + "/talk")
        heard: list[Any] = []
        for number in range(300):
            await connection.write_message(f"message {number}")
            heard.append(await connection.read_message())
        await connection.write_message(PIECE * 20, binary=True)
        heard.append(await connection.read_message() == (PIECE * 20)[::-1])
        connection.close(4001)
        heard.append(await connection.read_message())
        return heard


def test_a_websocket(run_on_both: Any) -> None:
    assert run_on_both(talk) == [f"message {number}"[::-1] for number in range(300)] + [True, None]


class Lines(TCPServer):
    async def handle_stream(self, stream: IOStream, address: Any) -> None:
        try:
            while True:
                line = await stream.read_until(b"\n")
                await stream.write(line.upper())
        except StreamClosedError:
            pass


async def streams() -> Any:
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    server = Lines()
    server.add_sockets(sockets)
    stream = await TCPClient().connect("localhost", sockets[0].getsockname()[1])
    await stream.write(b"".join(b"line %d\n" % number for number in range(1000)))
    lines = [await stream.read_until(b"\n") for _ in range(1000)]
    stream.close()
    server.stop()
    return lines


def test_lines_over_iostreams(run_on_both: Any) -> None:
    assert run_on_both(streams) == [b"LINE %d\n" % number for number in range(1000)]


async def loop_and_processes() -> Any:
    seen: list[Any] = []
    loop = IOLoop.current()
    loop.add_callback(seen.append, "callback")
    ticked = asyncio.Event()

    def tick() -> None:
        seen.append("tick")
        if seen.count("tick") == 3:
            ticks.stop()
            ticked.set()

    ticks = PeriodicCallback(tick, 1)
    ticks.start()
    await ticked.wait()
    command = [sys.executable, "-c", "print(input()[::-1])"]
    child = process.Subprocess(command, stdin=process.Subprocess.STREAM, stdout=process.Subprocess.STREAM)
    await child.stdin.write(b"backwards\n")
    seen.append(await child.stdout.read_until_close())
    seen.append(await child.wait_for_exit())
    child.stdin.close()
    try:
        await gen.with_timeout(timedelta(milliseconds=10), asyncio.get_running_loop().create_future())
    except TimeoutError:
        seen.append("timeout")
    process.Subprocess.uninitialize()
    return seen


def test_callbacks_a_periodic_one_and_a_child_process(run_on_both: Any) -> None:
    seen = run_on_both(loop_and_processes)

    assert seen == ["callback", "tick", "tick", "tick", b"sdrawkcab\n", 0, "timeout"]


async def over_unix(path: str) -> Any:
    Path(path).unlink(missing_ok=True)
    listening = netutil.bind_unix_socket(path)
    server = HTTPServer(make_app())
    server.add_socket(listening)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"GET /thread HTTP/1.0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    server.stop()
    await server.close_all_connections()
    return answer.partition(b"\r\n\r\n")[2]


def test_a_server_on_a_unix_socket(run_on_both: Any, short_folder: Path) -> None:
    assert run_on_both(over_unix, str(short_folder / "socket")) == b'{"sum": 499500}'
