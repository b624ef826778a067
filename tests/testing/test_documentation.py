"""docs/testing.md: its programs are a test suite that passes, its first test is five lines, its names are there."""

import re
from pathlib import Path

import pytest

from weft import testing
from weft.testing import leaks

pytest_plugins = ["pytester"]
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "testing.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_begins_with_a_test_of_five_lines():
    head, _, _ = PAGE.partition("```python")
    lines = [line for line in PROGRAMS[0].splitlines() if line and not line.startswith("from shouting")]

    assert len(head.splitlines()) <= 5
    assert len(lines) == 5


def test_every_test_on_the_page_passes(pytester):
    first, shouting, *others = PROGRAMS
    pytester.makepyfile(shouting=shouting, test_0=first, **{f"test_{n}": each for n, each in enumerate(others, 1)})

    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:asyncio", "-p", "no:cacheprovider", timeout=60)

    result.assert_outcomes(passed=sum(len(re.findall(r"def test_", each)) for each in PROGRAMS))


@pytest.mark.parametrize("name", ["Peer", "ManualLoop", "WatchedLoop", "Link", "Network", "Pair", "clean_loop"])
def test_the_page_tells_of_each_thing(name):
    assert name in testing.__all__
    assert re.search(rf"`[^`]*\b{name}\b", PAGE)


def test_the_page_names_every_kind_of_leak():
    assert re.findall(r"^\| `(\w+)` \|", PAGE.partition("## What must not")[2], re.MULTILINE) == list(leaks.KINDS)
