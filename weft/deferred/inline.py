"""Deferreds in generators and coroutines: code that reads from top to bottom and waits where it says so."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Generator
from types import GeneratorType
from typing import Any, ParamSpec, TypeVar, cast

from weft.deferred.deferred import Deferred
from weft.deferred.driving import drive
from weft.errors import NotDrivableError

T = TypeVar("T")
P = ParamSpec("P")


def inline_callbacks(function: Callable[P, Generator[Any, Any, T]]) -> Callable[P, Deferred[T]]:
    """Decorate a generator function: calling it runs it, and returns a Deferred of what it returns.

    `result = yield deferred` waits for a Deferred and takes its result; a failure is raised there. Anything else
    that is yielded comes straight back. Cancelling the Deferred cancels what the generator waits for.
    """

    @functools.wraps(function)
    def run(*arguments: P.args, **keywords: P.kwargs) -> Deferred[T]:
        routine = function(*arguments, **keywords)
        if type(routine) is not GeneratorType and not inspect.isgenerator(routine):
            raise NotDrivableError(
                f"inline_callbacks decorates functions that yield, and {function!r} returned {routine!r}"
            )
        return cast("Deferred[T]", drive(routine))

    return run


def ensure_deferred(routine: Coroutine[Any, Any, T] | Generator[Any, Any, T] | Deferred[T]) -> Deferred[T]:
    """Run a coroutine at once, as far as it goes; return a Deferred of its result. A Deferred is returned as it is.

    It needs no loop as long as only Deferreds are awaited, and begins in the caller's stack. It is no asyncio Task:
    what asks for the current task (`asyncio.timeout`, task groups) needs `Deferred.from_coroutine`.
    """
    if isinstance(routine, Deferred):
        return routine
    if not (inspect.iscoroutine(routine) or inspect.isgenerator(routine)):
        raise NotDrivableError(f"ensure_deferred takes a coroutine or a Deferred, not {routine!r}")
    return cast("Deferred[T]", drive(routine))
