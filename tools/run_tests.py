"""Every test, on both builds and on each Python that is installed; the last line says how many ran.

On the Python that runs this: the whole suite, compiled and interpreted. On the other supported ones: the contract
tests, in virtual environments of their own (.venv-3.12, ...). On all of them: CPython's own asyncio tests, as
docs/conformance.md says. On the Python that runs this, Twisted's own tests, too: on the compiled build all that run
the reactor, on the interpreted one those that Twisted asks of each of its reactors. Where valgrind is installed, the
instructions of fixed work, against those that benchmarks/instructions.json keeps. A skipped test is a failure:
tests/conftest.py.

    python tools/run_tests.py
    python tools/run_tests.py --everything      # Twisted's tests whole, on each Python and build; those on Twisted 24

Three things run at a time, for two cores: the whole suite on each build, which mostly waits, and beside it all the
rest. The first is shown as it goes on, the others when they are over.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED = ("3.11", "3.12", "3.13")
BUILDS = ("compiled", "interpreted")
CONTRACT = ("tests/contract",)
TWISTED_24 = "twisted[conch,http2,test,tls]==24.11.*"
"""The oldest Twisted that is tested, with what its tests need."""
NOT_COUNTED_HERE = 3
"""What benchmarks/instructions.py ends with where there is no valgrind, or nothing to compare with."""
Tell = Callable[[str], None]


class Row(NamedTuple):
    """One run, and what became of it."""

    version: str
    build: str
    suite: str
    ran: Ran
    command: Sequence[str] = ()
    """Of CPython's own tests: what runs them; modules may be named after it."""


class Ran(NamedTuple):
    """What a run came to."""

    passed: int
    failed: int
    rest: str = ""
    failures: tuple[str, ...] = ()
    """Their names, where the run tells them."""
    seconds: float = 0.0


def main() -> int:
    """Run the tests; return 0 if all passed."""
    parser = argparse.ArgumentParser(description="Run every test.")
    parser.add_argument("--everything", action="store_true", help="Twisted's own tests everywhere, and on Twisted 24")
    with_everything = parser.parse_args().everything
    here = ".".join(map(str, sys.version_info[:2]))
    logs: tuple[list[str], list[str]] = ([], [])
    is_stopped = threading.Event()
    rows: list[Row] = []
    with ThreadPoolExecutor(2) as beside:
        others = beside.submit(run_beside, here, with_everything, logs[1].append, is_stopped)
        second = beside.submit(run, sys.executable, BUILDS[1], (), logs[0].append)
        try:
            show(f"\n== Python {here}, {BUILDS[0]} build: all tests\n")
            rows.append(Row(here, BUILDS[0], "own tests", run(sys.executable, BUILDS[0], (), show)))
            show(f"\n== What ran beside that: Python {here}, {BUILDS[1]} build: all tests\n")
            rows.append(Row(here, BUILDS[1], "own tests", second.result()))
            show("".join(logs[0]))
            rows += others.result()
        finally:
            is_stopped.set()
            show("".join(logs[1]))
    return summary([asked_again(row) for row in rows])


def show(text: str) -> None:
    """Print at once what a run says."""
    print(text, end="", flush=True)


def run_beside(here: str, with_everything: bool, tell: Tell, is_stopped: threading.Event) -> list[Row]:
    """Run the other Pythons' contract tests, and everyone's conformance tests; return what became of them."""
    pythons = {here: sys.executable}
    tell(f"\n== Python {here}, compiled build: instructions\n")
    rows = [Row(here, "compiled", "instructions", count_instructions(tell))]
    for version in SUPPORTED:
        python = None if version == here else environment(version, tell)
        if python is not None:
            pythons[version] = python
            for build in BUILDS:
                if not is_stopped.is_set():
                    tell(f"\n== Python {version}, {build} build: {' '.join(CONTRACT)}\n")
                    rows.append(Row(version, build, "own tests", run(python, build, CONTRACT, tell)))
    for version, python in pythons.items():
        for build in BUILDS:
            if is_stopped.is_set():
                break
            tell(f"\n== Python {version}, {build} build: conformance\n")
            if has_asyncio_tests(python):
                command = [python, "tests/conformance/run.py", "--python-build", build]
                rows.append(Row(version, build, "conformance", conform(command, tell), command))
            else:
                tell(f"Python {version} comes without test.test_asyncio (Debian: libpython{version}-testsuite)\n")
                rows.append(Row(version, build, "conformance", Ran(0, 0, ", not run: no test.test_asyncio there")))
    for version, python, build, suite in twisted_runs(here, pythons, with_everything):
        if is_stopped.is_set():
            break
        tell(f"\n== Python {version}, {build} build: Twisted's tests, {suite}\n")
        command = [python, "tests/conformance/run_twisted.py", "--python-build", build, "--suite", suite]
        rows.append(Row(version, build, f"Twisted's {suite}", conform(command, tell)))
    return rows


def asked_again(row: Row) -> Row:
    """Return a run of CPython's own tests with what failed asked again, now that nothing else runs.

    Some of those tests bound the time that something may take, and a crowded machine takes longer.
    """
    if not row.command or not row.ran.failures:
        return row
    modules = sorted({name.partition(".")[0] for name in row.ran.failures})
    show(f"\n== Python {row.version}, {row.build} build: {', '.join(row.ran.failures)}, again, with nothing beside\n")
    again = conform([*row.command, *modules], show)
    failures = tuple(name for name in row.ran.failures if name in again.failures)
    failed = len(failures) if again.passed else row.ran.failed
    passed = row.ran.passed + row.ran.failed - failed
    return row._replace(ran=row.ran._replace(passed=passed, failed=failed, failures=failures))


def twisted_runs(here: str, pythons: dict[str, str], with_everything: bool) -> Iterator[tuple[str, str, str, str]]:
    """Yield what of Twisted's tests is run: the version of Python, its path, the build, and the suite."""
    if not with_everything:
        yield here, pythons[here], "compiled", "global"
        yield here, pythons[here], "interpreted", "reactors"
        return
    for version, python in pythons.items():
        if version != here:
            install(python, ("--group", "twisted"))
        for build in BUILDS:
            yield version, python, build, "all" if version == here else "global"
    needs = (("--group", "build", TWISTED_24), ("--no-build-isolation", "--no-deps", "--editable", "."))
    python = made(sys.executable, ROOT / ".venv-twisted-24", needs)
    for build in BUILDS:
        yield f"{here}, Twisted 24", python, build, "global"


def environment(version: str, tell: Tell) -> str | None:
    """Return the interpreter of a virtual environment with Weft and its tests' needs; None without that Python."""
    found = subprocess.run([ROOT / "tools/find_python.sh", version], capture_output=True, text=True, check=True)
    base = found.stdout.strip()
    if not base:
        tell(f"\n== Python {version} is not installed here: its contract tests do not run\n")
        return None
    needs = (("--group", "build", "--group", "test"), ("--no-build-isolation", "--editable", ".[cli]"))
    python = made(base, ROOT / f".venv-{version}", needs)
    subprocess.run([python, "setup.py", "--quiet", "build_ext", "--inplace"], cwd=ROOT, check=True)
    return python


def made(base: str, folder: Path, needs: tuple[tuple[str, ...], ...]) -> str:
    """Return the interpreter of a virtual environment that has what is needed: pip's arguments, an install each."""
    python = folder / "bin" / "python"
    stamp = folder / ".installed"
    if not stamp.exists() or stamp.stat().st_mtime < (ROOT / "pyproject.toml").stat().st_mtime:
        subprocess.run([base, "-m", "venv", folder], check=True)
        for arguments in (("--upgrade", "pip"), *needs):
            install(str(python), arguments)
        stamp.touch()
    return str(python)


def install(python: str, arguments: tuple[str, ...]) -> None:
    """Have a virtual environment's pip install something."""
    subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], cwd=ROOT, check=True)


def run(python: str, build: str, paths: tuple[str, ...], tell: Tell) -> Ran:
    """Run tests on one build; return what it came to. A run that ends without a count has failed."""
    begin = time.monotonic()
    environ = dict(os.environ, WEFT_EXPECT_BUILD=build, WEFT_PURE="1" if build == "interpreted" else "0")
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        last, failures = "", []
        for line in process.stdout:
            tell(line)
            failures += re.findall(r"^(?:FAILED|ERROR) (\S+)", line)
            last = line if re.search(r"\d+ (passed|failed|error)", line) else last
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error)", last)}
    failed = counts.get("failed", 0) + counts.get("error", 0)
    if process.returncode and not failed:
        failed = 1
    return Ran(counts.get("passed", 0), failed, "", tuple(failures), time.monotonic() - begin)


def has_asyncio_tests(python: str) -> bool:
    """Return whether a Python comes with CPython's own tests of asyncio."""
    return subprocess.run([python, "-c", "import test.test_asyncio"], capture_output=True).returncode == 0


def conform(command: Sequence[str], tell: Tell) -> Ran:
    """Run conformance tests; return what it came to. A run that gives no figures has failed."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        more = ["--reasons", "--json", str(figures)]
        ended = subprocess.run(
            [*command, *more], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        tell(ended.stdout)
        judged = json.loads(figures.read_text())["verdicts"] if figures.exists() else {}
    verdicts = Counter(judged.values())
    failures = tuple(name for name, verdict in judged.items() if verdict in ("failed", "pass though named"))
    failed = len(failures)
    if ended.returncode and not failed:
        failed = 1
    return Ran(verdicts["passed"], failed, f", {verdicts['named']} named", failures, time.monotonic() - begin)


def count_instructions(tell: Tell) -> Ran:
    """Compare the instructions of fixed work with those that are kept; return what it came to."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        command = [sys.executable, "benchmarks/instructions.py", "--json", str(figures)]
        ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        tell(ended.stdout)
        if ended.returncode == NOT_COUNTED_HERE:
            return Ran(0, 0, ", not counted: no valgrind here, or no figures")
        verdicts = json.loads(figures.read_text())["verdicts"] if figures.exists() else {}
    failures = tuple(name for name, verdict in verdicts.items() if verdict == "failed")
    failed = len(failures) or int(ended.returncode != 0)
    return Ran(len(verdicts) - len(failures), failed, "", failures, time.monotonic() - begin)


def summary(rows: list[Row]) -> int:
    """Print a line for each run and one for all, and what failed; return the exit code."""
    print()
    for version, build, suite, ran, _ in rows:
        begin = f"Python {version} {build:12} {suite:18}"
        print(f"{begin} {ran.passed:6} passed {ran.failed:4} failed{ran.rest:12} {ran.seconds:5.0f} s")
    for version, build, _, ran, _ in rows:
        for name in ran.failures:
            print(f"failed on Python {version}, {build}: {name}")
    passed, failed = sum(row.ran.passed for row in rows), sum(row.ran.failed for row in rows)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
