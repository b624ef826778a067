"""Calls by the clock: once later, or again and again at an interval.

`clock` is anything with asyncio's `time()` and `call_later`: the running loop, if none is given.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, Protocol

from weft.deferred.deferred import Deferred
from weft.deferred.failure import Failure
from weft.deferred.making import maybe_deferred
from weft.errors import LoopingCallError


class Clock(Protocol):
    """What tells the time in seconds, and calls later; every asyncio loop does."""

    def time(self) -> float:
        """Return the time in seconds."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Any:
        """Call `callback(*args)` after `delay` seconds; return something with `cancel()`."""


def defer_later(
    delay_s: float, function: Callable[..., Any] | None = None, *arguments: Any, clock: Clock | None = None
) -> Deferred[Any]:
    """Call a function after `delay_s` seconds; return a Deferred of its result (None, without a function).

    Cancelling it takes the call back.
    """
    if clock is None:
        clock = asyncio.get_running_loop()
    timers: list[Any] = []
    deferred: Deferred[Any] = Deferred(lambda _: timers[0].cancel())
    timers.append(clock.call_later(delay_s, deferred.callback, None))
    if function is not None:
        deferred.add_callback(lambda _: function(*arguments))
    return deferred


class LoopingCall:
    """Calls a function again and again, at an interval; never before a Deferred or coroutine it returned has fired.

    The moments are multiples of the interval from the start, so that it does not drift. Those that pass while the
    function still runs are left out.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any, clock: Clock | None = None, **keywords: Any):
        self.function = function
        self.arguments = arguments
        self.keywords = keywords
        self.clock = clock
        self.interval_s: float | None = None
        self._is_counting = False
        self._deferred: Deferred[LoopingCall] | None = None
        self._timer: Any = None
        self._start_s = 0.0
        self._counted = -1

    @classmethod
    def with_count(cls, function: Callable[[int], Any], clock: Clock | None = None) -> LoopingCall:
        """Return one whose function is given how many moments have come since it was last called.

        That is 1 if it keeps up, and more if moments were left out. It is not called for none.
        """
        looping = cls(function, clock=clock)
        looping._is_counting = True
        return looping

    @property
    def running(self) -> bool:
        """Whether it was started, and has not ended."""
        return self._deferred is not None and self.interval_s is not None

    def start(self, interval_s: float, now: bool = True) -> Deferred[LoopingCall]:
        """Call the function every `interval_s` seconds; the first time at once, or after one interval.

        Returns a Deferred that fires with this when it was stopped, and fails with what the function fails with,
        which ends it. Cancelling it stops it. With an interval of 0 it calls in each turn of the loop.
        """
        if self._deferred is not None:
            raise LoopingCallError("it is running already: stop() it first, or reset() it")
        if interval_s < 0:
            raise ValueError(f"an interval is 0 s or more, not {interval_s} s")
        if self.clock is None:
            self.clock = asyncio.get_running_loop()
        self.interval_s = interval_s
        self._start_s = self.clock.time()
        self._counted = -1 if now else 0
        deferred = self._deferred = Deferred(lambda _: self.stop())
        if now:
            self._call()
        else:
            self._schedule()
        return deferred

    def stop(self) -> None:
        """Call no more; what `start` returned fires, when a call that is under way has ended."""
        if not self.running:
            raise LoopingCallError("it is not running")
        self.interval_s = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._end(self)

    def reset(self) -> None:
        """Begin to count anew: the next call is one interval from now."""
        if not self.running:
            raise LoopingCallError("it is not running")
        if self._timer is not None:
            self._timer.cancel()
            assert self.clock is not None
            self._start_s = self.clock.time()
            self._counted = 0
            self._schedule()

    def _call(self) -> None:
        self._timer = None
        arguments = self.arguments
        if self._is_counting:
            count = self._moments() - self._counted
            self._counted += count
            if not count:
                self._called(None)
                return
            arguments = (count,)
        called = maybe_deferred(self.function, *arguments, **self.keywords)
        called.add_callbacks(self._called, self._end).add_errback(self._end)

    def _called(self, _: object) -> None:
        if self.running:
            self._schedule()
        else:
            self._end(self)

    def _moments(self) -> int:
        """Return how many intervals have passed since the start."""
        assert self.clock is not None
        if not self.interval_s:
            return self._counted + 1
        return math.floor((self.clock.time() - self._start_s) / self.interval_s)

    def _schedule(self) -> None:
        assert self.clock is not None
        assert self.interval_s is not None
        delay_s = 0.0
        if self.interval_s:
            now_s = self.clock.time()
            next_s = self._start_s + (self._moments() + 1) * self.interval_s
            delay_s = next_s - now_s
            if now_s + delay_s <= now_s:  # rounded away: it is that moment now
                delay_s += self.interval_s
        self._timer = self.clock.call_later(delay_s, self._call)

    def _end(self, result: LoopingCall | Failure) -> None:
        self.interval_s = None
        deferred, self._deferred = self._deferred, None
        if deferred is not None and not deferred.called:
            deferred.callback(result)
