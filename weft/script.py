"""Running a script, or a module, as Python would, with its asyncio loops made by Weft.

The program is unchanged: its loops come from the event-loop policy, and it runs as `__main__`. Only the command line
uses this.
"""

from __future__ import annotations

import asyncio
import importlib.util
import runpy
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from weft.errors import WeftError
from weft.faces.asyncio import EventLoopPolicy, Loop, new_event_loop

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
    check_script(script, is_module)
    loops = 0

    def make_loop() -> Loop:
        nonlocal loops
        loops += 1
        loop = new_event_loop()
        if recorder is not None:
            recorder.attach(loop)
        return loop

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # policies, from Python 3.14 on
        asyncio.set_event_loop_policy(EventLoopPolicy(make_loop))
    sys.argv = [script, *arguments]
    try:
        if is_module:
            sys.path.insert(0, "")
            runpy.run_module(script, run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(script).resolve().parent))
            runpy.run_path(script, run_name="__main__")
    except SystemExit as error:
        return exit_code(error), loops
    except KeyboardInterrupt:
        print_own_traceback()
        return INTERRUPTED, loops
    except BaseException:
        print_own_traceback()
        return 1, loops
    return 0, loops


def check_script(script: str, is_module: bool) -> None:
    """Raise ScriptError for a program that is not there."""
    if not is_module:
        if not Path(script).exists():
            raise ScriptError(f"{script}: no such file; give a Python script, or a module with -m")
        return
    try:
        found = importlib.util.find_spec(script)
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise ScriptError(f"there is no module {script!r}; is it installed, and are you in the right folder?")


def exit_code(error: SystemExit) -> int:
    """Return the code that Python would exit with; a message is printed, as Python does."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    print(error.code, file=sys.stderr)
    return 1


def print_own_traceback() -> None:
    """Print the current exception from the program's own first frame on."""
    kind, error, frames = sys.exc_info()
    traceback.print_exception(kind, error, own_frames(frames))


def own_frames(frames: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that begins in the program: after this file's frames and runpy's."""
    own = frames
    while own is not None and own.tb_frame.f_code.co_filename in (__file__, runpy.__file__, "<frozen runpy>"):
        own = own.tb_next
    return own
