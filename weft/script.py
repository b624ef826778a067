"""Running a script, or a module, as Python would, with its asyncio loops, or its Twisted reactor, made by Weft.

The program is unchanged: its loops come from the event-loop policy, its reactor from an import that says nothing of
which one, and it runs as `__main__`. The command line and the course use it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import runpy
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from weft.errors import WeftError
from weft.faces.asyncio import EventLoopPolicy, Loop, new_event_loop
from weft.faces.asyncio.loop import watch_new_loops

INTERRUPTED = 130


class ScriptError(WeftError):
    """There is no such script or module."""


def run_script(
    script: str, arguments: Sequence[str], *, is_module: bool = False, recorder: Any = None
) -> tuple[Any, int]:
    """Run a program to its end; return (what to exit with, how many loops it made).

    What it raises is printed with its own frames, and gives 1; SystemExit gives its code, Ctrl-C 130. Raises
    ScriptError if there is no such program.
    """
    loops = 0

    def record(loop: Loop) -> None:
        nonlocal loops
        loops += 1
        if recorder is not None:
            recorder.attach(loop)

    watch_new_loops(record)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # policies, from Python 3.14 on
        asyncio.set_event_loop_policy(EventLoopPolicy())
    sys.meta_path.insert(0, ReactorFinder())
    sys.argv = [script, *arguments]
    if not sys.flags.safe_path:
        sys.path[0] = os.getcwd() if is_module else str(Path(script).resolve().parent)
    try:
        if is_module:
            check_module(script)
            runpy.run_module(script, run_name="__main__", alter_sys=True)
        else:
            check_script(script)
            runpy.run_path(script, run_name="__main__")
    except ScriptError:
        raise
    except SystemExit as error:
        return exit_code(error), loops
    except KeyboardInterrupt:
        print_own_traceback()
        return INTERRUPTED, loops
    except BaseException:
        print_own_traceback()
        return 1, loops
    return 0, loops


class ReactorFinder:
    """Answers the import of twisted.internet.reactor, by which Twisted chooses a reactor unless one was chosen."""

    NAME = "twisted.internet.reactor"

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for the reactor's name, None for any other."""
        return ModuleSpec(name, self) if name == self.NAME else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Return None: the import system makes a module, which the reactor then replaces."""

    def exec_module(self, module: ModuleType) -> None:
        """Install Weft's reactor in the module's place."""
        from weft.faces import twisted

        del sys.modules[self.NAME]
        twisted.install(new_event_loop())


def check_script(script: str) -> None:
    """Raise ScriptError for a script that is not there."""
    if not Path(script).exists():
        raise ScriptError(f"{script}: no such file; give a Python script, or a module with -m")


def check_module(name: str) -> None:
    """Raise ScriptError for a module that is not there. What its package raises on import passes through."""
    try:
        found = None if name.startswith(".") else importlib.util.find_spec(name)
        is_package = found is not None and found.submodule_search_locations is not None
        if is_package and importlib.util.find_spec(f"{name}.__main__") is None:
            raise ScriptError(f"{name!r} is a package without a module __main__; name one of its modules")
    except ValueError:  # a name that no module can have
        found = None
    except ModuleNotFoundError as error:
        if not f"{name}.".startswith(f"{error.name}."):
            raise
        found = None
    if found is None:
        raise ScriptError(f"there is no module {name!r}; is it installed, and are you in the right folder?")


def exit_code(error: SystemExit) -> int:
    """Return the code that Python would exit with; a message is printed, as Python does."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    print(error.code, file=sys.stderr)
    return 1


def print_own_traceback() -> None:
    """Show the current exception from the program's own first frame on, in the way that it chose."""
    kind, error, frames = sys.exc_info()
    assert kind is not None
    assert error is not None
    own = own_frames(frames)
    sys.excepthook(kind, error.with_traceback(own), own)


def own_frames(frames: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that begins in the program: after the frames of what runs it."""
    own = frames
    while own is not None and own.tb_frame.f_code.co_filename in RUNNING:
        own = own.tb_next
    return own


RUNNING = (
    __file__,
    runpy.__file__,
    "<frozen runpy>",
    importlib.util.__file__,
    "<frozen importlib.util>",
    "<frozen importlib._bootstrap>",
    "<frozen importlib._bootstrap_external>",
)
"""The files whose frames come before a program's own."""
