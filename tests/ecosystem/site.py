"""A Starlette application: for the tests, and for uvicorn processes that they start."""

import asyncio
import contextlib
import hashlib
import json
import os
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

PIECE = bytes(range(256)) * 128
PIECES = 400


async def loop(request: Request) -> Response:
    return PlainTextResponse(type(asyncio.get_running_loop()).__module__.partition(".")[0])


async def hash(request: Request) -> Response:
    digest = hashlib.sha256()
    async for piece in request.stream():
        digest.update(piece)
    return JSONResponse({"sha256": digest.hexdigest(), "query": dict(request.query_params)})


async def large(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(PIECES):
            yield number.to_bytes(4, "big") + PIECE

    return StreamingResponse(pieces())


async def thread(request: Request) -> Response:
    return JSONResponse({"sum": await asyncio.to_thread(sum, range(1000))})


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text[::-1])


async def fail(request: Request) -> Response:
    raise LookupError("on purpose")


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.life = ["began"]
    yield
    app.state.life.append("ended")
    if "WEFT_TEST_LIFE" in os.environ:
        with open(os.environ["WEFT_TEST_LIFE"], "w") as file:
            json.dump(app.state.life, file)


def make_app() -> Any:
    """Return a new application."""
    routes = [
        Route("/loop", loop),
        Route("/hash", hash, methods=["POST"]),
        Route("/large", large),
        Route("/thread", thread),
        Route("/fail", fail),
        WebSocketRoute("/talk", talk),
    ]
    return Starlette(routes=routes, lifespan=lifespan)
