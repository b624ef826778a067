"""The page on protocols: its first program runs and prints what the page says; what it names is there."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from weft import protocols

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocols.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_first_program_runs_and_prints_what_the_page_says():
    expected = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)

    ended = subprocess.run(
        [sys.executable, "-c", PROGRAMS[0]], capture_output=True, text=True, timeout=20, check=False
    )

    assert expected is not None
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, expected[1], "")


def test_the_other_programs_are_programs():
    assert len(PROGRAMS) == 3
    for program in PROGRAMS:
        ast.parse(program)


def test_every_class_that_the_page_names_is_there():
    named = set(
        re.findall(r"`(?:protocols\.)?([A-Z][a-zA-Z0-9]+(?:Parser|Protocol|Limit|Log|Headers|Mixin))\b", PAGE)
    )

    assert len(named) > 10
    assert named <= set(protocols.__all__)
