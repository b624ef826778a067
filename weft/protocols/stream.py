"""The protocol of one connection, with flow control both ways.

Reading: several parties may want a pause at the same time, each for its own reason (`Hold`); the transport reads when
none does. Writing: the transport says when more is waiting than its high watermark; then a registered producer is
paused, `drain()` waits, and messages whose handling adds to what waits are held back (messages.py).

Nothing here needs `__init__` to be called, so that a subclass may define its own and think of nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast, overload
from typing import Literal as Only

from weft.errors import BacklogFullError, InvalidStateError
from weft.protocols.producers import PullProducer, Pump, PushProducer

MAX_BACKLOG_BYTES = 1024 * 1024
"""What may wait that came after reading was paused. Transports of event loops stop at once, or after a chunk; those
over TLS may give what was already decrypted, up to 256 KiB in asyncio's."""


class Hold:
    """The reasons for which delivery may be held, as bits."""

    ASKED = 1  # by pause_reading
    OUTPUT = 2  # the peer does not take what its messages made us write
    PAIRING = 4  # a relay whose other side is not there yet
    PEER = 8  # a relay whose other side is slower
    REFUSED = 16  # the peer broke the protocol; never let go
    LOST = 32  # the connection is over; never let go


class StreamProtocol(asyncio.Protocol):
    """A protocol on any loop's stream transports: `transport`, pausing, `drain`, producers.

    Override `connected` and `disconnected` for the beginning and the end, and `data_received` for the bytes.
    """

    transport: asyncio.Transport
    """The connection; there is none before `connected`."""
    _holds = 0
    _is_lost = False
    _is_writing_paused = False
    _drain_waiters: list[asyncio.Future[None]] | None = None
    _producer: PushProducer | None = None
    _closes_after_producer = False
    # What a message protocol has in its place (exchange.py), compiled, and before there is any:
    _transport: Any = None
    _stream: Any = None

    # -- what a subclass overrides

    def connected(self) -> None:
        """Act on the connection being there."""

    def disconnected(self, error: Exception | None) -> None:
        """Act on the connection being over; `error` is None for an orderly end."""

    # -- asyncio's protocol interface

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and call `connected`."""
        self.transport = cast(asyncio.Transport, transport)  # other loops' are none by inheritance
        self._begin()
        self.connected()

    def connection_lost(self, error: Exception | None) -> None:
        """Let go of everyone who waits, and call `disconnected`."""
        self._is_lost = True
        producer, self._producer = self._producer, None
        waiters, self._drain_waiters = self._drain_waiters or [], None
        for waiter in waiters:
            if not waiter.done():
                lost = ConnectionResetError("the connection ended before its peer took what was written")
                lost.__cause__ = error
                waiter.set_exception(lost)
        try:
            if producer is not None:
                producer.stop_producing()
        finally:
            self.disconnected(error)

    def pause_writing(self) -> None:
        """More waits to be sent than the high watermark: pause the producer, let `drain` wait."""
        self._is_writing_paused = True
        if self._producer is not None:
            self._producer.pause_producing()

    def resume_writing(self) -> None:
        """Less waits to be sent than the low watermark: go on."""
        self._is_writing_paused = False
        waiters, self._drain_waiters = self._drain_waiters or [], None
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if self._producer is not None:
            self._producer.resume_producing()

    # -- reading

    def pause_reading(self) -> None:
        """Be given nothing more until `resume_reading`; at once, also in the middle of a chunk.

        What came already waits. Pausing twice does nothing.
        """
        self._hold(Hold.ASKED)

    def resume_reading(self) -> None:
        """Be given what waits, from the next turn of the loop on, and then what comes."""
        self._release(Hold.ASKED)

    def _hold(self, reason: int) -> None:
        was_held = self._holds
        self._holds |= reason
        if not was_held and not self._is_lost and not self.transport.is_closing():
            self.transport.pause_reading()

    def _hold_again(self) -> None:
        """Something came although reading is held: uvloop forgets a pause that is made in `connection_made`."""
        if self._holds and not self._is_lost and not self.transport.is_closing():
            self.transport.pause_reading()

    def _check_backlog(self, waiting: int, more: int) -> None:
        """Raise BacklogFullError if more bytes come than may wait: the transport does not heed a pause at all."""
        if waiting and waiting + more > MAX_BACKLOG_BYTES:
            raise BacklogFullError(
                f"{more} bytes came although reading was paused, and {waiting} wait already; at most "
                f"{MAX_BACKLOG_BYTES} may. The transport {self.transport!r} does not heed pause_reading()"
            )

    def _release(self, reason: int) -> None:
        if self._holds & reason:
            self._holds &= ~reason
            if not self._holds:
                self._go_on()

    def _go_on(self) -> None:
        """Nobody holds delivery any more: read."""
        if not self._is_lost and not self.transport.is_closing():
            self.transport.resume_reading()

    # -- writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes. To be bounded, `await drain()` between writes, register a producer, or write in reply only."""
        self.transport.write(data)

    async def drain(self) -> None:
        """Wait until the peer has taken enough of what was written for more to be welcome.

        Returns at once while little waits. Raises ConnectionResetError if the connection ends first, or has ended.
        """
        if self._is_lost:
            raise ConnectionResetError("the connection is over: what is written now reaches nobody")
        if not self._is_writing_paused:
            return
        waiter = asyncio.get_running_loop().create_future()
        if self._drain_waiters is None:
            self._drain_waiters = []
        self._drain_waiters.append(waiter)
        await waiter

    @overload
    def register_producer(self, producer: PushProducer, is_streaming: Only[True] = True) -> None: ...

    @overload
    def register_producer(self, producer: PullProducer, is_streaming: Only[False]) -> None: ...

    def register_producer(self, producer: PushProducer | PullProducer, is_streaming: bool = True) -> None:
        """Let `producer` write at the pace at which the peer reads, until `unregister_producer`.

        A push producer (`is_streaming`) is paused while too much waits to be sent; a pull producer is asked for more,
        once a turn of the loop, while little does. Either is told to stop when the connection is over, at once if it
        is already. Raises InvalidStateError if there is a producer: one at a time.
        """
        if self._producer is not None:
            raise InvalidStateError(
                f"{type(producer).__name__} cannot be registered: {self._producer!r} is this connection's producer. "
                "Call unregister_producer() when it has made everything"
            )
        if self._is_lost:
            producer.stop_producing()
            return
        if is_streaming:
            self._producer = cast(PushProducer, producer)
            if self._is_writing_paused:
                self._producer.pause_producing()
        else:
            self._producer = Pump(producer, self._fail_producer)
            if not self._is_writing_paused:
                self._producer.resume_producing()

    def unregister_producer(self) -> None:
        """Let the producer go: it has made everything. If `close` was called meanwhile, the connection ends now."""
        producer, self._producer = self._producer, None
        if isinstance(producer, Pump):
            producer.release()
        if self._closes_after_producer:
            self.transport.close()

    def close(self) -> None:
        """End the connection in good order: a producer makes what it has to make, and all of it is sent first."""
        if self._producer is not None:
            self._closes_after_producer = True
        else:
            self.transport.close()

    def abort(self) -> None:
        """End the connection at once; what was not sent is dropped."""
        self.transport.abort()

    def _fail_producer(self) -> None:
        """End the connection: its producer raised, and what it makes would have a hole."""
        self.unregister_producer()
        self.transport.abort()

    def _begin(self) -> None:
        """Get ready for a connection, before `connected`."""
