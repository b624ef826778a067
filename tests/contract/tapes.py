"""Programs off a tape, for a comparison of Weft with asyncio: what they do next is read off a tape of numbers.

The loops have a clock that goes on only while they wait, and where the program says so, and a poller that tells what
it was told. At the tape's end a program does nothing any more.
"""

import asyncio
import selectors
from collections.abc import Sequence
from typing import Any

import weft

from .fakes import FakeClock, FakePoller

STEP_S = 0.125
APART_S = 1e-6


class FakeSelector(selectors.SelectSelector):
    """For asyncio's loop what FakePoller is for Weft's."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.coming: list[tuple[int, int]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing is to come any more"
        told, self.coming = self.coming, []
        if not told and timeout > 0:
            self.clock.ns += round(timeout * 1e9)
        return [(self.get_key(fd), selectors.EVENT_READ) for fd, _ in told if fd in self.get_map()]


class Tape:
    """Numbers, read one after another."""

    def __init__(self, numbers: bytes) -> None:
        self.numbers = iter(numbers)
        self.moments = 0

    def below(self, limit: int) -> int:
        """Return the next number, made smaller than a limit; 0 once there are no more."""
        return next(self.numbers, 0) % limit

    def one_of(self, choices: Sequence[Any]) -> Any:
        """Return one of several things."""
        return choices[self.below(len(choices))]

    def delay_s(self, now_s: float) -> float:
        """Return how long it is to a moment, a few steps from now or just over, that no other delay leads to.

        Which of two timers of one moment is first, asyncio leaves open.
        """
        self.moments += 1
        return (now_s // STEP_S + self.below(5)) * STEP_S + self.moments * APART_S - now_s

    def end(self) -> None:
        """Be at the end."""
        self.numbers = iter(b"")


def weft_loop(clock: FakeClock) -> tuple[weft.Loop, FakePoller]:
    """Return a loop on a clock, and its poller."""
    poller = FakePoller(clock)
    poller.sees_every_turn = True
    return weft.Loop(poller=poller, clock=clock), poller


def asyncio_loop(clock: FakeClock) -> tuple[asyncio.AbstractEventLoop, FakeSelector]:
    """Return asyncio's own loop on a clock, and its poller."""
    selector = FakeSelector(clock)
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: clock.ns / 1e9  # type: ignore[method-assign]
    return loop, selector
