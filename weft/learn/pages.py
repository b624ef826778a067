"""A chapter's text with its programs, runs and pictures filled in: for a terminal, and for the documentation.

In a text, a line of its own in double brackets stands for something else:

    [[predict]]            the prediction
    [[program NAME]]       a program, whole; [[program NAME function]]: one function or class of it
    [[run]]                running the chapter's programs, and their picture
    [[run NAME]]           running one of its other programs, and its picture
    [[debug NAME FILE]]    a session with Python's debugger, whose commands are in FILE, on the interpreted build
    [[exercise]]           the exercise, and how to check it
    [[question]]           the question to think about
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from weft.errors import WeftError
from weft.learn.chapter import Chapter

PLACE = re.compile(r"^\[\[(\w+)((?: [\w./-]+)*)\]\]$", re.MULTILINE)
DEBUG = "WEFT_PURE=1 python -m pdb"
Fill = Callable[..., str]


class PageError(WeftError):
    """A chapter's text asks for what is not there."""


def filled(text: str, fills: dict[str, Fill]) -> str:
    """Return a text with each place replaced by what `fills` returns for it. Raises PageError for an unknown one."""

    def replace(match: re.Match[str]) -> str:
        if match[1] not in fills:
            raise PageError(f"a text has {match[0]}, and only {', '.join(sorted(fills))} can be filled in")
        return fills[match[1]](*match[2].split())

    return PLACE.sub(replace, text)


def places(text: str) -> list[str]:
    """Return the places of a text, in order, as they are written within the brackets."""
    return [match[1] + match[2] for match in PLACE.finditer(text)]


def programs(text: str) -> list[str]:
    """Return the further programs that a text has run: `[[run NAME]]`."""
    return [match[2].strip() for match in PLACE.finditer(text) if match[1] == "run" and match[2]]


def code(chapter: Chapter, name: str, part: str = "") -> str:
    """Return a program of the chapter as Markdown, or one function or class of it."""
    source = chapter.original(name).read_text(encoding="utf-8")
    if part:
        source = part_of(source, part, chapter.original(name))
    return f"```python\n{source.rstrip()}\n```"


def part_of(source: str, name: str, path: Path) -> str:
    """Return the source of one function or class, with its decorators. Raises PageError if it is not there."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == name:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            return "\n".join(source.splitlines()[first - 1 : node.end_lineno])
    raise PageError(f"{path} has no function or class {name!r}")


def choices(chapter: Chapter) -> str:
    """Return the prediction's choices as a Markdown list."""
    return "\n".join(f"- **{letter}** {choice}" for letter, choice in lettered(chapter))


def lettered(chapter: Chapter) -> list[tuple[str, str]]:
    """Return the prediction's choices with their letters."""
    return list(zip("abcdefgh", chapter.prediction.choices, strict=False))


def typed(chapter: Chapter, name: str, commands: str) -> str:
    """Return what is to be typed for a session with the debugger, as Markdown."""
    asked = chapter.original(commands).read_text(encoding="utf-8").splitlines()
    return "\n".join([f"    {DEBUG} {name}", *(f"    (Pdb) {command}" for command in asked)])


def transcript(chapter: Chapter, name: str, commands: str) -> str:
    """Return a session with the debugger as it went: what was typed, and what it answered."""
    path = chapter.original(name)
    asked = chapter.original(commands).read_text(encoding="utf-8")
    command = [sys.executable, "-m", "pdb", path.name]
    environment = os.environ | {"WEFT_PURE": "1", "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        command, cwd=path.parent, env=environment, input=asked, capture_output=True, text=True, timeout=60, check=True
    )
    first, *answers = done.stdout.split("(Pdb) ")
    session = [f"$ {DEBUG} {path.name}\n{first}"]
    session += [f"(Pdb) {typed}\n{said}" for typed, said in zip(asked.splitlines(), answers, strict=False)]
    for folder in (path.parent, Path(__file__).resolve().parents[2]):
        session = [part.replace(f"{folder}{os.sep}", "") for part in session]
    return "".join(session)


def for_terminal(chapter: Chapter) -> str:
    """Return the chapter as Markdown to be read in a terminal, beside the learner's own files."""
    number = chapter.number
    run = f"    weft learn run {number}"
    fills: dict[str, Fill] = {
        "predict": lambda: f"{chapter.prediction.question}\n\n{choices(chapter)}",
        "program": lambda name, part="": code(chapter, name, part),
        "run": lambda name="": f"{run} {name}".rstrip(),
        "debug": lambda name, commands: typed(chapter, name, commands),
        "exercise": lambda: (
            f"The exercise is in `exercise.py`. When you think that it is right:\n\n    weft learn check {number}"
        ),
        "question": lambda: f"> {chapter.question}",
    }
    return f"# {chapter.heading}\n\n*{chapter.idea}*\n\n{filled(chapter.text(), fills)}"
