"""Deferreds from what is there already: a value, a failure, a function that may return either, or a Deferred."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from weft.deferred.deferred import Deferred
from weft.deferred.failure import Failure
from weft.deferred.inline import ensure_deferred

T = TypeVar("T")


def succeed(value: T) -> Deferred[T]:
    """Return a Deferred that has been fired with a value."""
    deferred: Deferred[T] = Deferred()
    deferred.callback(value)
    return deferred


def fail(failure: Failure | BaseException | None = None) -> Deferred[Any]:
    """Return a Deferred that has failed: with an exception, or with the one that is being handled."""
    deferred: Deferred[Any] = Deferred()
    deferred.errback(failure)
    return deferred


def execute(function: Callable[..., T], *arguments: Any, **keywords: Any) -> Deferred[T]:
    """Call a function; return a Deferred of what it returned or raised."""
    try:
        value = function(*arguments, **keywords)
    except BaseException:
        return fail()
    return succeed(value)


def maybe_deferred(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Deferred[Any]:
    """Call a function; return a Deferred of its result, whether it returns one, is a coroutine function, or neither.

    What it raises, or a `Failure` that it returns, is the Deferred's failure.
    """
    try:
        result = function(*arguments, **keywords)
    except BaseException:
        return fail()
    if isinstance(result, Deferred):
        return result
    if inspect.iscoroutine(result):
        return ensure_deferred(result)
    return fail(result) if isinstance(result, Failure) else succeed(result)
