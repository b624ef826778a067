"""A network in memory: listen and connect by name, inside one loop, without sockets."""

from __future__ import annotations

import asyncio
import contextvars
import errno
from collections import deque
from collections.abc import Callable
from typing import Any

from weft.core import _os
from weft.faces.asyncio import Loop
from weft.faces.asyncio.connections import Server
from weft.ports import Channel
from weft.streams import StreamReader, StreamReaderProtocol, StreamWriter
from weft.testing.pairs import STREAM_LIMIT
from weft.testing.poller import End, MemoryPoller, memory_poller_of
from weft.testing.wire import Link, MemoryChannel, connect_channels
from weft.transports.listener import Listener
from weft.transports.stream import Stream

BACKLOG = 100
"""Connections that may wait to be accepted, as asyncio's servers have it."""


class MemoryAcceptor(End):
    """What a server listens with: connections that came in and were not accepted yet."""

    def __init__(self, poller: MemoryPoller) -> None:
        self.poller = poller
        self.waiting: deque[MemoryChannel] = deque()
        self.number = poller.enroll(self)

    def fileno(self) -> int:
        """Return the number that the poller watches."""
        return self.number

    def readiness(self) -> int:
        """Return READ while a connection waits."""
        return _os.READ if self.waiting else 0

    def put(self, channel: MemoryChannel) -> None:
        """Leave a connection to be accepted."""
        self.waiting.append(channel)
        self.poller.stir(self.number)

    def accept(self) -> Channel | None:
        """Return the next connection's channel, None if there is none."""
        return self.waiting.popleft() if self.waiting else None

    def close(self) -> None:
        """Turn away whoever waits. Closing twice does nothing."""
        self.poller.dismiss(self.number)
        while self.waiting:
            self.waiting.popleft().close()


class NamedServer(Server):
    """A server that listens at a name; in all else an asyncio server."""

    def __init__(self, network: Network, name: str, factory: Callable[[], Any]) -> None:
        super().__init__(network.loop, [], factory, BACKLOG)
        self.name = name
        self._network = network
        self._acceptor = MemoryAcceptor(memory_poller_of(network.loop))
        acceptor: Any = self._acceptor
        self._listeners = [Listener(network.loop, acceptor, factory, self)]

    def __repr__(self) -> str:
        return f"<weft.testing.NamedServer at {self.name!r}>"

    def close(self) -> None:
        """Listen no more; connections that are open live on. Closing twice does nothing."""
        self._network.forget(self)
        super().close()

    def welcome(self, channel: MemoryChannel) -> bool:
        """Take a connection in to be accepted; False if too many wait already."""
        if len(self._acceptor.waiting) >= BACKLOG:
            return False
        self._acceptor.put(channel)
        return True


class Network:
    """Names at which servers listen, and to which clients connect.

    `link` is what each connection is like, in both directions, unless connecting says otherwise; with a latency,
    connecting takes a round trip.
    """

    def __init__(self, loop: Loop, link: Link | None = None) -> None:
        memory_poller_of(loop)
        self.loop = loop
        self.link = link or Link()
        self._servers: dict[str, NamedServer] = {}
        self._clients_made = 0

    async def listen(self, name: str, factory: Callable[[], Any]) -> NamedServer:
        """Listen at a name: each connection gets a protocol from `factory`. Raises OSError if the name is taken."""
        if name in self._servers:
            raise OSError(errno.EADDRINUSE, f"a server listens at {name!r} already: close it, or take another name")
        server = self._servers[name] = NamedServer(self, name, factory)
        await asyncio.sleep(0)
        return server

    async def connect(
        self, name: str, factory: Callable[[], Any], there: Link | None = None, back: Link | None = None
    ) -> tuple[Stream, Any]:
        """Connect to a name and return (transport, protocol).

        `there` is what the way to the server is like, `back` the way from it; None: the network's link. Raises
        ConnectionRefusedError where nobody listens, or too many wait to be accepted.
        """
        there, back = there or self.link, back or self.link
        await asyncio.sleep(there.latency_s + back.latency_s)
        server = self._servers.get(name)
        if server is None:
            names = ", ".join(map(repr, self._servers)) or "none"
            raise refused(f"nobody listens at {name!r}; the names at which servers listen: {names}")
        self._clients_made += 1
        names_of_ends = (f"client-{self._clients_made}", name)
        channel, theirs = connect_channels(memory_poller_of(self.loop), there, back, names_of_ends)
        if not server.welcome(theirs):
            channel.close()
            theirs.close()
            raise refused(f"{BACKLOG} connections wait to be accepted at {name!r}")
        try:
            protocol = factory()
            stream = Stream(self.loop, channel, protocol, contextvars.copy_context())
        except BaseException:
            channel.close()
            raise
        stream.start()
        try:
            await asyncio.sleep(0)
        except BaseException:
            stream.close()  # cancelled: nobody will get hold of it
            raise
        return stream, protocol

    async def start_server(self, connected: Callable[..., Any], name: str) -> NamedServer:
        """Listen at a name; call `connected(reader, writer)` for each connection, as `asyncio.start_server` does."""

        def factory() -> StreamReaderProtocol:
            return StreamReaderProtocol(StreamReader(STREAM_LIMIT, self.loop), connected, self.loop)

        return await self.listen(name, factory)

    async def open_connection(
        self, name: str, there: Link | None = None, back: Link | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to a name and return (reader, writer), as `asyncio.open_connection` does."""
        reader = StreamReader(STREAM_LIMIT, self.loop)
        protocol = StreamReaderProtocol(reader, loop=self.loop)
        transport: Any = (await self.connect(name, lambda: protocol, there, back))[0]
        return reader, StreamWriter(transport, protocol, reader, self.loop)

    def forget(self, server: NamedServer) -> None:
        """Free the name of a server that closes."""
        if self._servers.get(server.name) is server:
            del self._servers[server.name]


def refused(why: str) -> ConnectionRefusedError:
    """Return the exception for a connection that cannot be made."""
    return ConnectionRefusedError(errno.ECONNREFUSED, why)
