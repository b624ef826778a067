"""The clock that the real world has: the system's monotonic one."""

from __future__ import annotations

from weft.core import _os
from weft.ports import Clock


class MonotonicClock(Clock):
    """CLOCK_MONOTONIC: never goes back, does not count the time that the machine is suspended."""

    def now_ns(self) -> int:
        """Return nanoseconds since a moment that the system chose."""
        return _os.monotonic_ns()
