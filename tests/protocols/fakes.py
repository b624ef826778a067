"""A transport in memory whose peer is the test, and a loop on which time passes only when nothing else happens."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any

import weft
from weft import protocols
from weft.core.readiness import SelectPoller
from weft.ports import Clock


class VirtualClock(Clock):
    """Tells the time that the poller has let pass."""

    def __init__(self) -> None:
        self.ns = 0

    def now_ns(self) -> int:
        return self.ns


class VirtualPoller(SelectPoller):
    """Lets time pass instead of waiting."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock

    def wait(self, timeout_ns: int) -> int:
        count = super().wait(0)
        if count == 0 and timeout_ns != 0:
            assert timeout_ns > 0, "everyone waits for something that will never happen"
            self.clock.ns += timeout_ns
        return count


def run_virtually(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a Weft loop in virtual time; fail if the loop had something to report."""
    clock = VirtualClock()
    loop = weft.Loop(poller=VirtualPoller(clock), clock=clock)
    reported: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda loop, context: reported.append(context))
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()
        assert reported == []


async def turns(count: int = 3) -> None:
    """Let the loop run what is due now."""
    for _ in range(count):
        await asyncio.sleep(0)


class MemoryTransport(asyncio.Transport):
    """A connection whose peer is the test: `give` and `end` are what it sends, `take` what it reads."""

    def __init__(self, high: int = 65536, low: int = 16384, **names: Any) -> None:
        super().__init__(extra=names)
        self.high, self.low = high, low
        self.unsent: deque[bytes] = deque()
        self.unsent_bytes = 0
        self.most_unsent_bytes = 0
        self.is_paused = False
        self.is_holding_protocol = False
        self.is_over = False
        self.was_closed = False
        self.was_aborted = False
        self.has_written_eof = False

    def connect(self, protocol: Any) -> Any:
        self.protocol = protocol
        protocol.connection_made(self)
        return protocol

    # -- the test's end

    def give(self, data: bytes) -> None:
        """Send, as a peer whose bytes the loop has already read."""
        self.protocol.data_received(data)

    def end(self) -> None:
        if not self.protocol.eof_received():
            self.close()

    def take(self, most: int = 2**62) -> bytes:
        """Read up to `most` bytes of what was written."""
        pieces = []
        while self.unsent and most > 0:
            piece = self.unsent.popleft()
            if len(piece) > most:
                self.unsent.appendleft(piece[most:])
                piece = piece[:most]
            pieces.append(piece)
            most -= len(piece)
            self.unsent_bytes -= len(piece)
        if self.is_holding_protocol and self.unsent_bytes <= self.low:
            self.is_holding_protocol = False
            self.protocol.resume_writing()
        self.finish()
        return b"".join(pieces)

    def lose(self, error: Exception | None) -> None:
        if not self.is_over:
            self.is_over = True
            self.protocol.connection_lost(error)

    def finish(self) -> None:
        if self.was_closed and not self.unsent:
            self.lose(None)

    # -- the protocol's end

    def write(self, data: Any) -> None:
        if self.is_closing() or not data:
            return
        assert not self.has_written_eof
        self.unsent.append(bytes(data))
        self.unsent_bytes += len(data)
        self.most_unsent_bytes = max(self.most_unsent_bytes, self.unsent_bytes)
        if self.unsent_bytes > self.high and not self.is_holding_protocol:
            self.is_holding_protocol = True
            self.protocol.pause_writing()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_written_eof = True

    def close(self) -> None:
        if not self.was_closed:
            self.was_closed = True
            if not self.unsent:
                asyncio.get_running_loop().call_soon(self.lose, None)

    def abort(self) -> None:
        self.was_aborted = self.was_closed = True
        self.unsent.clear()
        asyncio.get_running_loop().call_soon(self.lose, None)

    def is_closing(self) -> bool:
        return self.was_closed or self.is_over

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_reading(self) -> bool:
        return not self.is_paused and not self.is_closing()

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self.low, self.high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = 65536 if high is None else high
        self.low = self.high // 4 if low is None else low

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_protocol(self) -> Any:
        return self.protocol


class Lines(protocols.LineProtocol):
    """Notes everything that happens to it."""

    delimiter = b"\n"

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.raw: list[bytes] = []
        self.errors: list[Exception] = []
        self.ended = False
        self.lost: list[Exception | None] = []

    def line_received(self, line: bytes) -> None:
        self.lines.append(line)

    def raw_data_received(self, data: bytes) -> None:
        self.raw.append(data)

    def refused(self, error: Exception) -> None:
        self.errors.append(error)
        self.transport.close()

    def stream_ended(self) -> bool:
        self.ended = True
        return False

    def disconnected(self, error: Exception | None) -> None:
        self.lost.append(error)
