"""The peer of one protocol, without any loop: it sends, sees what was answered, and goes away.

    peer = Peer(EchoProtocol())
    peer.send(b"hello")
    assert peer.take() == b"hello"

The protocol has a transport whose life is the table of Weft's streams (weft.transports.lifecycle). Everything happens
while the peer is called: there is no later, so a protocol that sets timers wants `ManualLoop` and `connect_pair`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from weft.errors import InvalidStateError
from weft.testing.wire import Fragments, sizes
from weft.transports import lifecycle

HIGH_WATER = 65536
"""Bytes waiting from which on the protocol is asked to pause, as for Weft's streams."""
WRITABLE = (lifecycle.OPEN, lifecycle.READ_CLOSED)
ENDED = (lifecycle.WRITE_CLOSED, lifecycle.BOTH_CLOSED, lifecycle.CLOSED)
READABLE = (lifecycle.OPEN, lifecycle.WRITE_CLOSED)


class PeerTransport(asyncio.Transport):
    """What the protocol writes to: the peer's memory."""

    def __init__(self, protocol: Any, extra: dict[str, Any]) -> None:
        super().__init__(extra)
        self.protocol = protocol
        self.state = lifecycle.CONNECTING
        self.arriving = bytearray()
        self.peer_has_ended = False
        self.pending = bytearray()
        self.taken = bytearray()
        self.is_stalled = False
        self.is_reading_paused = False
        self.is_protocol_paused = False
        self.low, self.high = HIGH_WATER // 4, HIGH_WATER
        self.error: BaseException | None = None
        self.was_told_of_end = False

    def change(self, event: int) -> None:
        """Go to the next state of the table."""
        self.state = lifecycle.TRANSITIONS[self.state, event]

    # -- what a protocol calls

    def write(self, data: Any) -> None:
        """Accept bytes; they reach the peer at once, unless it stalls."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data must be bytes, bytearray or memoryview, not {type(data).__name__}")
        if self.state in (lifecycle.WRITE_CLOSED, lifecycle.BOTH_CLOSED):
            raise RuntimeError("Cannot call write() after write_eof()")
        if self.state in WRITABLE:
            self.pending += data
            self.deliver()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Accept several pieces."""
        for data in list_of_data:
            self.write(data)

    def write_eof(self) -> None:
        """Half close."""
        if self.state in WRITABLE:
            self.change(lifecycle.WRITE_ENDED)

    def can_write_eof(self) -> bool:
        """Return True: it can be half closed."""
        return True

    def close(self) -> None:
        """End in good order: what waits is sent first. Closing twice does nothing."""
        if self.state < lifecycle.CLOSING:
            self.change(lifecycle.CLOSE_ASKED)
            self.deliver()

    def abort(self) -> None:
        """End at once."""
        self.lose(None)

    def is_closing(self) -> bool:
        """Return whether it has ended or is about to."""
        return self.state >= lifecycle.CLOSING

    def pause_reading(self) -> None:
        """Give the protocol nothing more until `resume_reading`."""
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        """Give the protocol bytes again, once the running callback is over."""
        self.is_reading_paused = False

    def is_reading(self) -> bool:
        """Return whether bytes that come are given to the protocol."""
        return not self.is_reading_paused and self.state in READABLE

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the watermarks, in bytes; without `low` it is a quarter of `high`. Raises ValueError."""
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self.low, self.high = low, high
        self.hold_protocol()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the watermarks (low, high), in bytes."""
        return (self.low, self.high)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait for a peer that stalls."""
        return len(self.pending)

    def set_protocol(self, protocol: Any) -> None:
        """Give the bytes to another protocol from now on."""
        self.protocol = protocol

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self.protocol

    # -- what the peer does

    def deliver(self) -> None:
        """Let the peer have what waits, unless it stalls; end what was waiting to end."""
        if not self.is_stalled:
            self.taken += self.pending
            self.pending.clear()
            if self.state == lifecycle.CLOSING:
                self.change(lifecycle.FLUSHED)
        self.hold_protocol()

    def hold_protocol(self) -> None:
        """Ask the protocol to pause above the high watermark, and to go on at the low one."""
        if self.state >= lifecycle.CLOSING:
            return
        if len(self.pending) > self.high and not self.is_protocol_paused:
            self.is_protocol_paused = True
            self.protocol.pause_writing()
        elif len(self.pending) <= self.low and self.is_protocol_paused:
            self.is_protocol_paused = False
            self.protocol.resume_writing()

    def lose(self, error: BaseException | None) -> None:
        """End at once, because of an error."""
        if self.state != lifecycle.CLOSED:
            self.pending.clear()
            self.error = error
            self.change(lifecycle.LOST)


class Peer:
    """Plays the other end of a protocol's connection; `Peer(protocol)` connects it.

    `fragments` says how many bytes the protocol is given at once: a number, a list of numbers that is used in turn,
    a `random.Random`; None: what each `send` sends. What the protocol raises comes out of the call that led to it.
    """

    def __init__(self, protocol: Any, fragments: Fragments = None, **extra: Any) -> None:
        self.transport = PeerTransport(protocol, {"peername": "peer", **extra})
        self._sizes = sizes(fragments)
        self.transport.change(lifecycle.CONNECTED)
        self._act(lambda: protocol.connection_made(self.transport))

    # -- what it does

    def send(self, data: bytes) -> None:
        """Send bytes to the protocol; while it pauses reading they wait. Raises InvalidStateError after the end."""
        if self.transport.peer_has_ended:
            raise InvalidStateError("the peer has ended its side: it cannot send() after end() or lose()")
        self.transport.arriving += data
        self._settle()

    def end(self) -> None:
        """Send nothing more: the protocol is told of the end, behind all that was sent. Ending twice does nothing."""
        self.transport.peer_has_ended = True
        self._settle()

    def lose(self, error: BaseException | None = None) -> None:
        """Break the connection; the protocol is told of `error` (None: a ConnectionResetError)."""
        self.transport.peer_has_ended = True
        self.transport.lose(error or ConnectionResetError("the peer broke the connection"))
        self._settle()

    def stall(self) -> None:
        """Take nothing more: what the protocol writes waits, and above its high watermark it is asked to pause."""
        self.transport.is_stalled = True

    def resume(self) -> None:
        """Take again, what waits first."""
        self.transport.is_stalled = False
        self._act(self.transport.deliver)

    def take(self) -> bytes:
        """Return what the protocol wrote and the peer did not take before."""
        self._settle()
        taken = bytes(self.transport.taken)
        self.transport.taken.clear()
        return taken

    # -- what it sees

    @property
    def protocol(self) -> Any:
        """The protocol that has the connection now."""
        return self.transport.protocol

    @property
    def has_ended(self) -> bool:
        """Whether the protocol sends no more, by `write_eof` or `close`, and the peer has taken all that it sent."""
        self._settle()
        return self.transport.state in ENDED and not self.transport.pending

    @property
    def is_closed(self) -> bool:
        """Whether the connection is over; the protocol has been told so."""
        self._settle()
        return self.transport.state == lifecycle.CLOSED

    # -- one thing after another

    def _act(self, call: Callable[[], object]) -> None:
        """Do one thing, and then what it led to."""
        call()
        self._settle()

    def _settle(self) -> None:
        """Give the protocol what has come, then the end, then the loss, as far as its state lets it have them."""
        transport = self.transport
        while transport.arriving and transport.is_reading():
            self._give()
        if not transport.arriving and transport.peer_has_ended and transport.is_reading():
            if transport.protocol.eof_received():
                if transport.state in READABLE:
                    transport.change(lifecycle.PEER_ENDED)
            else:
                transport.close()
        if transport.state == lifecycle.CLOSED and not transport.was_told_of_end:
            transport.was_told_of_end = True
            transport.protocol.connection_lost(transport.error)

    def _give(self) -> None:
        """Give the protocol one fragment."""
        transport = self.transport
        most = len(transport.arriving)
        size = most if self._sizes is None else min(most, max(1, next(self._sizes, most)))
        if not isinstance(transport.protocol, asyncio.BufferedProtocol):
            data = bytes(transport.arriving[:size])
            del transport.arriving[:size]
            transport.protocol.data_received(data)
            return
        buffer = memoryview(transport.protocol.get_buffer(-1)).cast("B")
        size = min(size, len(buffer))
        if size == 0:
            raise RuntimeError("get_buffer() returned an empty buffer")
        buffer[:size] = transport.arriving[:size]
        del transport.arriving[:size]
        transport.protocol.buffer_updated(size)
