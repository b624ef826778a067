"""Failures that nobody handled: how they are reported, with where their Deferred was made and fired.

With a loop running they go to its exception handler, where a program already looks for what went wrong beside its
main path; without one they are logged as errors under "weft.deferred", since there a Deferred is used by plain
synchronous code, which may have no loop at all. Both are told nothing of failures that were handled.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from types import FrameType
from typing import Any

from weft.deferred.failure import Failure

logger = logging.getLogger("weft.deferred")
STACK_DEPTH = 10
"""Frames that are remembered of where a Deferred was made or fired."""


class Origin:
    """Where a Deferred was made and where it was fired, as stacks, innermost last; debug mode remembers them."""

    __slots__ = ("fired", "made")

    def __init__(self) -> None:
        self.made = stack_of_caller()
        self.fired: traceback.StackSummary | None = None


def stack_of_caller() -> traceback.StackSummary:
    """Return the stack up to whoever called into Weft, innermost last."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("weft."):
        frame = frame.f_back
    stack = traceback.StackSummary.extract(traceback.walk_stack(frame), limit=STACK_DEPTH, lookup_lines=False)
    stack.reverse()
    return stack


def report(failure: Failure, origin: Origin | None) -> None:
    """Tell that a Deferred is gone whose failure nobody handled."""
    message = "A failure in a Deferred was never handled"
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        logger.error("%s%s", message, described(origin), exc_info=(failure.type, failure.value, failure.traceback))
    else:
        context: dict[str, Any] = {"message": message, "exception": failure.value, "failure": failure}
        if origin is not None:
            context["source_traceback"] = origin.made
            if origin.fired is not None:
                context["message"] += ". It was fired at:\n" + "".join(origin.fired.format())
        loop.call_exception_handler(context)


def described(origin: Origin | None) -> str:
    """Return where a Deferred was made and fired, as text to follow a message; "" if that is not known."""
    if origin is None:
        return ": debug mode says where it was made (weft.deferred.set_debugging)"
    text = "\nIt was made at (most recent call last):\n" + "".join(origin.made.format())
    if origin.fired is not None:
        text += "It was fired at (most recent call last):\n" + "".join(origin.fired.format())
    return text.rstrip()
