"""A failure: an exception as a value, which an errback is given in a result's place.

It keeps the exception with the traceback that it had when it was caught, whoever raises it again later. It never
decides who handles it: a chain does that.
"""

from __future__ import annotations

import sys
import traceback as tracebacks
from types import TracebackType

from weft.errors import FailureValueError

try:
    import cython
except ImportError:
    from weft.core import _interpreted as cython

Kinds = type[BaseException] | tuple[type[BaseException], ...]


@cython.freelist(32)
@cython.cclass
class Failure:
    """An exception that was caught, with its traceback: `Failure(exception)`, or `Failure()` within an `except`."""

    __slots__ = ("__weakref__", "traceback", "value")

    value: BaseException
    """The exception itself."""
    traceback: TracebackType | None
    """Its traceback at the time when it was caught; None for one that was never raised."""

    def __init__(self, value: BaseException | None = None) -> None:
        if value is None:
            value = sys.exc_info()[1]
            if value is None:
                raise FailureValueError("Failure() wraps the exception that is being handled, and there is none here")
        if not isinstance(value, BaseException):
            raise FailureValueError(f"Failure wraps an exception, not {value!r}: write Failure(ValueError(...))")
        self.value = value
        self.traceback = value.__traceback__

    @property
    def type(self) -> type[BaseException]:
        """The exception's class."""
        return self.value.__class__

    def check(self, *kinds: Kinds) -> Kinds | None:
        """Return the first of `kinds` that the exception is an instance of; None if it is of none of them."""
        for kind in kinds:
            if isinstance(self.value, kind):
                return kind
        return None

    def trap(self, *kinds: Kinds) -> Kinds:
        """Return the first of `kinds` that the exception is an instance of, and raise the exception if there is none.

        An errback begins with it, so that what it does not know goes on to the next errback.
        """
        found = self.check(*kinds)
        if found is None:
            self.raise_value()
        return found  # type: ignore[return-value]

    def raise_value(self) -> None:
        """Raise the exception, with the traceback that it was caught with."""
        raise self.value.with_traceback(self.traceback)

    def message(self) -> str:
        """Return what the exception says, in one line with its class."""
        return "".join(tracebacks.format_exception_only(self.value)).strip()

    def format(self) -> str:
        """Return the traceback as Python prints one."""
        return "".join(tracebacks.format_exception(self.type, self.value, self.traceback))

    def __repr__(self) -> str:
        return f"<Failure {self.message()}>"


def caught(error: BaseException) -> Failure:
    """Return the failure for what a callback raised; Weft's own frame, which called it, leaves the traceback."""
    failure = Failure.__new__(Failure)
    trace = error.__traceback__
    if trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
        error.__traceback__ = trace
    failure.value = error
    failure.traceback = trace
    return failure
