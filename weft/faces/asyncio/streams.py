"""The servers of `asyncio.start_server` and `start_unix_server`, with Weft's reader, writer and protocol.

What these two ask of a loop is a server whose protocols come from a factory of theirs. It makes a protocol and its
reader, which nobody else has yet, so a server of Weft's may as well make its own, which are asyncio's by inheritance.
The factory is known by its code. Any other stays what it is, and so does theirs where a program has put classes of
its own in the place of asyncio's. `asyncio.open_connection` has its reader before it asks the loop for anything, so
that nothing is left to choose: `weft.open_stream` is the way to Weft's. In the interpreted build, where Weft's cost
more than asyncio's, every program has asyncio's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

FACTORIES = {
    code
    for start in (asyncio.start_server, asyncio.start_unix_server)
    for code in start.__code__.co_consts
    if isinstance(code, CodeType)
}
"""The code of the two factories."""
NEEDED = {"client_connected_cb", "limit", "loop"}
"""What the factories know of the server that they make protocols for."""
CLASSES = {
    "StreamReader": asyncio.StreamReader,
    "StreamReaderProtocol": asyncio.StreamReaderProtocol,
    "StreamWriter": asyncio.StreamWriter,
}


def with_streams(factory: Callable[[], Any]) -> Callable[[], Any]:
    """Return a factory of Weft's protocols for one of asyncio's stream servers; any other as it is."""
    if type(factory) is not FunctionType or factory.__code__ not in FACTORIES:
        return factory
    knows = dict(zip(factory.__code__.co_freevars, factory.__closure__ or (), strict=True))
    if not knows.keys() >= NEEDED or any(factory.__globals__.get(name) is not kind for name, kind in CLASSES.items()):
        return factory
    connected, limit, loop = (knows[name].cell_contents for name in sorted(NEEDED))

    from weft.streams import StreamReader, StreamReaderProtocol

    if isinstance(StreamReader.readline, FunctionType):
        return factory  # the interpreted build

    def make_protocol() -> StreamReaderProtocol:
        return StreamReaderProtocol(StreamReader(limit, loop), connected, loop)

    return make_protocol
