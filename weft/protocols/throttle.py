"""Throttling: so many bytes a second, in and out, for all connections of a factory together or for each.

A rate is a bucket of bytes that fills with time. What comes in cannot be sent back, so it may overdraw the bucket,
and reading pauses until that is paid. What goes out waits until the bucket has it: the protocol above is asked to
pause at the watermark, as a transport asks.
"""

from __future__ import annotations

import asyncio
from collections import deque

from weft.protocols.wrapping import Bytes, ProtocolFactory, WrappingFactory, WrappingProtocol

SHARE_OF_A_SECOND = 0.05
"""What is sent at a time: as much as the rate allows in this time, so that a timer is worth its cost."""
SHORTEST_WAIT_S = 0.001
"""Rounding may leave a hair's breadth of credit missing; it is not waited for turn by turn."""
HIGH_WATER = 65536
"""Bytes held back from which on the protocol above is asked to pause, unless it sets other limits."""


class Rate:
    """So many bytes a second; after a pause, `burst_bytes` at once (a tenth of a second's worth, if not given)."""

    def __init__(self, bytes_per_second: float, burst_bytes: float | None = None) -> None:
        if not bytes_per_second > 0:
            raise ValueError(f"a rate must be more than 0 bytes a second, not {bytes_per_second!r}")
        self.bytes_per_second = bytes_per_second
        self.burst_bytes = max(1.0, bytes_per_second / 10 if burst_bytes is None else burst_bytes)
        self._credit = self.burst_bytes
        self._at_s: float | None = None

    def credit(self, now_s: float) -> int:
        """Return how many bytes may pass at this time of the loop's clock; below 0 while some are to be paid for."""
        if self._at_s is not None:
            self._credit = min(self.burst_bytes, self._credit + (now_s - self._at_s) * self.bytes_per_second)
        self._at_s = now_s
        return int(self._credit // 1)

    def spend(self, count: int, now_s: float) -> float:
        """Let `count` bytes pass; return for how many seconds nothing may pass after them."""
        self.credit(now_s)
        self._credit -= count
        return max(0.0, -self._credit / self.bytes_per_second)

    def wait_s(self, count: int) -> float:
        """Return after how many seconds to look for credit for `count` bytes again."""
        return max(SHORTEST_WAIT_S, (min(count, self.burst_bytes) - self._credit) / self.bytes_per_second)


class Throttle(WrappingFactory):
    """Lets `incoming` and `outgoing` bytes a second through, for all its connections together, or for `each`.

    None is no limit. A message that is larger than a tenth of a second's worth takes longer, and is not refused.
    """

    def __init__(
        self,
        factory: ProtocolFactory,
        incoming: float | None = None,
        outgoing: float | None = None,
        each: bool = False,
    ) -> None:
        super().__init__(factory)
        if incoming is None and outgoing is None:
            raise ValueError("a throttle needs a rate: Throttle(Echo, incoming=100_000, outgoing=100_000)")
        self.incoming = incoming
        self.outgoing = outgoing
        self.each = each
        self._shared = self._new_rates()

    def __call__(self) -> WrappingProtocol:
        """Return a wrapping that keeps its connection to the rates."""
        return ThrottleProtocol(self.factory, *(self._new_rates() if self.each else self._shared))

    def _new_rates(self) -> tuple[Rate | None, Rate | None]:
        return (
            None if self.incoming is None else Rate(self.incoming),
            None if self.outgoing is None else Rate(self.outgoing),
        )


class ThrottleProtocol(WrappingProtocol):
    """Keeps one connection to its rates; `Throttle` makes it."""

    def __init__(self, factory: ProtocolFactory, incoming: Rate | None, outgoing: Rate | None) -> None:
        super().__init__(factory)
        self._incoming = incoming
        self._outgoing = outgoing
        self._is_inner_reading = True
        self._paying: asyncio.TimerHandle | None = None  # until what came in too fast is paid for
        self._queue: deque[memoryview] = deque()
        self._queued = 0
        self._sending: asyncio.TimerHandle | None = None  # until there is credit for more
        self._is_below_paused = False
        self._is_inner_paused = False
        self._is_ending = False  # the stream ends once the queue is sent: all of it (close), or our half (write_eof)
        self._is_half_ending = False
        self._high, self._low = HIGH_WATER, HIGH_WATER // 4

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._loop = asyncio.get_running_loop()
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget what was not sent."""
        for timer in (self._paying, self._sending):
            if timer is not None:
                timer.cancel()
        self._queue.clear()
        self._queued = 0
        super().connection_lost(error)

    # -- in

    def data_received(self, data: bytes) -> None:
        """Hand data up, and pause until it is paid for."""
        super().data_received(data)
        if self._incoming is not None:
            delay_s = self._incoming.spend(len(data), self._loop.time())
            if delay_s > 0 and self._paying is None and not self.is_closing():
                self.transport.pause_reading()
                self._paying = self._loop.call_later(delay_s, self._paid)

    def _paid(self) -> None:
        self._paying = None
        assert self._incoming is not None
        if self._incoming.credit(self._loop.time()) < 0:  # others of the same rate overdrew it meanwhile
            self._paying = self._loop.call_later(self._incoming.wait_s(0), self._paid)
        elif self._is_inner_reading and not self.is_closing():
            self.transport.resume_reading()

    def pause_reading(self) -> None:
        """Hand nothing up until `resume_reading`."""
        self._is_inner_reading = False
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Hand up again what comes, as soon as the rate allows."""
        self._is_inner_reading = True
        if self._paying is None and not self.is_closing():
            self.transport.resume_reading()

    def is_reading(self) -> bool:
        """Return whether what comes is handed up, at the rate's pace."""
        return self._is_inner_reading and not self.is_closing()

    # -- out

    def write(self, data: Bytes) -> None:
        """Hand data down as the rate allows."""
        if self._outgoing is None:
            self.transport.write(data)
            return
        if self._is_half_ending:
            raise RuntimeError("Cannot call write() after write_eof()")
        if data and not self._is_ending:
            kept = memoryview(bytes(data))
            self._queue.append(kept)
            self._queued += len(kept)
            self._send()

    def _send(self) -> None:
        """Send what there is credit for, and come back for the rest."""
        rate = self._outgoing
        assert rate is not None
        if self._sending is None and not self._is_below_paused:
            while self._queue and not self._is_below_paused:
                now_s = self._loop.time()
                least = min(self._queued, max(1, int(rate.bytes_per_second * SHARE_OF_A_SECOND)), rate.burst_bytes)
                credit = rate.credit(now_s)
                if credit < int(least):
                    self._sending = self._loop.call_later(rate.wait_s(int(least)), self._send_again)
                    break
                piece = self._take(credit)
                rate.spend(len(piece), now_s)
                self.transport.write(piece)
        self._tell_inner()
        if not self._queue:
            self._end()

    def _send_again(self) -> None:
        self._sending = None
        self._send()

    def _take(self, most: int) -> memoryview:
        """Return the next piece of the queue, of up to `most` bytes."""
        piece = self._queue.popleft()
        if len(piece) > most:
            self._queue.appendleft(piece[most:])
            piece = piece[:most]
        self._queued -= len(piece)
        return piece

    def _end(self) -> None:
        """Everything was handed down: end what waited for that."""
        if self._is_ending:
            self.transport.close()
        elif self._is_half_ending:
            self.transport.write_eof()

    def _tell_inner(self) -> None:
        """Ask the protocol above to pause while too much waits here or below, and to go on when it does not."""
        if self._is_inner_paused:
            if not self._is_below_paused and self._queued <= self._low:
                self._is_inner_paused = False
                super().resume_writing()
        elif self._is_below_paused or self._queued > self._high:
            self._is_inner_paused = True
            super().pause_writing()

    def pause_writing(self) -> None:
        """Too much waits below: hand nothing down, and the pause up."""
        self._is_below_paused = True
        self._tell_inner()

    def resume_writing(self) -> None:
        """There is room below: hand down again."""
        self._is_below_paused = False
        if self._queue:
            self._send()
        else:
            self._tell_inner()

    def write_eof(self) -> None:
        """Half close, once everything is sent."""
        self._is_half_ending = True
        if not self._queue:
            self.transport.write_eof()

    def close(self) -> None:
        """End once everything is sent, at the rate's pace."""
        if self._queue and not self._is_ending:
            self.transport.pause_reading()
            self._is_ending = True
        elif not self._queue:
            self.transport.close()

    def is_closing(self) -> bool:
        """Return whether the connection has ended or is about to."""
        return self._is_ending or self.transport.is_closing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the watermarks, in bytes, here and below."""
        self.transport.set_write_buffer_limits(high, low)
        self._low, self._high = self.transport.get_write_buffer_limits()
        self._tell_inner()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent, here and below."""
        return self._queued + self.transport.get_write_buffer_size()
