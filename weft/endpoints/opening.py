"""The four verbs: listen and connect, with protocols or with streams for coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from weft.endpoints.base import ClientEndpoint, Factory, P, ServerEndpoint
from weft.endpoints.parsing import client, server
from weft.endpoints.port import Port
from weft.errors import EndpointError
from weft.streams import StreamReader, StreamReaderProtocol, StreamWriter

STREAM_LIMIT_BYTES = 65536
"""How much a stream's reader holds before it asks the peer to wait, and how long its longest line may be."""

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, object]]


async def listen(where: str | ServerEndpoint, factory: Factory[Any]) -> Port:
    """Listen at an endpoint, with a protocol from `factory` for each connection; return the open port.

        port = await weft.listen("tcp:8080:interface=127.0.0.1", Echo)

    Raises EndpointStringError for a string that describes no endpoint, OSError where listening there cannot be done.
    """
    endpoint = server(where) if isinstance(where, str) else where
    check_role(endpoint, "listen", 'weft.listen("tcp:8080", Protocol), weft.endpoints.TcpServer(8080)')
    check_factory(factory)
    return await endpoint.listen(factory)


async def connect(where: str | ClientEndpoint, factory: Factory[P]) -> tuple[asyncio.Transport, P]:
    """Connect a protocol from `factory` to an endpoint; return (transport, protocol), as asyncio's loops do.

        transport, protocol = await weft.connect("tls:example.org:443", Fetch)

    Raises EndpointStringError for a string that describes no endpoint, OSError where nobody answers there.
    """
    endpoint = client(where) if isinstance(where, str) else where
    check_role(endpoint, "connect", 'weft.connect("tcp:example.org:80", Protocol), weft.endpoints.TcpClient(...)')
    check_factory(factory)
    return await endpoint.connect(factory)


async def serve_streams(
    where: str | ServerEndpoint, conversation: Conversation, *, limit_bytes: int = STREAM_LIMIT_BYTES
) -> Port:
    """Listen at an endpoint, with a task that runs `conversation(reader, writer)` for each connection.

    When the coroutine returns, its connection is closed, after what it wrote was sent. When it raises, that is
    reported to the loop's exception handler and the connection is cut, so that the peer takes nothing for complete.
    Closing the port stops no conversation.
    """
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()  # the loop itself holds tasks by weak references only

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = loop.create_task(converse(conversation, reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def make_protocol() -> StreamReaderProtocol:
        return StreamReaderProtocol(StreamReader(limit_bytes, loop), begin, loop)

    return await listen(where, make_protocol)


async def open_stream(
    where: str | ClientEndpoint, *, limit_bytes: int = STREAM_LIMIT_BYTES
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to an endpoint and return (reader, writer), as `asyncio.open_connection` does.

        reader, writer = await weft.open_stream("unix:/run/app.sock")

    Raises what `connect` raises.
    """
    loop = asyncio.get_running_loop()
    reader = StreamReader(limit_bytes, loop)
    transport, protocol = await connect(where, lambda: StreamReaderProtocol(reader, loop=loop))
    return reader, StreamWriter(transport, protocol, reader, loop)


def check_role(endpoint: object, verb: str, right: str) -> None:
    """Raise EndpointError for what cannot be asked to `verb`: an endpoint of the other sort, or none."""
    if not hasattr(endpoint, verb):
        raise EndpointError(f"{endpoint!r} is no endpoint to {verb} with, and no string for one. Right: {right}")


def check_factory(factory: object) -> None:
    """Raise EndpointError for what cannot be called to make a protocol."""
    if not callable(factory):
        raise EndpointError(
            f"{factory!r} cannot be called to make a protocol: give the class or a function, not an instance"
        )


async def converse(conversation: Conversation, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Run one connection's coroutine, and end the connection as it ended."""
    try:
        await conversation(reader, writer)
    except Exception as error:
        writer.transport.abort()
        asyncio.get_running_loop().call_exception_handler(
            {
                "message": f"a conversation with {writer.get_extra_info('peername')} failed",
                "exception": error,
                "transport": writer.transport,
            }
        )
    except BaseException:
        writer.transport.abort()
        raise
    else:
        writer.close()
