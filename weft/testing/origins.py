"""Where something was made: the line of the user's code that a message can name."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from types import FrameType
from typing import Any, NamedTuple, cast

from weft import errors
from weft.faces.asyncio import Loop
from weft.transports.listener import Listener

NOT_THE_USERS = tuple(
    os.path.dirname(os.path.abspath(module.__file__)) + os.sep for module in (asyncio, errors) if module.__file__
)
ALSO_NOT = frozenset({contextlib.__file__, os.__file__})


class Origin(NamedTuple):
    """A line of code: the innermost of the user's when something was made."""

    filename: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}, in {self.function}"


def is_users(filename: str) -> bool:
    """Return whether a file is neither asyncio's nor Weft's."""
    return not (filename.startswith(NOT_THE_USERS) or filename in ALSO_NOT or filename.startswith("<"))


def origin_of_caller() -> Origin | Listener | None:
    """Return the innermost line of the user's on the stack, as far as the loop that runs.

    Where there is none: the listener that has accepted what is being made, None if it is not one's.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not Loop.run_forever.__code__:
        if is_users(frame.f_code.co_filename):
            return origin_of(frame)
        if frame.f_code is Listener.welcome.__code__:
            return cast(Listener, frame.f_locals["self"])
        frame = frame.f_back
    return None


def origin_of(frame: FrameType) -> Origin:
    """Return the line at which a frame stands."""
    return Origin(frame.f_code.co_filename, frame.f_lineno or 0, frame.f_code.co_name)


def where_it_waits(task: asyncio.Task[Any]) -> Origin | None:
    """Return the user's innermost line in which a task waits; None where that cannot be seen."""
    found = None
    coro: Any = task.get_coro()
    while coro is not None:
        frame = getattr(coro, "cr_frame", None) or getattr(coro, "gi_frame", None) or getattr(coro, "ag_frame", None)
        if frame is not None and (found is None or is_users(frame.f_code.co_filename)):
            found = origin_of(frame)
        coro = getattr(coro, "cr_await", None) or getattr(coro, "gi_yieldfrom", None)
    return found
