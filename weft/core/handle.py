"""A call that is to happen: what the ready queue and the timers hold.

A handle is made with its context, runs at most once, and lets go of its callback when it is cancelled. It knows
nothing of when: that is the queue's it stands in.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

from weft.core import _os

try:
    import cython
except ImportError:
    from weft.core import _interpreted as cython


@cython.freelist(512)
@cython.cclass
class Handle:
    """A callback with its arguments and its context; `call_soon` returns one."""

    __slots__ = ("__weakref__", "arguments", "callback", "context", "is_cancelled", "origin")

    callback: Any  # None once cancelled, as are the arguments
    arguments: Any
    context: contextvars.Context
    is_cancelled: bool
    origin: Any  # in debug mode, the stack of where the call was made, innermost last; else None

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # A real base would give a layout conflict in the compiled build.
        return asyncio.Handle

    def cancel(self) -> None:
        """Take the call back; if it has run already, or is cancelled already, nothing happens."""
        self.is_cancelled = True
        self.callback = None
        self.arguments = None

    def cancelled(self) -> bool:
        """Return whether the call was taken back."""
        return self.is_cancelled

    def get_context(self) -> contextvars.Context:
        """Return the context in which the callback runs."""
        return self.context

    # asyncio's own names: its default exception handler looks at the last, programs look at the others.

    @property
    def _callback(self) -> Any:
        return self.callback

    @property
    def _args(self) -> Any:
        return self.arguments

    @property
    def _cancelled(self) -> bool:
        return self.is_cancelled

    @property
    def _source_traceback(self) -> Any:
        return self.origin

    def __repr__(self) -> str:
        state = " cancelled" if self.is_cancelled else f" {self.callback!r}{self.arguments!r}"
        return f"<{type(self).__name__}{state}{self.made_at()}>"

    def made_at(self) -> str:
        """Return where the call was made, where that is known."""
        if not self.origin:
            return ""
        caller = self.origin[len(self.origin) - 1]
        return f" created at {caller.filename}:{caller.lineno}"


def make_handle(
    callback: Callable[..., object], arguments: tuple[Any, ...], context: contextvars.Context | None
) -> Handle:
    """Return a handle; without a context, it gets a copy of the caller's."""
    handle = Handle.__new__(Handle)
    handle.callback = callback
    handle.arguments = arguments
    handle.context = _os.copy_context() if context is None else context
    handle.is_cancelled = False
    handle.origin = None
    return handle
