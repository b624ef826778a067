"""The clock that tests move."""

from __future__ import annotations

from weft.ports import Clock


class ManualClock(Clock):
    """Shows the time that it was set to; it stands still until somebody moves it, and never goes back."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_ns = in_ns(start_s)

    def __repr__(self) -> str:
        return f"<ManualClock {self.now_s:g} s>"

    @property
    def now_s(self) -> float:
        """What it shows, in seconds."""
        return self._now_ns / 1e9

    def now_ns(self) -> int:
        """Return what it shows, in nanoseconds."""
        return self._now_ns

    def advance(self, seconds: float) -> None:
        """Move it on. A loop on it sees in its next turn what has become due. Raises ValueError for less than 0.

        Everything that is due finds the clock at its end: `ManualLoop.advance` stops at each moment on the way.
        """
        self.move_to(self._now_ns + elapsed_ns(seconds))

    def move_to(self, moment_ns: int) -> None:
        """Move it to a moment; one that has passed leaves it where it is."""
        self._now_ns = max(self._now_ns, moment_ns)


def elapsed_ns(seconds: float) -> int:
    """Return a stretch of time in nanoseconds. Raises ValueError for less than 0."""
    if not seconds >= 0:
        raise ValueError(f"a clock goes forward only: {seconds!r} seconds are less than 0")
    return in_ns(seconds)


def in_ns(seconds: float) -> int:
    """Return seconds in nanoseconds."""
    return round(seconds * 1e9)
