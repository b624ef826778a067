"""The runs of a chapter's programs that its tests look at: each is made once, several at a time: they mostly wait."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from weft.learn import pages
from weft.learn.chapter import Chapter
from weft.learn.course import write_files
from weft.learn.grading import run_for
from weft.learn.running import Run

AT_ONCE = 4
POOL = ThreadPoolExecutor(AT_ONCE)


def programs(found: Chapter) -> list[str]:
    """Return the programs that a chapter has run: by `weft learn run`, and in its text."""
    return list(dict.fromkeys([*found.programs, *pages.programs(found.text())]))


class Runs:
    """One chapter's runs; all of them are begun when the first is asked for."""

    def __init__(self, found: Chapter) -> None:
        self.chapter = found
        self.recorded: dict[str, Future[Run]] = {}
        self.plain: dict[str, Future[Any]] = {}
        for name in (*programs(found), "solution.py", "exercise.py"):
            self.recorded[name] = POOL.submit(run_for, found, found.original(name))
        for path in found.wrong:
            self.recorded[path.name] = POOL.submit(answered, found, path)
        for name in programs(found):
            command = [sys.executable, str(found.original(name))]
            self.plain[name] = POOL.submit(subprocess.run, command, capture_output=True, text=True, timeout=120)

    def of(self, name: str) -> Run:
        """Return the recorded run of a program, or of a wrong answer by its file's name."""
        return self.recorded[name].result()

    def plainly(self, name: str) -> Any:
        """Return what became of a program under plain Python."""
        return self.plain[name].result()


def answered(found: Chapter, answer: Path) -> Run:
    """Return the run of an answer to the exercise, in a learner's folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(found, folder)
        return run_for(found, Path(shutil.copy(answer, folder / "exercise.py")))


@functools.cache
def runs_of(found: Chapter) -> Runs:
    """Return a chapter's runs."""
    return Runs(found)
