"""This process's own standard input and output as one connection: for filters, and for programs that others start.

The connection takes the two over. What is printed from then on goes to standard error, where it does not get between
the protocol's bytes.
"""

from __future__ import annotations

import asyncio
import io
import os
import select
import socket
import stat
import sys
from dataclasses import dataclass
from typing import Any, cast

from weft.endpoints.base import ClientEndpoint, Factory, P, ServerEndpoint
from weft.endpoints.duplex import Duplex
from weft.endpoints.files import ReadFile, WrittenFile
from weft.endpoints.port import Port
from weft.errors import EndpointError

STDIN, STDOUT, STDERR = 0, 1, 2


@dataclass(frozen=True)
class Stdio(ServerEndpoint, ClientEndpoint):
    """The connection made of this process's standard input and output; there is one, so it can be had once.

    Pipes, sockets, terminals and files will do. Listening makes the connection at once and accepts no other.
    """

    async def listen(self, factory: Factory[Any]) -> Port:
        """Make the connection; return a port that accepts nothing."""
        await self.connect(factory)
        return Port(addresses=[])

    async def connect(self, factory: Factory[P]) -> tuple[asyncio.Transport, P]:
        """Make the connection. Raises EndpointError if it was made before, OSError if the descriptors are closed."""
        incoming, outgoing = take()
        protocol = factory()
        if is_same_socket(incoming, outgoing):
            with outgoing:
                sock = socket.socket(fileno=incoming.release())
            return await asyncio.get_running_loop().create_connection(lambda: protocol, sock=sock)
        connection = StandardConnection(protocol)
        try:
            await connection.start(incoming, outgoing)
        except BaseException:
            incoming.close()
            outgoing.close()
            raise
        return connection, protocol


class Taken(io.FileIO):
    """A descriptor that was taken over; closing gives it back its blocking mode, which others may share with us."""

    def __init__(self, descriptor: int, mode: str) -> None:
        super().__init__(descriptor, mode)
        self.was_blocking = os.get_blocking(descriptor)

    def close(self) -> None:
        """Close it. Closing twice does nothing."""
        if not self.closed:
            os.set_blocking(self.fileno(), self.was_blocking)
        super().close()

    def release(self) -> int:
        """Return a descriptor for the same, and close this one."""
        descriptor = os.dup(self.fileno())
        self.close()
        return descriptor


class Once:
    """Whether standard input and output were taken already."""

    is_taken = False


def take() -> tuple[Taken, Taken]:
    """Take standard input and output over: nothing comes from the one any more, the other goes to standard error."""
    if Once.is_taken:
        raise EndpointError("standard input and output were taken before: there is one connection made of them")
    if sys.__stdin__ is None or sys.__stdout__ is None:
        raise EndpointError("standard input or output was closed when this process began")
    sys.__stdout__.flush()
    incoming = Taken(os.dup(STDIN), "rb")
    try:
        outgoing = Taken(os.dup(STDOUT), "wb")
    except BaseException:
        incoming.close()
        raise
    Once.is_taken = True
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, STDIN)
    # Where standard error was closed at the start, its number may be any file's now.
    os.dup2(nothing if sys.__stderr__ is None else STDERR, STDOUT)
    os.close(nothing)
    return incoming, outgoing


def is_same_socket(incoming: Taken, outgoing: Taken) -> bool:
    """Return whether both are one socket, as inetd passes it."""
    one, other = os.fstat(incoming.fileno()), os.fstat(outgoing.fileno())
    return stat.S_ISSOCK(one.st_mode) and (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def is_always_ready(file: Taken) -> bool:
    """Return whether no poller can tell when a file is ready, because it always is: a regular one, /dev/null."""
    if not hasattr(select, "epoll"):
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    with select.epoll() as poll:
        try:
            poll.register(file.fileno(), 0)
        except PermissionError:
            return True
    return False


class StandardConnection(Duplex):
    """The connection made of two descriptors."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__(protocol)
        self.open_ways = 0

    async def start(self, incoming: Taken, outgoing: Taken) -> None:
        """Open both ways; the reading one last, so that nothing comes before the protocol is told."""
        loop = asyncio.get_running_loop()
        if is_always_ready(outgoing):
            WrittenFile(outgoing, Outgoing(self))
        else:
            await loop.connect_write_pipe(lambda: Outgoing(self), outgoing)
        try:
            if is_always_ready(incoming):
                ReadFile(incoming, Incoming(self))
            else:
                await loop.connect_read_pipe(lambda: Incoming(self), incoming)
        except BaseException:
            self._is_told = True
            self.writing.abort()
            raise

    def way_opened(self) -> None:
        """One of the two is there."""
        self.open_ways += 1

    def way_closed(self, error: Exception | None) -> None:
        """One of the two is closed."""
        self.open_ways -= 1
        if error is not None:
            self.failed(error)
        if not self.open_ways:
            self.ended()


class Incoming(asyncio.Protocol):
    """What the loop tells of the way in."""

    def __init__(self, connection: StandardConnection) -> None:
        self.connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there, and so are both."""
        self.connection.reading = cast(asyncio.ReadTransport, transport)
        self.connection.way_opened()
        self.connection.open()

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self.connection.came(data)

    def eof_received(self) -> bool:
        """Nothing more will come."""
        self.connection.input_ended()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self.connection.way_closed(exc)


class Outgoing(asyncio.Protocol):
    """What the loop tells of the way out."""

    def __init__(self, connection: StandardConnection) -> None:
        self.connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self.connection.writing = cast(asyncio.WriteTransport, transport)
        self.connection.way_opened()

    def pause_writing(self) -> None:
        """Too much waits to be sent."""
        self.connection.pause_writing()

    def resume_writing(self) -> None:
        """There is room again."""
        self.connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed. If we did not close it, nobody reads any more: the connection is over."""
        connection = self.connection
        if exc is not None or not (connection.is_closing() or connection.has_written_eof):
            connection.failed(exc or BrokenPipeError("nobody reads the standard output any more"))
            connection.reading.close()
        connection.way_closed(None)
