"""Debug mode: calls that must not be made are refused, where a call was made is remembered, slow ones are reported.

It costs one test for each call while it is off. Reports go to the logger "asyncio", as asyncio's own do.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import socket
import sys
import threading
import time
import traceback
from asyncio import format_helpers
from types import FrameType
from typing import Any

from weft.core.handle import Handle
from weft.core.loop import Core

logger = logging.getLogger("asyncio")
_describing: Any = format_helpers._format_callback_source
WITH_ARGUMENTS: dict[str, Any] = {"debug": True} if "debug" in (_describing.__kwdefaults__ or {}) else {}
"""What newer Pythons want to be told before they show a callback's arguments; older ones always do."""

STACK_DEPTH = 10
"""Frames that are remembered of where a call or a coroutine was made."""


class Debugging(Core):
    """`set_debug`, and what debug mode does. PYTHONASYNCIODEBUG and -X dev turn it on."""

    slow_callback_duration: float
    """From how many seconds on a call is reported, in debug mode."""
    _thread_id: int
    _origins_before: int | None

    @property
    def _current_handle(self) -> Handle | None:
        return self.running_call  # where asyncio's default exception handler looks for it

    def set_debug(self, enabled: bool) -> None:
        """Turn debug mode on or off."""
        self.is_debugging = enabled
        if self.is_running():  # type: ignore[attr-defined]
            self.call_soon_threadsafe(self._track_origins, enabled)  # type: ignore[attr-defined]

    def _track_origins(self, enabled: bool) -> None:
        """Have coroutines remember where they were made, or no longer."""
        if enabled and self._origins_before is None:
            self._origins_before = sys.get_coroutine_origin_tracking_depth()
            sys.set_coroutine_origin_tracking_depth(STACK_DEPTH)
        elif not enabled and self._origins_before is not None:
            sys.set_coroutine_origin_tracking_depth(self._origins_before)
            self._origins_before = None

    def check_call(self, handle: Handle, method: str) -> None:
        """Remember where a call was made. Raises RuntimeError in a wrong thread, TypeError for no callback."""
        here = threading.get_ident()
        if self._thread_id not in (0, here):
            instead = "" if method == "call_soon" else f"loop.{method}, ..."
            raise RuntimeError(
                "Non-thread-safe operation invoked on an event loop other than the current one: "
                f"{method}() was called in thread {thread_name(here)!r}, but the loop runs in thread "
                f"{thread_name(self._thread_id)!r}: use loop.call_soon_threadsafe({instead}) there"
            )
        check_callback(handle.callback, method)
        handle.origin = stack_of_caller()

    def took(self, what: Any, duration_ns: int) -> None:
        """Report a call, or a source that dealt with an event, that took at least `slow_callback_duration`."""
        if duration_ns >= self.slow_callback_duration * 1e9:
            logger.warning("Executing %s took %.3f seconds", described(what), duration_ns / 1e9)

    def _look_up_timed(self, host: Any, port: Any, *options: Any) -> Any:
        """Return what `socket.getaddrinfo` does, and log how long it took."""
        begin_s = time.monotonic()
        found = socket.getaddrinfo(host, port, *options)
        took_s = time.monotonic() - begin_s
        level = logging.INFO if took_s >= self.slow_callback_duration else logging.DEBUG
        logger.log(level, "Getting address info %s:%s took %.3f ms: %r", host, port, took_s * 1e3, found)
        return found


def check_callback(callback: Any, method: str) -> None:
    """Raise TypeError for what cannot be called, or would only return a coroutine that nobody awaits."""
    if asyncio.iscoroutine(callback) or inspect.iscoroutinefunction(callback):
        raise TypeError(f"coroutines cannot be used with {method}(): use loop.create_task()")
    if not callable(callback):
        raise TypeError(f"a callable object was expected by {method}(), got {callback!r}")


def stack_of_caller() -> traceback.StackSummary:
    """Return the stack up to whoever called into Weft, innermost last."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("weft."):
        frame = frame.f_back
    stack = traceback.StackSummary.extract(traceback.walk_stack(frame), limit=STACK_DEPTH, lookup_lines=False)
    stack.reverse()
    return stack


def forget_own_line(task: Any) -> None:
    """Let a new task's stack end with whoever asked for it, not with Weft's own line (if interpreted)."""
    if task._source_traceback[-1].name == "create_task":
        del task._source_traceback[-1]


def described(what: Any) -> str:
    """Return a call's task with the line at which it stands, or its callback with the line at which that begins."""
    if not isinstance(what, Handle):
        return repr(what)
    owner = getattr(what.callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return repr(owner)
    if what.cancelled():
        return repr(what)
    source = format_helpers._format_callback_source(what.callback, what.arguments, **WITH_ARGUMENTS)
    return f"<{type(what).__name__} {source}{what.made_at()}>"


def thread_name(ident: int) -> str:
    """Return the name of a running thread; its number where it is not known."""
    return next((thread.name for thread in threading.enumerate() if thread.ident == ident), str(ident))
