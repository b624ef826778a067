"""Programs of libraries that none of us wrote, unchanged, under `weft run`."""

import xml.etree.ElementTree as ElementTree

import pytest

pytest.importorskip("aiohttp")
SERVER = """
import asyncio

from aiohttp import web

async def handle(request):
    name = request.match_info.get("name", "Anonymous")
    return web.Response(text="Hello, " + name)

async def serve():
    app = web.Application()
    app.add_routes([web.get("/", handle), web.get("/{name}", handle)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, runner.addresses[0][1]
"""
AIOHTTP = """
import aiohttp

async def fetch(session, port, name):
    async with session.get(f"http://127.0.0.1:{port}/{name}") as response:
        return response.status, response.headers["content-type"], await response.text()

async def main():
    runner, port = await serve()
    async with aiohttp.ClientSession() as session:
        print(await fetch(session, port, ""))
        for reply in await asyncio.gather(fetch(session, port, "warp"), fetch(session, port, "weft")):
            print(reply)
    await runner.cleanup()

asyncio.run(main())
"""
HTTPX = """
import httpx

async def main():
    runner, port = await serve()
    async with httpx.AsyncClient(trust_env=False) as client:
        urls = [f"http://127.0.0.1:{port}/{name}" for name in ("warp", "weft")]
        for reply in await asyncio.gather(*[client.get(url) for url in urls]):
            print(reply.status_code, reply.text)
    await runner.cleanup()

asyncio.run(main())
"""


def drawn_words(path) -> str:
    return "\n".join(ElementTree.parse(path).getroot().itertext())


def test_aiohttps_server_and_client_run_unchanged_and_are_drawn(weft, write, tmp_path):
    write("web.py", SERVER + AIOHTTP)

    result = weft("run", "--figure", "web.svg", "web.py")

    kind = "text/plain; charset=utf-8"
    assert result.stderr == f"weft: wrote {tmp_path / 'web.svg'}\n"
    assert result.stdout.splitlines() == [
        str((200, kind, "Hello, Anonymous")),
        str((200, kind, "Hello, warp")),
        str((200, kind, "Hello, weft")),
    ]
    assert result.returncode == 0
    words = drawn_words(tmp_path / "web.svg")
    for name in ("main", "fetch", "RequestHandler.start"):
        assert name in words


def test_httpxs_client_runs_unchanged_and_is_drawn(weft, write, tmp_path):
    pytest.importorskip("httpx")
    write("web.py", SERVER + HTTPX)

    result = weft("run", "--figure", "web.svg", "web.py")

    assert result.stderr == f"weft: wrote {tmp_path / 'web.svg'}\n"
    assert result.stdout.splitlines() == ["200 Hello, warp", "200 Hello, weft"]
    assert result.returncode == 0
    assert "AsyncClient.get" in drawn_words(tmp_path / "web.svg")
