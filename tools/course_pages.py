"""The course as pages of the documentation: its texts, with programs, outputs and pictures from real runs.

    python tools/course_pages.py docs/learn       writes a page for each chapter, its pictures, and index.md

Every program runs here and now, on this machine alone. A program that does not do as its chapter says
ends it with exit code 1.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rich.console import Console

import weft
from weft import learning
from weft.learn import pages
from weft.learn.chapter import Chapter, chapters
from weft.learn.course import write_files
from weft.learn.grading import Grade, grade, run_for
from weft.learn.pictures import Drawn, beside
from weft.learn.running import Run

WIDTH = 88
AT_ONCE = 2
"""How many chapters are run at a time: they mostly wait, and pictures should not show a crowded machine."""
RunOf = Callable[[Chapter, str], Run]
"""Runs a program of a chapter: one of its files, or a wrong answer by its file's name, in the exercise's place."""


class CourseBrokenError(Exception):
    """A program did not do as its chapter says."""


def run_here(found: Chapter, name: str) -> Run:
    """Run a program in a learner's folder that is made for it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / found.name
        write_files(found, place)
        wrong = {path.name: path for path in found.wrong}
        if name in wrong or name == "solution.py":
            shutil.copy(wrong.get(name) or found.original(name), place / "exercise.py")
            return run_for(found, place / "exercise.py")
        return run_for(found, place / name)


class Page:
    """One chapter's page, and its pictures in the same folder."""

    def __init__(self, found: Chapter, folder: Path, run_of: RunOf = run_here) -> None:
        self.chapter = found
        self.folder = folder
        self.run_of = run_of
        self.expected = run_of(found, "solution.py")

    def write(self) -> None:
        """Write the page and its pictures."""
        found = self.chapter
        fills: dict[str, pages.Fill] = {
            "predict": self.prediction,
            "program": self.program,
            "run": self.run,
            "debug": lambda name, commands: block("console", pages.transcript(found, name, commands)),
            "exercise": self.exercise,
            "question": lambda: admonition("important", "To think about", found.question),
        }
        text = f"# {found.heading}\n\n*{found.idea}* About {found.minutes} minutes.\n\n"
        text += f"In your own folder: `weft learn start {found.number}`.\n\n{pages.filled(found.text(), fills)}"
        (self.folder / f"{found.name}.md").write_text(text, encoding="utf-8")

    def prediction(self) -> str:
        """Return what is asked before the run."""
        asked = self.chapter.prediction
        body = f"{asked.question}\n\n{pages.choices(self.chapter)}"
        return admonition("tip", "Your prediction", body)

    def program(self, name: str, part: str = "") -> str:
        """Return a program, under its name."""
        return pages.code(self.chapter, name, part).replace(
            "```python", f"```{{code-block}} python\n:caption: {name}\n", 1
        )

    def run(self, name: str = "") -> str:
        """Return what the programs print, what they cost, their pictures, and the answer to the prediction."""
        found = self.chapter
        names = [name] if name else list(found.programs)
        runs = [self.run_of(found, each) for each in names]
        for run in runs:
            if run.exit_code or run.is_over_time:
                raise CourseBrokenError(f"{found.name}/{run.program.name} failed:\n{run.errors}")
        said = [f"$ weft learn run {found.number} {name}".rstrip()]
        said += [f"$ python {run.program.name}\n{printed_by(run)}" for run in runs]
        if len(runs) > 1:
            said.append(printed(learning.costs(runs)))
        drawn = [Drawn(run.program.stem.replace("_", " "), run) for run in runs]
        made = [block("console", "\n".join(said)), self.pictures(drawn, name or "run")]
        if not name:
            right = found.prediction
            made.append(details("The answer", f"It is **{right.answer}**. {right.because}"))
        return "\n\n".join(made)

    def pictures(self, drawn: list[Drawn], name: str) -> str:
        """Write the pictures of runs, and return what shows them."""
        shown = []
        for place, picture in enumerate(self.chapter.pictures):
            text = picture.svg(drawn, title="")
            if text is None:
                continue
            stem = Path(name).stem + ("" if place == 0 else f"-{picture.name}")
            file = f"{self.chapter.name}-{stem}.svg"
            (self.folder / file).write_text(text, encoding="utf-8")
            shown.append(image(file, f"What ran, drawn: {', '.join(each.title for each in drawn)}"))
        return "\n\n".join(shown)

    def exercise(self) -> str:
        """Return the exercise, what is asked, what wrong answers get, and a solution, folded up."""
        found = self.chapter
        asked = "\n".join(f"- {requirement.asked}" for requirement in found.requirements)
        made = [
            self.program("exercise.py"),
            f"`weft learn check {found.number}` asks of the recording:\n\n{asked}",
        ]
        for path in found.wrong:
            graded = grade(found, self.run_of(found, path.name))
            made.append(self.wrong(path, graded))
        made.append(self.solution())
        return "\n\n".join(made)

    def wrong(self, path: Path, graded: Grade) -> str:
        """Return a typical wrong answer, with what the check says and shows."""
        if graded.passes or not graded.hint:
            raise CourseBrokenError(f"{path} passes, or gets no hint")
        source = path.read_text(encoding="utf-8")
        told = " ".join(source.split('"""')[1].partition("\n\n")[0].split())
        body = source.split('"""', 2)[2].strip()
        parts = [
            told,
            block("python", body),
            block("console", f"$ weft learn check {self.chapter.number}\n{self.checked(graded)}"),
            self.pictures(beside(graded.run, self.expected), path.name),
        ]
        return details(f"A typical answer that is not right yet: {path.stem.replace('_', ' ')}", "\n\n".join(parts))

    def checked(self, graded: Grade) -> str:
        """Return what the check prints."""
        file = io.StringIO()
        console = Console(file=file, width=WIDTH, highlight=False)
        told = replace(graded.run, errors=without_folders(graded.run.errors, graded.run))
        learning.show_grade(self.chapter, replace(graded, run=told), console)
        console.print(f"\nHint: {graded.hint}" if graded.hint else "\nAll of it holds.", markup=False)
        return "\n".join(line.rstrip() for line in file.getvalue().splitlines())

    def solution(self) -> str:
        """Return a solution, folded up."""
        graded = grade(self.chapter, self.expected)
        if not graded.passes:
            raise CourseBrokenError(f"{self.chapter.name}: the solution does not pass:\n{self.checked(graded)}")
        source = block("python", self.chapter.original("solution.py").read_text(encoding="utf-8"))
        picture = self.pictures([Drawn("A solution", self.expected)], "solution")
        return details("A solution", "\n\n".join([source, block("console", self.checked(graded)), picture]))


def printed_by(run: Run) -> str:
    """Return what a program printed, without the folders of this machine."""
    return without_folders(f"{run.output}{run.errors}".rstrip(), run)


def without_folders(text: str, run: Run) -> str:
    """Return what a program said, with the files in it named as the learner, Weft and Python name them."""
    for folder in (run.program.absolute().parent, Path(weft.__file__).parent.parent, Path(os.__file__).parent):
        text = text.replace(f"{folder}/", "")
    return text


def printed(table: object) -> str:
    """Return a table of Rich's as plain text."""
    file = io.StringIO()
    Console(file=file, width=WIDTH, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def block(language: str, text: str) -> str:
    """Return a block of code."""
    return f"````{language}\n{text.rstrip()}\n````"


def image(file: str, told: str) -> str:
    """Return a picture that scrolls sideways where the screen is narrow, and that leads to itself alone."""
    return f'<div class="weft-picture">\n\n```{{image}} {file}\n:alt: {told}\n:width: 100%\n```\n\n</div>'


def admonition(kind: str, title: str, text: str) -> str:
    """Return a box with a title."""
    return f":::{{admonition}} {title}\n:class: {kind}\n\n{text}\n:::"


def details(title: str, text: str) -> str:
    """Return a text that is folded up under its title."""
    return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>"


def index() -> str:
    """Return the course's first page."""
    rows = "\n".join(f"| {each.number} | [{each.title}]({each.name}.md) | {each.idea} |" for each in chapters())
    names = "\n".join(each.name for each in chapters())
    return f"""# Learn

Asynchronous programming from the inside out. Every step is a program that runs, and every picture on these pages was
drawn from such a run.

Read here, or better, do it in a terminal, where you predict, run, see, and have your exercises checked by what they
recorded:

````console
$ pip install '.[cli]'
$ weft learn
$ weft learn start 1
````

| | chapter | its one idea |
|---|---|---|
{rows}

```{{toctree}}
:hidden:

{names}
```
"""


def main() -> int:
    """Write the pages to the folder that the command line names."""
    if len(sys.argv) != 2:
        print("course_pages.py: name one folder, docs/learn say", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    def write(found: Chapter) -> None:
        print(f"course_pages.py: running chapter {found.heading}", flush=True)
        Page(found, folder).write()

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        list(pool.map(write, chapters()))
    except (CourseBrokenError, pages.PageError) as error:
        print(f"course_pages.py: {error}", file=sys.stderr)
        return 1
    finally:
        pool.shutdown(cancel_futures=True)
    (folder / "index.md").write_text(index(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
