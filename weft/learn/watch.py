"""Where the threads of a program stand: in which line, and whether they sleep there.

The recorder's sampler says that a thread does not compute; this says why. A thread that sleeps in a call of the
program's blocks; one that could run and has no core to run on does not, however busy the machine is.

A sample alone cannot tell: whoever takes it holds the interpreter, and a thread that waits for that sleeps as well.
Several in a row can: asleep in one line each time, and hardly computed in between. (Two are too few: whoever takes
them may have had no core in between, and held the interpreter all that time.)
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from types import FrameType
from typing import NamedTuple

INTERVAL_S = 0.005
LONGEST_GAP_S = 0.1
"""Of a longer time between two samples nobody knows what happened: the machine had no core for whoever takes them."""
LEAST_SAMPLES = 3
MOST_SAMPLES = 50_000
LOOP_FOLDERS = ("core", "faces", "transports", "deferred", "protocols", "services", "endpoints")
"""Weft's folders whose frames, when they are the innermost, mean that the loop is between two calls."""


class Sample(NamedTuple):
    """A thread, held by a line of the learner's program."""

    time_ns: int
    """Since the recorder was made."""
    thread: int
    """The recorder's number of it."""
    sleeps: bool
    """Whether the system has it sleep; True where the system does not tell."""
    cpu_ns: int
    """Its CPU clock; 0 where there are none."""
    file: str
    line: int
    """The line of the program that holds it; where none does, of another file in its folder."""

    @property
    def place(self) -> tuple[str, int]:
        """The file and the line."""
        return self.file, self.line


def slept_ns(samples: Iterable[Sample]) -> dict[tuple[str, int], int]:
    """Return for how long a thread slept in each place, as far as its samples, in order, tell for sure."""
    slept: dict[tuple[str, int], int] = {}
    asleep: list[Sample] = []
    for sample in samples:
        if asleep and not is_one_sleep(asleep[-1], sample):
            asleep.clear()
        if sample.sleeps:
            asleep.append(sample)
        if len(asleep) >= LEAST_SAMPLES:
            since = asleep[0 if len(asleep) == LEAST_SAMPLES else -2]
            slept[sample.place] = slept.get(sample.place, 0) + sample.time_ns - since.time_ns
    return slept


def is_one_sleep(before: Sample, after: Sample) -> bool:
    """Return whether a thread slept from one sample to the next."""
    passed, computed = after.time_ns - before.time_ns, after.cpu_ns - before.cpu_ns
    return after.sleeps and before.place == after.place and computed * 4 < passed <= LONGEST_GAP_S * 1e9


class Watch:
    """Takes samples of a process's threads, in a thread of its own, from `start` to `stop`."""

    def __init__(self, program: str, began_ns: int) -> None:
        self.program = os.path.abspath(program)
        self.folder = os.path.dirname(self.program) + os.sep
        self.began_ns = began_ns
        self.parent = os.getppid()
        self.found: list[tuple[int, int, str, bool, int, str, int]] = []
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.work, name="weft-watch", daemon=True)
        weft = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        self.loop_folders = tuple(os.path.join(weft, folder) + os.sep for folder in LOOP_FOLDERS)

    def start(self) -> None:
        """Begin to take samples."""
        self.thread.start()

    def stop(self) -> None:
        """Take no more."""
        self.is_over.set()
        self.thread.join()

    def work(self) -> None:
        """Sample until it is over. Whoever started the program may be gone: then it has no reader, and ends."""
        while not self.is_over.wait(INTERVAL_S):
            if os.getppid() != self.parent:
                os.killpg(os.getpgrp(), signal.SIGKILL)
            if len(self.found) < MOST_SAMPLES:
                self.sample()

    def sample(self) -> None:
        """Look at every thread once."""
        frames = sys._current_frames()
        now = time.monotonic_ns() - self.began_ns
        for thread in threading.enumerate():
            frame = frames.get(thread.ident or 0)
            place = None if frame is None else self.place(frame)
            if place is not None and thread.ident is not None:
                number = thread.native_id or 0
                self.found.append((now, thread.ident, thread.name, sleeps(number), cpu_ns(number), *place))

    def place(self, frame: FrameType | None) -> tuple[str, int] | None:
        """Return the line of the program that holds a thread; None if a loop does, or nothing of the program."""
        found: tuple[str, int] | None = None
        while frame is not None:
            file = frame.f_code.co_filename
            if file == self.program:
                return file, frame.f_lineno
            if file.startswith(self.folder):
                found = found or (file, frame.f_lineno)
            if file.startswith(self.loop_folders):
                return found
            frame = frame.f_back
        return found

    def samples(self, numbers: dict[tuple[int, str], int]) -> list[Sample]:
        """Return what was found of the threads that the recorder numbered."""
        return [
            Sample(at, numbers[ident, name], asleep, cpu, file, line)
            for at, ident, name, asleep, cpu, file, line in self.found
            if (ident, name) in numbers
        ]


def sleeps(native_id: int) -> bool:
    """Return whether a thread of this process sleeps, as Linux tells; True where the system does not."""
    try:
        return told_of(native_id, "stat").rpartition(b")")[2].split()[0] in (b"S", b"D")
    except (OSError, IndexError):
        return True


def cpu_ns(native_id: int) -> int:
    """Return for how long a thread of this process has computed, as Linux tells; 0 where the system does not."""
    try:
        return int(told_of(native_id, "schedstat").split()[0])
    except (OSError, IndexError, ValueError):
        return 0


def told_of(native_id: int, what: str) -> bytes:
    """Return what Linux tells of a thread. A CPU clock would do too, but not for a thread that has just ended."""
    with open(f"/proc/self/task/{native_id}/{what}", "rb") as file:
        return file.read()
