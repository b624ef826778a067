"""Time-outs, on the loop's clock: for a protocol to inherit, and around any protocol.

A reset notes the new moment and leaves the timer alone: a protocol may reset at every message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from weft.protocols.wrapping import Bytes, ProtocolFactory, WrappingFactory, WrappingProtocol


class Alarm:
    """Calls back once, when it was not reset for `delay_s` seconds."""

    __slots__ = ("_callback", "_delay_s", "_due_s", "_loop", "_timer")

    def __init__(self, delay_s: float, callback: Callable[[], None]) -> None:
        check_delay(delay_s)
        self._loop = asyncio.get_running_loop()
        self._delay_s = delay_s
        self._callback = callback
        self._due_s = self._loop.time() + delay_s
        self._timer = self._loop.call_at(self._due_s, self._look)

    def reset(self) -> None:
        """Begin to count anew."""
        self._due_s = self._loop.time() + self._delay_s

    def cancel(self) -> None:
        """Do not call back."""
        self._timer.cancel()

    def _look(self) -> None:
        if self._loop.time() < self._due_s:
            self._timer = self._loop.call_at(self._due_s, self._look)
        else:
            self._callback()


def check_delay(delay_s: float) -> None:
    """Raise ValueError if this is no time to wait."""
    if not delay_s > 0:
        raise ValueError(f"a time-out must be more than 0 seconds, not {delay_s!r}; None means that there is none")


class TimeoutMixin(asyncio.BaseProtocol):
    """Gives a protocol a time-out: `set_timeout`, `reset_timeout`, and `timed_out`, which is called when it is over.

    It stands before the protocol's class: `class Chat(TimeoutMixin, LineProtocol)`.
    """

    _alarm: Alarm | None = None
    _timeout_s: float | None = None

    def set_timeout(self, seconds: float | None) -> float | None:
        """Call `timed_out` unless `reset_timeout` is called every `seconds` seconds; None ends the time-out.

        Returns what it was before.
        """
        before, self._timeout_s = self._timeout_s, None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if seconds is not None:
            self._alarm = Alarm(seconds, self._time_is_over)
            self._timeout_s = seconds
        return before

    def reset_timeout(self) -> None:
        """Begin to count anew; does nothing while there is no time-out."""
        if self._alarm is not None:
            self._alarm.reset()

    def timed_out(self) -> None:
        """Act on the time-out, which is over and not set any more. By default, the connection is cut."""
        self.transport.abort()  # type: ignore[attr-defined]  # what it is mixed into has the transport

    def connection_lost(self, error: Exception | None) -> None:
        """End the time-out with the connection."""
        self.set_timeout(None)
        super().connection_lost(error)

    def _time_is_over(self) -> None:
        self._alarm = None
        self._timeout_s = None
        self.timed_out()


class IdleLimit(WrappingFactory):
    """Cuts connections on which nothing came and nothing was written for some seconds."""

    def __init__(self, factory: ProtocolFactory, seconds: float) -> None:
        super().__init__(factory)
        check_delay(seconds)
        self.seconds = seconds

    def __call__(self) -> WrappingProtocol:
        """Return a wrapping that watches its connection."""
        return IdleLimitProtocol(self)


class IdleLimitProtocol(WrappingProtocol):
    """Watches one connection; `IdleLimit` makes it."""

    def __init__(self, limit: IdleLimit) -> None:
        super().__init__(limit.factory)
        self._limit = limit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to count."""
        self._alarm = Alarm(self._limit.seconds, self.abort)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Hand data up, and begin to count anew."""
        self._alarm.reset()
        super().data_received(data)

    def write(self, data: Bytes) -> None:
        """Hand data down, and begin to count anew."""
        self._alarm.reset()
        super().write(data)

    def writelines(self, list_of_data: Iterable[Bytes]) -> None:
        """Hand data down, and begin to count anew."""
        self._alarm.reset()
        super().writelines(list_of_data)

    def connection_lost(self, error: Exception | None) -> None:
        """Stop counting."""
        self._alarm.cancel()
        super().connection_lost(error)
