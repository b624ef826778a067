"""A chapter: what its folder holds. `chapter.py` there declares it; the rest are texts and programs beside it."""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weft.errors import WeftError
from weft.learn.pictures import Picture, Timelines
from weft.learn.running import Run

FOLDER = Path(__file__).resolve().parent / "chapters"
NAME = re.compile(r"(\d\d)_([a-z_]+)")


class NoSuchChapterError(WeftError):
    """There is no chapter of this number."""


@dataclass(frozen=True)
class Prediction:
    """What a learner is asked before the first run."""

    question: str
    choices: Sequence[str]
    """In words; they are called a, b, c, ..."""
    answer: str
    """The letter of the right one."""
    because: str
    """What is told after the run."""


@dataclass(frozen=True)
class Verdict:
    """Whether a run meets a requirement, and by what one sees it."""

    holds: bool
    evidence: str
    """With figures from the recording."""
    hint: str = ""
    """The likely cause, where one is seen, and what to try: for a requirement that does not hold."""


@dataclass(frozen=True)
class Requirement:
    """One thing that an exercise asks of a run."""

    asked: str
    judge: Callable[[Run], Verdict]


@dataclass(frozen=True, eq=False)
class Chapter:
    """One chapter, as its `chapter.py` declares it: `CHAPTER = Chapter(...)`."""

    title: str
    idea: str
    """The one idea, in one sentence."""
    minutes: int
    prediction: Prediction
    requirements: Sequence[Requirement]
    """From cause to effect: the hint of the first that does not hold is the one that is shown."""
    question: str
    """To think about, when all is done."""
    programs: Sequence[str] = ("program.py",)
    """What `weft learn run` runs, one after another, and draws side by side."""
    reporting: Sequence[str] = ()
    """Those of its files that write to standard error, because that is their lesson. All others must not."""
    also: Sequence[str] = ()
    """Further files that the learner gets."""
    pictures: Sequence[Picture] = field(default_factory=lambda: (Timelines(),))
    interpreted: bool = False
    """Whether its programs run on the interpreted build, where a stack and a debugger see Weft's own steps."""
    watched: Sequence[str] = ()
    """Functions of the learner's whose calls are counted: "judge", or of one file alone, "exercise.judge"."""
    limit_s: float = 15.0
    """How long one of its programs may take. They take about a second."""
    folder: Path = Path()
    """Where it lies; set as it is loaded."""

    @property
    def number(self) -> int:
        """Its place in the course, from 1."""
        return int(self.folder.name[:2])

    @property
    def name(self) -> str:
        """Its folder's name, which is also that of the learner's folder for it."""
        return self.folder.name

    @property
    def heading(self) -> str:
        """Its number and title."""
        return f"{self.number}. {self.title}"

    @property
    def files(self) -> dict[str, Path]:
        """What a learner gets: each file's name, and where its original lies."""
        names = [*self.programs, "exercise.py", *self.also]
        return {name: self.original(name) for name in names}

    @property
    def wrong(self) -> list[Path]:
        """The typical wrong answers to the exercise."""
        return sorted((self.folder / "wrong").glob("*.py"))

    def original(self, name: str) -> Path:
        """Return where a file of the chapter lies."""
        return self.folder / name

    def text(self) -> str:
        """Return the chapter's text, as it is written: `weft.learn.pages` fills it in."""
        return (self.folder / "text.md").read_text(encoding="utf-8")


def load(folder: Path) -> Chapter:
    """Return the chapter in a folder."""
    spec = importlib.util.spec_from_file_location(f"weft_chapter_{folder.name}", folder / "chapter.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Chapter(**vars(module.CHAPTER) | {"folder": folder})


@functools.cache
def chapters() -> tuple[Chapter, ...]:
    """Return every chapter, in order."""
    return tuple(load(folder) for folder in sorted(FOLDER.iterdir()) if NAME.fullmatch(folder.name))


def chapter(number: int) -> Chapter:
    """Return the chapter of a number. Raises NoSuchChapterError."""
    for found in chapters():
        if found.number == number:
            return found
    numbers = [found.number for found in chapters()]
    raise NoSuchChapterError(f"there is no chapter {number}; the chapters are {numbers[0]} to {numbers[-1]}")
