"""docs/deferreds.md: its programs run and print what the page says, and its names are there."""

import builtins
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import weft
from weft.deferred import Deferred

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deferreds.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```.*?```text\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_has_its_programs():
    assert len(PROGRAMS) == PAGE.count("```python") == 4


@pytest.mark.parametrize("program, output", PROGRAMS)
def test_a_program_of_the_page_prints_what_the_page_says(program, output, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "utf8", "-c", program],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert (done.stdout, done.stderr) == (output, "")


def test_the_names_of_the_page_are_there():
    names = set(re.findall(r"`(?:weft\.)?([A-Za-z_]+)(?:\(\)|\()", PAGE))
    homes = (weft, weft.deferred, Deferred, weft.Failure, weft.Cooperator, weft.figures.ChainFigure, builtins)
    elsewhere = {"failure", "deferred", "task"}

    assert {name for name in names - elsewhere if not any(hasattr(home, name) for home in homes)} == set()
