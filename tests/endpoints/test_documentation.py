"""The page on endpoints: its programs run, what it says of strings is so, and no option is missing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from weft import endpoints
from weft.endpoints import kinds
from weft.errors import EndpointStringError

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "endpoints.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SAID = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
LISTENING, CONNECTING = (
    re.findall(
        r"^\| `(\w+)(:[^`]*)` \| `(\w+)` \| ([^|]*)\| ([^|]*)\|$",
        PAGE.split(f"## {title}")[1].split("\n## ")[0],
        re.MULTILINE,
    )
    for title in ("Strings to listen at", "Strings to connect to")
)


def test_the_first_program_runs_and_prints_what_the_page_says():
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAMS[0]], capture_output=True, text=True, timeout=20, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, SAID[0], "")


@pytest.mark.parametrize("program", PROGRAMS[1:], ids=["equal", "own kind"])
def test_the_other_programs_run(program):
    exec(compile(program, "docs/endpoints.md", "exec"), {"__name__": "page"})


def test_the_error_that_the_page_shows_is_the_one_that_is_raised():
    with pytest.raises(EndpointStringError) as raised:
        endpoints.server("tcp:80:inteface=x")

    assert str(raised.value) + "\n" == SAID[1]


@pytest.mark.parametrize("verb, rows", [("listening", LISTENING), ("connecting", CONNECTING)])
def test_the_tables_have_every_kind_with_every_option(verb, rows):
    forms = {name: form for name, kind in kinds.OWN.items() if (form := getattr(kind, verb)) is not None}

    assert {row[0] for row in rows} == set(forms)
    for name, _, _, _, options in rows:
        expected = {each.name for each in forms[name].parameters if not each.is_positional}
        assert set(re.findall(r"`(\w+)=", options)) == expected, name


@pytest.mark.parametrize("verb, rows", [("server", LISTENING), ("client", CONNECTING)])
def test_the_strings_in_the_tables_give_the_objects_beside_them(verb, rows):
    for name, rest, kind, _, _ in rows:
        assert type(getattr(endpoints, verb)(name + rest)).__name__ == kind
