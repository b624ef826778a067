"""The learner's side of the course: a folder for each chapter begun, and a small file of how far one is.

The file is `weft-learn.json` in the course's folder, which is the current one or the nearest above it that has it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from weft.errors import WeftError
from weft.learn.chapter import Chapter

FILE = "weft-learn.json"
VERSION = 1
STATES = ("new", "started", "run", "tried", "passed")
"""How far a learner is with a chapter, each further than the one before."""


class CourseError(WeftError):
    """The course's folder is not as it should be."""


@dataclass
class Standing:
    """How far a learner is with a chapter."""

    state: str = "new"
    tries: int = 0
    """How often the exercise was checked."""
    guess: str = ""
    """The letter that was guessed before the first run."""

    def reach(self, state: str) -> None:
        """Be as far as that, unless one is further already."""
        self.state = max(self.state, state, key=STATES.index)


@dataclass
class Course:
    """The course's folder, and what its file says."""

    folder: Path
    chapters: dict[str, Standing] = field(default_factory=dict)

    def standing(self, chapter: Chapter) -> Standing:
        """Return how far the learner is with a chapter."""
        return self.chapters.setdefault(chapter.name, Standing())

    def folder_of(self, chapter: Chapter) -> Path:
        """Return where the learner's files for a chapter lie."""
        return self.folder / chapter.name

    def save(self) -> None:
        """Write the file, whole or not at all. Raises CourseError."""
        begun = {name: asdict(standing) for name, standing in self.chapters.items() if standing.state != "new"}
        text = json.dumps({"version": VERSION, "chapters": begun}, indent=1, sort_keys=True) + "\n"
        partial = self.folder / f".{FILE}.{os.getpid()}"
        try:
            partial.write_text(text, encoding="utf-8")
            partial.replace(self.folder / FILE)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise CourseError(
                f"cannot write {self.folder / FILE}: {error.strerror}; go to a folder that is yours"
            ) from None


def open_course(folder: Path | None = None) -> Course:
    """Return the course in a folder; without one, in the nearest from the current one upwards that has a course.

    Where there is none, the current folder is one that was not begun. Raises CourseError for a file that cannot be
    read.
    """
    here = Path.cwd() if folder is None else folder
    places = [here, *here.parents] if folder is None else [here]
    found = next((place for place in places if (place / FILE).is_file()), None)
    if found is None:
        return Course(here)
    path = found / FILE
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        if read["version"] != VERSION:
            raise ValueError(f"its version is {read['version']}, and this Weft knows {VERSION}")
        chapters = {str(name): Standing(**standing) for name, standing in read["chapters"].items()}
        if not all(standing.state in STATES for standing in chapters.values()):
            raise ValueError("a state in it is none")
    except OSError as error:
        raise CourseError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CourseError(f"{path} is damaged ({error}); mend it, or delete it: your programs stay") from None
    return Course(found, chapters)


@dataclass(frozen=True)
class Written:
    """What became of the files of a chapter."""

    new: Sequence[str]
    kept: Sequence[str]
    """Those that were there already, and were left as they are."""
    moved: Sequence[tuple[str, str]]
    """Those that were there, differed, and were renamed to make room: (name, its new name)."""


def write_files(chapter: Chapter, folder: Path, *, again: bool = False) -> Written:
    """Write a chapter's files into a folder. What is there stays; `again` renames what differs, and writes it anew.

    Raises CourseError where a file cannot be written.
    """
    new, kept, moved = [], [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, original in chapter.files.items():
            path, content = folder / name, original.read_bytes()
            if path.exists() and (not again or path.read_bytes() == content):
                kept.append(name)
                continue
            if path.exists():
                spare = spare_name(path)
                path.rename(spare)
                moved.append((name, spare.name))
            path.write_bytes(content)
            new.append(name)
    except OSError as error:
        raise CourseError(f"cannot write {error.filename or folder}: {error.strerror}") from None
    return Written(new, kept, moved)


def spare_name(path: Path) -> Path:
    """Return a name beside a file's own that is free: exercise-1.py, exercise-2.py, ..."""
    number = 1
    while (spare := path.with_stem(f"{path.stem}-{number}")).exists():
        number += 1
    return spare
