"""The poller of tests: channels in memory beside the system's own descriptors, and what happens when nothing does.

What moves in memory has a number where the system's have a descriptor, from FIRST_NUMBER on. It is told of as epoll
tells: with EDGE once for each change, without it for as long as it is ready. Everything else goes to a real poller.

`MemoryPoller` waits as the real one does. `StillPoller` never lets time pass: when nothing is ready it tells those
who asked for rest, or moves a manual clock to the next moment at which something is to happen.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from weft.core import _os, default_poller
from weft.errors import StuckError
from weft.ports import Clock, Poller, Source
from weft.testing.clock import ManualClock, in_ns
from weft.testing.origins import Origin, origin_of_caller
from weft.transports.listener import Listener

FIRST_NUMBER = 1 << 30
"""The first number in memory: far above any descriptor that a system gives."""
MOST_TURNS = 1_000_000
"""Turns without rest, at one moment of a manual clock, before that is called an endless loop."""
ALWAYS_TOLD = _os.ERROR | _os.HANGUP
"""What is told of once whether it was asked for or not, as by epoll."""
ASKED_FOR = _os.READ | _os.WRITE
"""What is told of for as long as it is so, and only where it was asked for, as by select."""


class End:
    """Something in memory that a poller can be asked to watch."""

    def readiness(self) -> int:
        """Return the mask of what it is ready for."""
        raise NotImplementedError


class MemoryPoller(Poller):
    """Watches ends in memory and, through `outside`, the system's descriptors; knows who watches what, since when."""

    def __init__(self, clock: Clock, outside: Poller | None = None) -> None:
        self.outside = outside or default_poller()
        super().__init__(self.outside.is_edge_triggered)
        self.sees_every_turn = True  # what a test sees depends on no count of turns, and StillPoller counts them
        self.clock = clock
        self.sources: dict[int, Source] = {}
        """Who watches: descriptor or number -> source, in the order in which they began."""
        self.origins: dict[int, Origin | None] = {}
        """Where they began to; of a connection that was accepted, where its listener did."""
        self._ends: dict[int, End] = {}
        self._interest: dict[int, int] = {}
        self._levels: dict[int, None] = {}  # those that are told of for as long as they are ready
        self._stirred: dict[int, None] = {}
        self._arrivals: list[tuple[int, int, Callable[[], None]]] = []
        self._landings: dict[Callable[[], None], None] = {}
        self._events: list[tuple[int, int]] = []
        self._numbers_given = 0
        self._is_hurried = False

    def origin_now(self) -> Origin | None:
        """Return the user's line that what is being made now goes back to; None where that is not known."""
        found = origin_of_caller()
        return self.origins.get(found.fd) if isinstance(found, Listener) else found

    # -- for what lives in memory

    def enroll(self, end: End) -> int:
        """Return a new number for something in memory."""
        self._numbers_given += 1
        number = FIRST_NUMBER + self._numbers_given
        self._ends[number] = end
        return number

    def dismiss(self, number: int) -> None:
        """Forget something in memory; it is watched by nobody any more."""
        self._ends.pop(number, None)

    def stir(self, number: int) -> None:
        """Something in memory has changed: have its source told."""
        if number in self._interest:
            self._stirred[number] = None

    def arrive(self, moment_ns: int, land: Callable[[], None]) -> None:
        """Have `land()` called when the clock shows `moment_ns`; equal moments in the order of asking."""
        self._numbers_given += 1
        heapq.heappush(self._arrivals, (moment_ns, self._numbers_given, land))

    def hurry(self) -> None:
        """Let everything arrive at once from now on, whatever its moment: the test is over."""
        self._is_hurried = True

    def has_come(self, moment_ns: int) -> bool:
        """Return whether what arrives at a moment has arrived."""
        return self._is_hurried or moment_ns <= self.clock.now_ns()

    def land_soon(self, land: Callable[[], None]) -> None:
        """Have `land()` called at the next poll; asking several times before it has it called once."""
        self._landings[land] = None

    # -- the poller's five verbs

    def add(self, fd: int, source: Source, events: int) -> None:
        """Watch a descriptor or a number. Raises FileExistsError if it is watched already."""
        if fd >= FIRST_NUMBER:
            if fd in self._interest:
                raise FileExistsError(f"number {fd} is watched already")
            self._look_out(fd, events)
        else:
            self.outside.add(fd, source, events)
        self.sources[fd] = source
        self.origins[fd] = self.origin_now()

    def modify(self, fd: int, events: int) -> None:
        """Watch for `events` from now on. Raises KeyError if it is not watched."""
        if fd < FIRST_NUMBER:
            self.outside.modify(fd, events)
            return
        if fd not in self._interest:
            raise KeyError(f"number {fd} is not watched")
        self._look_out(fd, events)

    def _look_out(self, number: int, events: int) -> None:
        self._interest[number] = events
        self._stirred[number] = None
        if events & _os.EDGE and self.is_edge_triggered:
            self._levels.pop(number, None)
        else:
            self._levels[number] = None

    def remove(self, fd: int) -> None:
        """Stop watching. Raises KeyError if it is not watched."""
        if fd < FIRST_NUMBER:
            self.outside.remove(fd)
        else:
            del self._interest[fd]
            self._levels.pop(fd, None)
            self._stirred.pop(fd, None)
            self._events = [(-1, mask) if number == fd else (number, mask) for number, mask in self._events]
        self.sources.pop(fd, None)
        self.origins.pop(fd, None)

    def wait(self, timeout_ns: int) -> int:
        """Wait until something is ready or `timeout_ns` passed (-1: no limit); return how many events there are."""
        self._land()
        if timeout_ns == 0 or self._look():
            count = self.outside.wait(0)
        else:
            count = self.rest(timeout_ns)
            self._land()
        self._events = self._look()
        self._stirred.clear()
        return len(self._events) + count

    def rest(self, timeout_ns: int) -> int:
        """Wait for the outside, but not beyond the next arrival; return how many events it told."""
        if self._arrivals:
            left_ns = max(0, self._arrivals[0][0] - self.clock.now_ns())
            timeout_ns = left_ns if timeout_ns < 0 else min(timeout_ns, left_ns)
        return self.outside.wait(timeout_ns)

    def ready_source(self, index: int) -> Source | None:
        """Return whose event it is, None if it was removed; its mask is in `ready_events`."""
        if index < len(self._events):
            number, self.ready_events = self._events[index]
            return self.sources.get(number)
        source = self.outside.ready_source(index - len(self._events))
        self.ready_events = self.outside.ready_events
        return source

    def close(self) -> None:
        """Forget everything, and close the outside's poller."""
        self.outside.close()
        self.sources.clear()
        self.origins.clear()
        self._ends.clear()
        self._interest.clear()
        self._levels.clear()
        self._stirred.clear()
        self._landings.clear()
        self._arrivals.clear()
        self._events = []

    def _land(self) -> None:
        """Let everything arrive whose moment has come."""
        while self._arrivals and self.has_come(self._arrivals[0][0]):
            self._landings[heapq.heappop(self._arrivals)[2]] = None
        landings, self._landings = self._landings, {}
        for land in landings:
            land()

    def _look(self) -> list[tuple[int, int]]:
        """Return what is to be told of memory: (number, mask)."""
        found = []
        for number in [*self._stirred, *(each for each in self._levels if each not in self._stirred)]:
            told = (
                self._interest[number] & ASKED_FOR if number in self._levels else self._interest[number] | ALWAYS_TOLD
            )
            mask = self._ends[number].readiness() & told
            if mask:
                found.append((number, mask))
        return found


class StillPoller(MemoryPoller):
    """Never lets time pass: a manual clock is moved on, by itself if `jumps`, whenever nothing is ready.

    The outside (threads, child processes, real sockets) is waited for in real time, for `patience_s` at most: a
    thread's job before the clock moves on, anything else only when nothing would happen otherwise.
    """

    def __init__(
        self,
        clock: ManualClock,
        jumps: bool = True,
        patience_s: float = 5.0,
        most_turns: int = MOST_TURNS,
        outside: Poller | None = None,
    ) -> None:
        super().__init__(clock, outside)
        self.hands = clock
        self.jumps = jumps
        self.patience_ns = in_ns(patience_s)
        self.most_turns = most_turns
        self.jobs = 0
        """Calls in other threads that are under way."""
        self.next_ns: int | None = None
        """When something was to happen next, as the loop last came to rest; None for never."""
        self.when_resting: list[Callable[[], None]] = []
        """Called, once, when nothing is ready."""
        self.is_outside_alive: Callable[[], bool] = bool
        self.describe_tasks: Callable[[], str] = str
        self._turns = 0

    def wait(self, timeout_ns: int) -> int:
        """Poll; when nothing is ready, rest. Raises StuckError where it never comes to that, or for ever."""
        self._turns += 1
        if self._turns > self.most_turns:
            self._turns = 0
            raise StuckError(
                f"the loop turned {self.most_turns:,} times and never came to rest, so that its clock stands at "
                f"{self.hands.now_s:g} s: something goes on and on without waiting for anything. If that is how it "
                f"should be, give ManualLoop more most_turns.{self.describe_tasks()}"
            )
        return super().wait(timeout_ns)

    def rest(self, timeout_ns: int) -> int:
        """Let what is asked for when nothing is ready happen; return how many events the outside told."""
        count = self.outside.wait(0)
        if not count and self.jobs:
            count = self.outside.wait(self.patience_ns)
        if count:
            return count
        self._turns = 0
        moments = [self._arrivals[0][0]] if self._arrivals else []
        if timeout_ns >= 0:
            moments.append(self.clock.now_ns() + timeout_ns)
        self.next_ns = min(moments, default=None)
        if self.when_resting:
            resting, self.when_resting = self.when_resting, []
            for call in resting:
                call()
            return 0
        if self.jumps and self.next_ns is not None:
            self.hands.move_to(self.next_ns)
            return 0
        # In this order: a thread that has ended since the last look has left its call before it did.
        count = self.outside.wait(self.patience_ns if self.is_outside_alive() else 0)
        if not count:
            raise StuckError(self._why_stuck())
        return count

    def close(self) -> None:
        """Forget everything, the calls into the loop too."""
        super().close()
        self.when_resting.clear()
        self.is_outside_alive = bool
        self.describe_tasks = str

    def _why_stuck(self) -> str:
        if self.next_ns is None:
            why = "nothing will ever happen: no call is ready, no timer is set, and nothing is on its way"
        else:
            why = (
                f"nothing will happen: the clock stands at {self.hands.now_s:g} s, the next thing is to happen at "
                f"{self.next_ns / 1e9:g} s, and nobody moves the clock (jumps=False): use advance() or elapse()"
            )
        return why + self.describe_tasks()


def memory_poller_of(loop: Any) -> MemoryPoller:
    """Return the loop's poller if it knows channels in memory. Raises TypeError for any other loop."""
    poller = getattr(loop, "poller", None)
    if not isinstance(poller, MemoryPoller):
        raise TypeError(
            f"{loop!r} knows no channels in memory: make it with weft.testing.ManualLoop() or "
            "weft.testing.WatchedLoop(), or use the fixtures weft_loop and weft_manual_loop"
        )
    return poller
