"""aiohttp, client and server, on Weft as on asyncio."""

import asyncio
import contextlib
import hashlib
import random
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web

CHUNK = random.Random(1).randbytes(65536)
CHUNKS = 400


class Site:
    """An application that answers, streams and talks, and remembers what it saw."""

    def __init__(self) -> None:
        self.peers: set[Any] = set()
        self.most_unsent = 0
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.app = web.Application(client_max_size=1 << 26)
        self.app.router.add_post("/hash", self.hash)
        self.app.router.add_get("/large", self.large)
        self.app.router.add_get("/endless", self.endless)
        self.app.router.add_get("/talk", self.talk)

    async def hash(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        self.peers.add(request.transport.get_extra_info("peername"))
        body = await request.read()
        return web.json_response({"length": len(body), "sha256": hashlib.sha256(body).hexdigest()})

    async def large(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        assert request.transport is not None
        for number in range(CHUNKS):
            await response.write(number.to_bytes(4, "big") + CHUNK)
            self.most_unsent = max(self.most_unsent, request.transport.get_write_buffer_size())
        await response.write_eof()
        return response

    async def endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(CHUNK)
        except BaseException as error:
            self.lost.set_result(error.__class__.__name__)
            raise

    async def talk(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await socket.send_str(message.data[::-1])
            else:
                await socket.send_bytes(message.data[::-1])
        return socket


@contextlib.asynccontextmanager
async def serving(site: Site, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    runner = web.AppRunner(site.app, handler_cancellation=True, shutdown_timeout=5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"{'https' if context else 'http'}://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def thousand_requests(server: ssl.SSLContext | None = None, client: ssl.SSLContext | None = None) -> Any:
    site = Site()
    async with serving(site, server) as url:
        connector = aiohttp.TCPConnector(limit=10, ssl=client or True)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def ask(first: int) -> list[Any]:
                answers = []
                for number in range(first, first + 50):
                    async with session.post(f"{url}/hash", data=bytes([number % 256]) * number) as response:
                        answers.append((response.status, await response.json()))
                return answers

            answers = await asyncio.gather(*[ask(first) for first in range(0, 1000, 50)])
    return [answer for batch in answers for answer in batch], 1 <= len(site.peers) <= 10


@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_a_thousand_requests_over_ten_connections_that_are_kept(
    run_on_both: Any, server_context: ssl.SSLContext, client_context: ssl.SSLContext, is_secure: bool
) -> None:
    contexts = (server_context, client_context) if is_secure else ()

    answers, were_kept = run_on_both(thousand_requests, *contexts)

    bodies = [bytes([number % 256]) * number for number in range(1000)]
    assert answers == [(200, {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}) for body in bodies]
    assert were_kept


async def download_slowly(server: ssl.SSLContext | None = None, client: ssl.SSLContext | None = None) -> Any:
    site = Site()
    digest = hashlib.sha256()
    count = 0
    async with (
        serving(site, server) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}/large", ssl=client or True) as response,
    ):
        async for piece in response.content.iter_chunked(1 << 17):
            digest.update(piece)
            count += len(piece)
            await asyncio.sleep(0.001)  # this is how slow it is
    return count, digest.hexdigest(), site.most_unsent <= 10 * len(CHUNK)


@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_a_slow_reader_gets_all_of_a_large_download_and_holds_the_server_back(
    run_on_both: Any, server_context: ssl.SSLContext, client_context: ssl.SSLContext, is_secure: bool
) -> None:
    contexts = (server_context, client_context) if is_secure else ()

    count, digest, was_held_back = run_on_both(download_slowly, *contexts)

    whole = b"".join(number.to_bytes(4, "big") + CHUNK for number in range(CHUNKS))
    assert count == len(whole)
    assert digest == hashlib.sha256(whole).hexdigest()
    assert was_held_back


async def upload() -> Any:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield CHUNK

    async with (
        serving(Site()) as url,
        aiohttp.ClientSession() as session,
        session.post(f"{url}/hash", data=pieces()) as response,
    ):
        return await response.json()


def test_a_large_upload_arrives_whole(run_on_both: Any) -> None:
    answer = run_on_both(upload)

    assert answer == {"length": 100 * len(CHUNK), "sha256": hashlib.sha256(CHUNK * 100).hexdigest()}


async def talk() -> Any:
    heard: list[Any] = []
    async with (
        serving(Site()) as url,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}/talk", max_msg_size=0) as socket,
    ):
        for number in range(1000):
            await socket.send_str(f"message {number}")
            heard.append(await socket.receive_str())
        large = CHUNK * 40
        await socket.send_bytes(large)
        heard.append(await socket.receive_bytes() == large[::-1])
        for number in range(1000):
            await socket.send_str(f"{number}")
        heard += [await socket.receive_str() for _ in range(1000)]
        await socket.close(code=4001)
        heard.append(socket.close_code)
    return heard


def test_a_websocket_carries_small_and_large_messages_both_ways(run_on_both: Any) -> None:
    heard = run_on_both(talk)

    assert heard[:1000] == [f"message {number}"[::-1] for number in range(1000)]
    assert heard[1000] is True
    assert heard[1001:2001] == [f"{number}"[::-1] for number in range(1000)]


async def go_away() -> Any:
    site = Site()
    async with serving(site) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/endless") as response:
            first = await response.content.readexactly(len(CHUNK))
        return first == CHUNK, await site.lost


def test_a_server_learns_that_its_client_went_away(run_on_both: Any) -> None:
    was_served, error = run_on_both(go_away)

    assert was_served
    assert error in ("CancelledError", "ClientConnectionResetError")


async def mistrust(server: ssl.SSLContext, client: ssl.SSLContext) -> Any:
    async with serving(Site(), server) as url, aiohttp.ClientSession() as session:
        refused = []
        for number in range(5):
            try:
                await session.post(f"{url}/hash", data=b"?", ssl=client)
            except aiohttp.ClientConnectorCertificateError as error:
                refused.append((number, type(error.certificate_error).__name__))
        return refused


def test_a_certificate_that_nobody_vouches_for_is_refused(run_on_both: Any, server_context: ssl.SSLContext) -> None:
    stranger = ssl.create_default_context()
    trustme.CA().configure_trust(stranger)

    refused = run_on_both(mistrust, server_context, stranger)

    assert refused == [(number, "SSLCertVerificationError") for number in range(5)]
