"""A web server of one peer, in one process: python web_servers.py KIND (uvicorn | aiohttp).

Prints "READY PORT" once it listens and answers every request with the same short plain text. uvicorn chooses its
parser as it does by default, httptools where it is installed, the same for every loop; nothing is logged.
"""

import argparse
import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from peers import LOOPS
from servers import BACKLOG, run_on

TEXT = b"Hello, world\n"


async def application(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """Answer a request, by the ASGI interface."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(TEXT)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": TEXT})


async def serve_uvicorn() -> None:
    """Serve with uvicorn until a signal ends it."""
    import uvicorn

    class AnnouncedServer(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            print(f"READY {self.servers[0].sockets[0].getsockname()[1]}", flush=True)

    config = uvicorn.Config(
        application, port=0, lifespan="off", ws="none", log_level="warning", access_log=False, backlog=BACKLOG
    )
    await AnnouncedServer(config).serve()


async def serve_aiohttp() -> None:
    """Serve with aiohttp for ever."""
    from aiohttp import web

    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=TEXT, content_type="text/plain")

    site = web.Application()
    site.router.add_get("/", handle)
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG).start()
    print(f"READY {runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


SERVERS = {"uvicorn": serve_uvicorn, "aiohttp": serve_aiohttp}


def run() -> int:
    """Run the server that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description="Run one web server on one peer's loop until a signal ends it.")
    parser.add_argument("kind", choices=LOOPS, help="whose event loop; weft-pure needs WEFT_PURE=1 as well")
    parser.add_argument("server", choices=SERVERS, help="which web server")
    arguments = parser.parse_args()
    return run_on(arguments.kind, SERVERS[arguments.server]())


if __name__ == "__main__":
    sys.exit(run())
