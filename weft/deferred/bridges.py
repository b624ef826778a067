"""Deferreds and what else there is to wait with: asyncio's Futures, coroutines and clocks.

It works through a Deferred's public face; `deferred.py` hands it the Deferreds that it needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from weft.deferred.failure import Failure


class TimeLimit:
    """Cancels a Deferred when its time is over, and says so in its result."""

    __slots__ = ("deferred", "is_over", "on_timeout", "timeout_s", "timer")

    def __init__(self, deferred: Any, timeout_s: float, on_timeout: Callable[..., Any] | None) -> None:
        self.deferred = deferred
        self.timeout_s = timeout_s
        self.on_timeout = on_timeout
        self.is_over = False
        self.timer: Any = None

    def expire(self) -> None:
        """Cancel the Deferred."""
        self.is_over = True
        self.timer = None
        deferred, self.deferred = self.deferred, None
        deferred.cancel()

    def translate(self, result: Any) -> Any:
        """Pass the result on; if the time is over, say so instead of that it was cancelled."""
        if not self.is_over:
            return result
        if self.on_timeout is not None:
            return self.on_timeout(result, self.timeout_s)
        if isinstance(result, Failure):
            result.trap(asyncio.CancelledError)
            raise TimeoutError(f"no result within {self.timeout_s} s")
        return result

    def stop(self, result: Any) -> Any:
        """Stop the clock, and pass the result on."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = self.deferred = None
        return result


def add_timeout(deferred: Any, timeout_s: float, on_timeout: Any, clock: Any) -> None:
    """Cancel a Deferred if it has no result within `timeout_s` seconds."""
    if clock is None:
        clock = asyncio.get_running_loop()
    limit = TimeLimit(deferred, timeout_s, on_timeout)
    limit.timer = clock.call_later(timeout_s, limit.expire)
    deferred.add_both(limit.translate)
    deferred.add_both(limit.stop)


class FutureEnd:
    """Fires a Deferred as an asyncio Future ends, and cancels that Future when the Deferred is cancelled."""

    __slots__ = ("deferred", "future", "make_deferred")

    def __init__(self, future: asyncio.Future[Any], make_deferred: Callable[[Any], Any]) -> None:
        self.future = future
        self.make_deferred = make_deferred
        self.deferred: Any = None

    def cancel(self, deferred: Any) -> None:
        """Cancel the Future, and have the Deferred wait for how it ends: a Task may take its time, or refuse."""
        self.future.cancel()
        ending = self.make_deferred(self.cancel)
        deferred._resolve(ending)
        self.deferred = ending

    def fire(self, future: asyncio.Future[Any]) -> None:
        """Fire the Deferred with the Future's result."""
        try:
            result = future.result()
        except BaseException:
            self.deferred.errback()
        else:
            self.deferred.callback(result)


def as_future(deferred: Any, loop: asyncio.AbstractEventLoop | None) -> asyncio.Future[Any]:
    """Return a Future that gets a Deferred's result, and cancels it when it is cancelled."""
    if loop is None:
        loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    ends = FutureFromDeferred(deferred, future)
    deferred.add_callbacks(ends.succeed, ends.fail)
    future.add_done_callback(ends.check_cancelled)
    return future


class FutureFromDeferred:
    """Gives a Deferred's result to an asyncio Future."""

    __slots__ = ("deferred", "future")

    def __init__(self, deferred: Any, future: asyncio.Future[Any]) -> None:
        self.deferred = deferred
        self.future = future

    def succeed(self, value: Any) -> None:
        """Set the Future's result."""
        if not self.future.cancelled():
            self.future.set_result(value)

    def fail(self, failure: Failure) -> None:
        """Set the Future's exception."""
        if self.future.cancelled():
            return
        if isinstance(failure.value, asyncio.CancelledError):
            self.future.cancel()
        else:
            self.future.set_exception(failure.value)

    def check_cancelled(self, future: asyncio.Future[Any]) -> None:
        """Cancel the Deferred if the Future was cancelled."""
        if future.cancelled():
            self.deferred.cancel()


def task_of(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Return a new Task on the running loop."""
    return asyncio.get_running_loop().create_task(coroutine)
