"""What Twisted does with Deferreds, told to the loop's observer: each callback, generator and coroutine by its name.

Twisted has no place for an observer, so `see` puts one there: callbacks that are added to a Deferred from then on,
and generators and coroutines that begin, are told of while their loop is observed: the one that runs, or before any
runs the reactor's. It is done when a reactor is made, or starts, whose loop is observed, and costs nothing otherwise.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from twisted.internet import defer

ADDING = {"addCallbacks": 2, "addCallback": 1, "addErrback": 1, "addBoth": 1}
"""Deferred's methods that take callbacks, and how many each."""


class SeenCallback:
    """A Deferred's callback that the running loop's observer is told of."""

    __slots__ = ("__wrapped__",)

    def __init__(self, callback: Callable[..., Any]) -> None:
        self.__wrapped__ = callback

    def __call__(self, *args: Any, **kw: Any) -> Any:
        """Call it, and tell of its begin and its end."""
        observer = observer_now()
        if observer is None:
            return self.__wrapped__(*args, **kw)
        observer.nested_begin(self.__wrapped__)
        try:
            return self.__wrapped__(*args, **kw)
        finally:
            observer.nested_end()


class SeenRoutine:
    """A generator or coroutine that Twisted drives, each step of which the running loop's observer is told of."""

    def __init__(self, routine: Any, observer: Any) -> None:
        self.routine = routine
        self.observer = observer
        self.number = observer.routine_made(routine)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.routine, name)

    def send(self, value: Any) -> Any:
        """Go on with a value."""
        return self.step(self.routine.send, value)

    def throw(self, *error: Any) -> Any:
        """Go on with an exception."""
        return self.step(self.routine.throw, *error)

    def step(self, go_on: Callable[..., Any], *what: Any) -> Any:
        """Take one step, and tell of its begin and its end."""
        if observer_now() is not self.observer:
            return go_on(*what)
        self.observer.routine_begin(self.number)
        try:
            awaited = go_on(*what)
        except StopIteration:
            self.observer.routine_ended(self.number, None)
            raise
        except defer._DefGen_Return as result:  # returnValue, as generators did before they could return
            self.observer.routine_ended(self.number, None)
            raise StopIteration(result.value) from None
        except BaseException as error:
            self.observer.routine_ended(self.number, error)
            raise
        self.observer.routine_waits(self.number, self.routine)
        return awaited


class Seen:
    """The loop of the reactor that was seen last."""

    loop: Any = None


def observer_now() -> Any:
    """Return the observer of the loop that runs in this thread, or else of the reactor's; None if it has none."""
    return getattr(asyncio._get_running_loop() or Seen.loop, "observer", None)


def see(loop: Any) -> None:
    """Have Deferreds' callbacks, and what Twisted drives, told of to the observer of `loop`, a reactor's."""
    Seen.loop = loop
    if hasattr(defer.Deferred.addCallbacks, "__wrapped__"):
        return
    for name, count in ADDING.items():
        setattr(defer.Deferred, name, seen_adding(getattr(defer.Deferred, name), count))
    drive = defer._cancellableInlineCallbacks

    @functools.wraps(drive)
    def drive_seen(gen: Any, *more: Any) -> Any:
        observer = observer_now()
        return drive(gen if observer is None else SeenRoutine(gen, observer), *more)

    defer._cancellableInlineCallbacks = drive_seen


def seen_adding(add: Callable[..., Any], count: int) -> Callable[..., Any]:
    """Return a method of Deferred's that adds callbacks, so that they are told of when they run."""

    @functools.wraps(add)
    def add_seen(deferred: Any, *args: Any, **kw: Any) -> Any:
        if observer_now() is not None:
            args = (*(seen(callback) for callback in args[:count]), *args[count:])
            kw = {name: seen(value) if name in ("callback", "errback") else value for name, value in kw.items()}
        return add(deferred, *args, **kw)

    return add_seen


def seen(callback: Any) -> Any:
    """Return a callback that is told of when it runs; Twisted's own are left out, and what is no function."""
    is_own = getattr(callback, "__module__", None) == defer.__name__
    return (
        callback if is_own or isinstance(callback, SeenCallback) or not callable(callback) else SeenCallback(callback)
    )
