"""The count of instructions: what it says of more and of less, and that nothing is compared with nothing."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import weft

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks are for Linux")

BENCHMARKS = Path(weft.__file__).parent.parent / "benchmarks"
KEPT = {"chain": 1000, "echo": 5000}
TOOLS = {"Python": "3.11.7 by GCC 12.2.0"}


@pytest.fixture
def instructions(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import instructions

    return instructions


def ended(program, *arguments, **environ):
    command = [sys.executable, str(BENCHMARKS / program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environ, timeout=60)


@pytest.mark.parametrize(
    "echo, verdict, said",
    [
        (5149, "passed", "+3.0%"),
        (5151, "failed", "More than 3% above what is kept, or not kept or not counted: echo."),
        (4851, "passed", "-3.0%"),
        (4849, "renew", "More than 3% below what is kept."),
    ],
)
def test_what_takes_more_fails_and_what_takes_less_is_to_be_kept(instructions, capsys, echo, verdict, said):
    verdicts = instructions.report({"chain": 1000, "echo": echo}, KEPT, TOOLS, TOOLS)

    printed = capsys.readouterr().out
    assert verdicts == {"chain": "passed", "echo": verdict}
    assert said in printed
    assert ("--write" in printed) == (verdict != "passed")


def test_with_other_tools_more_is_allowed_and_they_are_named(instructions, capsys):
    others = {"Python": "3.11.2 by GCC 12.2.0"}

    verdicts = instructions.report({"chain": 1190, "echo": 6010}, KEPT, others, TOOLS)

    printed = capsys.readouterr().out
    assert verdicts == {"chain": "passed", "echo": "failed"}
    assert "Python: 3.11.2 by GCC 12.2.0; the figures were counted with 3.11.7 by GCC 12.2.0" in printed
    assert "20% are allowed" in printed


@pytest.mark.parametrize("counted", [{"chain": 1000}, KEPT | {"new": 1}], ids=["one is missing", "one is new"])
def test_work_that_is_not_kept_and_figures_without_their_work_fail(instructions, counted):
    verdicts = instructions.report(counted, KEPT, TOOLS, TOOLS)

    assert [name for name, verdict in verdicts.items() if verdict == "failed"] == list(counted.keys() ^ KEPT.keys())


def test_without_valgrind_it_says_what_to_install(tmp_path):
    counted = ended("instructions.py", PATH=str(tmp_path))

    assert counted.returncode == 3
    assert "apt-get install valgrind" in counted.stderr


def test_what_fails_under_valgrind_is_told(tmp_path):
    false_valgrind = tmp_path / "valgrind"
    false_valgrind.write_text("#!/bin/sh\necho it cannot run here >&2\nexit 7\n")
    false_valgrind.chmod(0o755)
    figures = tmp_path / "figures.json"

    counted = ended("instructions.py", "--json", str(figures), PATH=f"{tmp_path}:{os.environ['PATH']}")

    assert counted.returncode == 1
    assert "ended with exit code 7; it said:\nit cannot run here" in counted.stderr  # on the compiled build, always
    assert json.loads(figures.read_text()) == {"verdicts": {}}


def test_the_figures_are_of_the_work_that_is_counted_on_each_python(instructions):
    import counted_work

    kept = json.loads((BENCHMARKS / "instructions.json").read_text())
    with closing(weft.new_event_loop()) as loop:
        names = ["start-up", *counted_work.all_work(loop, "")]

    assert {key.partition(",")[0] for key in kept} == {"Python 3.11", "Python 3.12", "Python 3.13"}
    assert all(list(each["instructions"]) == names for each in kept.values())


def test_the_work_runs_as_it_is_counted(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from certificate import write_certificate

    worked = ended("counted_work.py", str(write_certificate(tmp_path)))

    if weft.BUILD == "compiled":
        assert worked.returncode == 0, worked.stderr
        assert worked.stderr == ""
        assert "TLS echo" in worked.stdout.splitlines()
    else:
        assert "it needs Weft's compiled build" in worked.stderr
