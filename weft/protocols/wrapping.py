"""Wrapping: something that stands between a transport and a protocol, and looks like the one to the other.

A wrapping factory is given to a loop in place of the factory that it wraps:

    await loop.create_server(IdleLimit(Echo, 60), host, port)

Wrappings can be wrapped again. The innermost protocol knows nothing of it: its transport is the wrapping.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, cast

AnyProtocol = asyncio.Protocol | asyncio.BufferedProtocol
ProtocolFactory = Callable[[], AnyProtocol]
Bytes = bytes | bytearray | memoryview


class WrappingProtocol(asyncio.Transport, asyncio.Protocol):
    """Hands everything on, both ways. A subclass overrides what it cares about.

    The inner protocol is made when its connection begins (`open_inner`), and told of its end if it was told of its
    beginning.
    """

    transport: asyncio.Transport
    """The transport below."""
    inner: AnyProtocol | None = None
    """The protocol above, once there is one."""

    def __init__(self, factory: ProtocolFactory) -> None:
        super().__init__()
        self._factory = factory

    def open_inner(self) -> None:
        """Make the protocol above, and tell it that it is connected."""
        self.inner = self._factory()
        self.inner.connection_made(self)

    # -- a protocol, to the transport below

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: keep the transport below, and open what is above."""
        self.transport = cast(asyncio.Transport, transport)
        self.open_inner()

    def data_received(self, data: bytes) -> None:
        """Hand data up."""
        self.deliver(data)

    def deliver(self, data: bytes) -> None:
        """Give data to the protocol above, in its own buffer if it has one (asyncio.BufferedProtocol)."""
        if self.inner is not None:
            hand_up(self.inner, data)

    def eof_received(self) -> bool | None:
        """Hand the peer's end up; return whether the connection stays open."""
        return None if self.inner is None else self.inner.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """Hand the connection's end up."""
        if self.inner is not None:
            self.inner.connection_lost(error)

    def pause_writing(self) -> None:
        """Hand up that too much waits to be sent."""
        if self.inner is not None:
            self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand up that there is room again."""
        if self.inner is not None:
            self.inner.resume_writing()

    # -- a transport, to the protocol above

    def write(self, data: Bytes) -> None:
        """Hand data down."""
        self.transport.write(data)

    def writelines(self, list_of_data: Iterable[Bytes]) -> None:
        """Hand several pieces down."""
        for data in list_of_data:
            self.write(data)

    def write_eof(self) -> None:
        """Half close."""
        self.transport.write_eof()

    def can_write_eof(self) -> bool:
        """Return whether the transport below can be half closed."""
        return self.transport.can_write_eof()

    def close(self) -> None:
        """End in good order."""
        self.transport.close()

    def abort(self) -> None:
        """End at once."""
        self.transport.abort()

    def is_closing(self) -> bool:
        """Return whether the connection has ended or is about to."""
        return self.transport.is_closing()

    def pause_reading(self) -> None:
        """Hand nothing up until `resume_reading`."""
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Hand up again what comes."""
        self.transport.resume_reading()

    def is_reading(self) -> bool:
        """Return whether what comes is handed up."""
        return self.transport.is_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport below knows under `name`."""
        return self.transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand data up to another protocol from now on."""
        self.inner = cast(AnyProtocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol above; this wrapping itself while there is none."""
        return self if self.inner is None else self.inner

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the watermarks of the transport below, in bytes."""
        self.transport.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the watermarks (low, high) of the transport below, in bytes."""
        return self.transport.get_write_buffer_limits()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""
        return self.transport.get_write_buffer_size()


class WrappingFactory:
    """Makes a wrapping for each connection, around a protocol of the factory that it was given.

    What its wrappings share stands here: a count, a rate, a limit.
    """

    def __init__(self, factory: ProtocolFactory) -> None:
        self.factory = factory

    def __call__(self) -> WrappingProtocol:
        """Return a new wrapping."""
        return WrappingProtocol(self.factory)


def hand_up(protocol: Any, data: bytes) -> None:
    """Give data to a protocol, in its own buffer if it has one (asyncio.BufferedProtocol)."""
    if not isinstance(protocol, asyncio.BufferedProtocol):
        protocol.data_received(data)
        return
    view = memoryview(data)
    while view:
        buffer = memoryview(cast(bytearray, protocol.get_buffer(len(view))))
        count = min(len(buffer), len(view))
        if count == 0:
            raise RuntimeError("get_buffer() returned an empty buffer")
        buffer[:count] = view[:count]
        protocol.buffer_updated(count)
        view = view[count:]
