"""Between threads: a Deferred of what a thread does, and calls into the loop's thread from others."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
from collections.abc import Callable
from typing import Any, TypeVar

from weft.deferred.deferred import Deferred
from weft.deferred.failure import Failure
from weft.deferred.making import maybe_deferred
from weft.errors import BlockedLoopError

T = TypeVar("T")


def defer_to_thread(function: Callable[..., T], *arguments: Any, **keywords: Any) -> Deferred[T]:
    """Call a function in a thread of the running loop's executor; return a Deferred of its result.

    It runs in a copy of the caller's context. Cancelling the Deferred gives up a call that has not begun; one that
    has begun goes on, and its result is dropped.
    """
    loop = asyncio.get_running_loop()
    call = functools.partial(contextvars.copy_context().run, function, *arguments, **keywords)
    return Deferred.from_future(loop.run_in_executor(None, call))


def call_from_thread(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: Any) -> None:
    """Have a loop that runs in another thread call a function soon. Nothing is waited for."""
    loop.call_soon_threadsafe(function, *arguments)


def blocking_call_from_thread(
    loop: asyncio.AbstractEventLoop, function: Callable[..., Any], *arguments: Any, **keywords: Any
) -> Any:
    """Call a function in a loop's thread, and block this one until the result is there; return it, or raise.

    The function may return a Deferred or be a coroutine function: the result is waited for. Raises BlockedLoopError
    in the loop's own thread, which would wait for itself.
    """
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is loop:
        raise BlockedLoopError(
            "blocking_call_from_thread() was called in the loop's own thread, which would wait for itself for ever: "
            "call the function, or await it"
        )
    outcome: concurrent.futures.Future[Any] = concurrent.futures.Future()
    loop.call_soon_threadsafe(_call, outcome, functools.partial(function, *arguments, **keywords))
    return outcome.result()


def _call(outcome: concurrent.futures.Future[Any], function: Callable[[], Any]) -> None:
    maybe_deferred(function).add_callbacks(outcome.set_result, _fail, (), None, (outcome,))


def _fail(failure: Failure, outcome: concurrent.futures.Future[Any]) -> None:
    outcome.set_exception(failure.value)
