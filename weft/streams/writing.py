# cython: binding=False, embedsignature=True, embedsignature.format=clinic
"""The writing half of a stream: bytes to the transport, and waiting until it takes more."""

from __future__ import annotations

import asyncio
from typing import Any

from weft.ports import StreamTransport
from weft.streams import _stepping, states
from weft.streams.awaited import Awaited
from weft.streams.reading import ProtocolBase, ReaderBase


class WriterBase:
    """What `weft.streams.StreamWriter` has before asyncio's."""

    def __init__(self, protocol: Any, reader: Any) -> None:
        self.transport_asked: Any = None
        self.stream: Any = None  # the transport, where it is one of Weft's own streams
        self.protocol = protocol if isinstance(protocol, ProtocolBase) else None
        self.reader = reader if isinstance(reader, ReaderBase) else None
        self.spare: Any = None  # the last call that was made: when it is over and forgotten, it is the next

    @property
    def _transport(self) -> Any:
        return self.transport_asked

    @_transport.setter
    def _transport(self, transport: Any) -> None:
        self.transport_asked = transport
        self.stream = transport if isinstance(transport, StreamTransport) else None

    def write(self, data: Any) -> None:
        """Accept bytes for sending; never waits."""
        if self.stream is not None:
            self.stream.write(data)
        else:
            self.transport_asked.write(data)

    def drain(self) -> Any:
        """Wait until the transport takes more; right after many bytes were written. Await it."""
        return make_drain(self)

    def is_clear(self) -> bool:
        """Return whether nothing is known that a `drain` has to wait for or to tell of."""
        if self.stream is None or self.protocol is None or self.stream.is_closing():
            return False
        if self.protocol._paused or self.protocol._connection_lost:
            return False
        return self.reader is not None and self.reader._exception is None


class Drain(Awaited):
    """One call of `drain`."""

    __slots__ = ("writer",)

    writer: Any

    def step(self) -> Any:
        """Return None and be OVER if there is nothing to wait for, else go over to asyncio's coroutine."""
        state = self.state
        if state == states.NEW:
            if not self.writer.is_clear():
                self.writer.spare = None
                return self.hand_on()
            self.finish()
            return None
        if state == states.HANDED_ON:
            return self.inner.send(None)
        raise RuntimeError("cannot reuse already awaited coroutine")

    def finish(self) -> None:
        """Be OVER."""
        self.state = states.OVER
        self.writer = None

    def method(self) -> Any:
        """Return asyncio's function that this is a call of."""
        return asyncio.StreamWriter.drain

    def coroutine(self) -> Any:
        """Return asyncio's coroutine of the same call."""
        return asyncio.StreamWriter.drain(self.writer)


def make_drain(writer: WriterBase) -> Drain:
    """Return a call of `drain`."""
    drain: Drain | None = writer.spare
    writer.spare = None
    if drain is None or not _stepping.is_only(drain):
        drain = Drain.__new__(Drain)
    elif drain.state == states.NEW:
        drain.warn()
    writer.spare = drain
    drain.writer = writer
    drain.state = states.NEW
    drain.inner = None
    return drain


_stepping.install(Drain)
