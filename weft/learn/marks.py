"""Marks that a learner's program carries so that it can be drawn where no loop of Weft's records it.

Where nobody records, as under plain Python, a mark calls the function and does nothing else.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from types import FrameType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from weft.record import Recorder

if TYPE_CHECKING:
    from weft.deferred import Deferred

P = ParamSpec("P")
T = TypeVar("T")
HERE = os.path.dirname(os.path.abspath(__file__))
WEFT = os.path.dirname(HERE) + os.sep
MOST_STACKS = 20
MOST_CHAINS = 20
MOST_NOTES = 10_000


class Marks:
    """What the marks of a running program have told. There is one while the course runs a program, else none."""

    def __init__(self, recorder: Recorder, folder: str) -> None:
        self.recorder = recorder
        self.folder = os.path.abspath(folder) + os.sep
        self.began_ns = time.monotonic_ns()
        self.lock = threading.Lock()
        self.tasks: dict[str, int] = {}
        self.last_threads: dict[str, int] = {}
        self.errors: dict[str, BaseException | None] = {}
        self.entered: dict[int, int] = {}
        """Thread identity -> its number, for threads that are watched until they end."""
        self.stacks: list[dict[str, Any]] = []
        self.chains: list[dict[str, Any]] = []
        self.notes: list[tuple[int, str, float]] = []

    def step(self, name: str, kind: str, call: Callable[[], T]) -> T:
        """Return `call()`, recorded as one step of the task `name`."""
        thread = self.enter()
        with self.lock:
            if name not in self.tasks:
                self.tasks[name] = self.recorder.make_task(name, kind, thread)
        number = self.tasks[name]
        self.errors[name] = None
        self.last_threads[name] = thread
        self.recorder.begin_step(number, thread)
        try:
            return call()
        except BaseException as error:
            self.errors[name] = error
            raise
        finally:
            self.recorder.end_step(number, thread)

    def enter(self) -> int:
        """Return the calling thread's number; it is watched from its first step on."""
        ident = threading.get_ident()
        if ident not in self.entered:
            self.entered[ident] = self.recorder.enter_thread()
        return self.entered[ident]

    def leave(self) -> None:
        """Watch the calling thread no more: it ends."""
        number = self.entered.pop(threading.get_ident(), None)
        if number is not None:
            self.recorder.leave_thread(number)

    def finish(self) -> None:
        """Record that every marked task is over: the program is."""
        for name, number in self.tasks.items():
            self.recorder.finish_task(number, self.last_threads[name], self.errors[name])
        self.leave()


_marks: Marks | None = None


def install(marks: Marks | None) -> None:
    """Have the marks tell `marks` from now on; None: nobody."""
    global _marks
    _marks = marks


def drawn(function: Callable[P, T]) -> Callable[P, T]:
    """Mark a function whose calls are drawn: each is one step of a task, named by its first argument.

    The name is the first argument if it is a text, else that argument's `name`, else the function's own. Between two
    calls with one name the task waits; after the last it is over. Raises TypeError for a coroutine function: its
    tasks are drawn as they are.
    """
    if not callable(function) or inspect.iscoroutinefunction(function):
        what = getattr(function, "__qualname__", repr(function))
        raise TypeError(f"@drawn marks plain functions, and {what} is none; a coroutine's task is drawn without it")

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        if _marks is None:
            return function(*args, **kwargs)
        name = task_name(function, args)
        return _marks.step(name, function.__qualname__, lambda: function(*args, **kwargs))

    call.is_drawn = True  # type: ignore[attr-defined]
    return call


def task_name(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """Return the name of the task of which a call is a step."""
    first = args[0] if args else None
    name = first if isinstance(first, str) else getattr(first, "name", None)
    return name if isinstance(name, str) and name else function.__name__


def note(name: str, value: float) -> None:
    """Note a number that changes while the program runs, such as the bytes in a buffer, with the moment."""
    if _marks is not None and len(_marks.notes) < MOST_NOTES:
        _marks.notes.append((time.monotonic_ns() - _marks.began_ns, name, value))


def keep_stack(title: str) -> None:
    """Keep the stack of calls at this place, to be drawn under `title`: who called whom, from the program inwards."""
    if _marks is None or len(_marks.stacks) >= MOST_STACKS:
        return
    frames = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    calls = [described(frame, _marks.folder) for frame in reversed(frames)]
    first = next((place for place, call in enumerate(calls) if call["owner"] == "yours"), 0)
    calls = [call for call in calls[first:] if call["owner"] != "course"]
    _marks.stacks.append({"title": title, "calls": calls})


def keep_chain(deferred: Deferred[Any], title: str) -> None:
    """Keep a Deferred's chain as it is now, to be drawn under `title`."""
    if _marks is None or len(_marks.chains) >= MOST_CHAINS:
        return
    from weft.figures import chain_rows

    rows = [asdict(row) | {"what": row.what.name} for row in chain_rows.read(deferred)]
    _marks.chains.append({"title": title, "rows": rows})


def described(frame: FrameType, folder: str) -> dict[str, Any]:
    """Return what a stack's picture says of a frame."""
    file = os.path.abspath(frame.f_code.co_filename)
    return {
        "function": frame.f_code.co_qualname.replace("<locals>.", ""),
        "file": os.path.basename(file) if not file.startswith(WEFT) else f"weft/{file.removeprefix(WEFT)}",
        "line": frame.f_lineno,
        "owner": owner_of(file, folder),
    }


def owner_of(file: str, folder: str) -> str:
    """Return whose a source file is: "yours", "course", "weft" or "python"."""
    if file.startswith(folder) and os.path.isfile(file):  # "<frozen runpy>" is in no folder
        return "yours"
    if file.startswith(HERE + os.sep):
        return "course"
    return "weft" if file.startswith(WEFT) else "python"
