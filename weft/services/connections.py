"""The connections of a service: which are open, having them finish, waiting until they have, cutting them off.

Between a transport and its protocol stands a watch, which hears the connection's beginning and end. What happens in
between goes to the protocol's own methods directly: the transport finds them on the watch, and calls them as it would
without it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeGuard

from weft.streams import StreamReader, StreamReaderProtocol

Factory = Callable[[], Any]
StreamHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LOOK_S = 0.05
"""How often the ends of those connections are looked for that went over to another protocol (start-TLS, an upgrade):
their watch hears no more. Only while somebody waits for the end."""


class Connections:
    """The open connections of one service, in the order in which they began."""

    def __init__(self) -> None:
        self._open: dict[int, Watch] = {}
        self._count = 0
        self._ended = asyncio.Event()

    def __len__(self) -> int:
        return sum(1 for _ in self.watches())

    @property
    def total(self) -> int:
        """How many there were in all."""
        return self._count

    def watched(self, factory: Factory) -> Factory:
        """Return a factory of the same protocols, whose connections are counted here."""

        def make() -> Watch:
            protocol = factory()
            kind = BufferedWatch if isinstance(protocol, asyncio.BufferedProtocol) else StreamWatch
            return kind(self, protocol)

        return make

    def watches(self) -> Iterator[Watch]:
        """Yield those that are open, and forget those that ended unheard."""
        for watch in list(self._open.values()):
            if watch.is_over():
                self.ended(watch)
            else:
                yield watch

    def began(self, watch: Watch) -> None:
        """Count a connection in."""
        self._count += 1
        watch.number = self._count
        self._open[watch.number] = watch

    def ended(self, watch: Watch) -> None:
        """Count a connection out."""
        if self._open.pop(watch.number, None) is not None:
            watch.over.set()
        if not self._open:
            self._ended.set()

    async def wait_ended(self) -> None:
        """Return when none is open."""
        while any(True for _ in self.watches()):
            self._ended.clear()
            try:
                await asyncio.wait_for(self._ended.wait(), LOOK_S if self._has_deaf() else None)
            except TimeoutError:
                pass

    def _has_deaf(self) -> bool:
        return any(not watch.hears() for watch in self._open.values())

    def abort(self) -> int:
        """Cut off those that are open; return how many that were."""
        watches = list(self.watches())
        for watch in watches:
            watch.abort()
        return len(watches)


class Watch(asyncio.BaseProtocol):
    """Stands before one protocol, and hears its connection begin and end."""

    def __init__(self, connections: Connections, protocol: Any) -> None:
        self.connections = connections
        self.protocol = protocol
        self.transport: Any = None
        self.number = 0
        self.over = asyncio.Event()
        for name in self.passed_on:
            method = getattr(protocol, name, None)
            if method is not None:
                setattr(self, name, method)

    passed_on: tuple[str, ...] = ("pause_writing", "resume_writing")

    def connection_made(self, transport: Any) -> None:
        """Count the connection in, and tell the protocol."""
        self.transport = transport
        self.connections.began(self)
        self.protocol.connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the protocol, and count the connection out."""
        try:
            self.protocol.connection_lost(error)
        finally:
            self.connections.ended(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.protocol, name)  # what transports of some libraries ask of a protocol beyond asyncio's

    def hears(self) -> bool:
        """Return whether the transport still tells this watch of its end."""
        return bool(self.transport.get_protocol() is self)

    def is_over(self) -> bool:
        """Return whether the connection ended unheard, with all that was to be sent."""
        transport = self.transport
        return bool(not self.hears() and transport.is_closing() and not transport.get_write_buffer_size())

    def abort(self) -> None:
        """Cut the connection off."""
        self.transport.abort()

    async def wait_over(self) -> None:
        """Return when the connection has ended."""
        while not self.over.is_set():
            if self.is_over():
                self.connections.ended(self)
                return
            try:
                await asyncio.wait_for(self.over.wait(), None if self.hears() else LOOK_S)
            except TimeoutError:
                pass


class StreamWatch(Watch, asyncio.Protocol):
    """The watch of a protocol that is given bytes."""

    passed_on = (*Watch.passed_on, "data_received", "eof_received")


class BufferedWatch(Watch, asyncio.BufferedProtocol):
    """The watch of a protocol that has its bytes written into its own buffer."""

    passed_on = (*Watch.passed_on, "get_buffer", "buffer_updated", "eof_received")


def is_stream_handler(factory: Any) -> TypeGuard[StreamHandler]:
    """Return whether it is a coroutine function, which is called with each connection's reader and writer."""
    call = factory if inspect.isroutine(factory) or inspect.isclass(factory) else type(factory).__call__
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(factory, "func", None))


class Handlers:
    """The tasks of a coroutine function that serves connections, one for each."""

    def __init__(self, handler: StreamHandler, name: str) -> None:
        self.handler = handler
        self.name = name
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.writers: dict[int, asyncio.StreamWriter] = {}
        self._count = 0

    def make_protocol(self) -> StreamReaderProtocol:
        """Return the protocol of one connection; its task begins with it."""
        return StreamReaderProtocol(StreamReader(), self._begin)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        number = self._count
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._handle(reader, writer), name=f"{self.name} {number}")
        self.tasks[number] = task
        self.writers[number] = writer
        task.add_done_callback(lambda _: self._forget(number))  # a task that is cancelled at once never runs

    def _forget(self, number: int) -> None:
        del self.tasks[number], self.writers[number]

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection and close it. What the handler raises is reported, and cuts the connection off."""
        try:
            await self.handler(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            writer.transport.abort()
        except Exception as error:
            writer.transport.abort()
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"{self.name} failed while it served a connection", "exception": error}
            )
        else:
            writer.close()

    async def wait_ended(self) -> None:
        """Return when no task is left."""
        while self.tasks:
            await asyncio.wait(self.tasks.values())
            await asyncio.sleep(0)  # those that ended are forgotten in the next turn

    async def cancel(self) -> None:
        """Cancel what is left, and wait until it has ended."""
        for task in self.tasks.values():
            task.cancel()
        await self.wait_ended()
