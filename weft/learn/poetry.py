"""Slow poets for a learner's program: servers on this machine, each a process of its own, ended with the block."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from weft.errors import WeftError

HERE = Path(__file__).resolve().parent
SCRIPT = HERE / "chapters" / "02_slow_poetry" / "poet.py"
"""What a learner reads in chapter 2 is what runs."""
PATIENCE_S = 20.0


class PoetNotReadyError(WeftError):
    """A poet's process ended, or said nothing, before it listened."""


def poem(name: str) -> str:
    """Return the text of a poem, as its poet recites it. Raises ValueError for one that nobody knows."""
    path = HERE / "poems" / f"{name}.txt"
    if not path.is_file():
        known = sorted(found.stem for found in path.parent.glob("*.txt"))
        raise ValueError(f"there is no poem {name!r}; the poems are {', '.join(known)}")
    return path.read_text(encoding="utf-8")


@contextmanager
def poets(**seconds: float) -> Iterator[dict[str, int]]:
    """Start a poet for each poem, who takes so many seconds to recite it; give their ports on 127.0.0.1, by poem.

    A poet recites to one listener after another, and begins when one has connected. Raises ValueError for a poem
    that nobody knows, PoetNotReadyError if a poet does not listen.
    """
    for name in seconds:
        poem(name)
    with ExitStack() as stack:
        started = {name: stack.enter_context(_process(name, pace)) for name, pace in seconds.items()}
        deadline = time.monotonic() + PATIENCE_S
        yield {name: _port(name, process, deadline) for name, process in started.items()}


@contextmanager
def _process(name: str, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-I", "-S", str(SCRIPT), str(HERE / "poems" / f"{name}.txt"), str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()  # it holds nothing that is worth a farewell
            process.wait()


def _port(name: str, process: subprocess.Popen[bytes], deadline: float) -> int:
    """Return the port that a poet prints."""
    assert process.stdout is not None
    said = b""
    while not said.endswith(b"\n"):
        left_s = max(0.0, deadline - time.monotonic())
        if not select.select([process.stdout], [], [], left_s)[0]:
            raise PoetNotReadyError(f"the poet of {name!r} did not listen within {PATIENCE_S:.0f} s")
        piece = os.read(process.stdout.fileno(), 64)
        if not piece:
            raise PoetNotReadyError(f"the poet of {name!r} ended with exit code {process.wait()} before it listened")
        said += piece
    return int(said)
