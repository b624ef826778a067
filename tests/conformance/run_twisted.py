"""Twisted's own tests, on Weft's reactor: how many ran, passed, failed and are named.

    python tests/conformance/run_twisted.py                                 # the modules whose tests run the reactor
    python tests/conformance/run_twisted.py --python-build interpreted --suite reactors
    python tests/conformance/run_twisted.py --suite all                     # every module of Twisted's
    python tests/conformance/run_twisted.py twisted.test.test_tcp --reasons
    python tests/conformance/run_twisted.py --reactor asyncio

The exit code is 1 if a test fails or skips itself that passes on Twisted's epoll reactor and that is not named, if a
named test passes, or if a module's tests met no reactor of the kind under test. docs/conformance.md tells what the
words mean.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

import report
import twisted_suite
from judging import is_passed
from named import TWISTED_LIST, named_on
from processes import Outcome
from trial import KINDS

BUILDS = ("compiled", "interpreted")
SUITES = ("reactors", "global", "all")
MET = "reactors made or run"


def main() -> int:
    """Run the tests that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description="Run Twisted's own tests on a reactor.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="twisted.test.test_tcp, ...; instead of a suite")
    parser.add_argument("--suite", choices=SUITES, default="global", help="which modules (%(default)s)")
    parser.add_argument("--python-build", choices=BUILDS, default="compiled", help="which build of Weft runs")
    parser.add_argument("--reactor", choices=KINDS, default="weft", help="what the tests run on")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="modules at a time (%(default)s)")
    parser.add_argument("--limit", type=float, default=60, metavar="S", help="seconds for each test (%(default)g)")
    parser.add_argument("--tell", action="store_true", help="say at once what did not pass at the first attempt")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and the failed tests there, too")
    parser.add_argument("--reasons", action="store_true", help="show why tests failed")
    options = parser.parse_args()
    unknown = sorted(set(options.modules) - set(twisted_suite.test_modules()))
    if unknown:
        parser.error(f"no such module of Twisted's tests: {', '.join(unknown)}")
    modules = options.modules or twisted_suite.modules_of(options.suite)
    named = named_on(TWISTED_LIST, options.python_build) if options.reactor == "weft" else {}
    start = time.monotonic()
    figures = twisted_suite.conform(
        options.reactor,
        options.python_build,
        named,
        modules,
        options.limit,
        options.jobs,
        tell if options.tell else lambda outcome: None,
    )
    report.show(figures, modules, MET, options.reasons)
    python = ".".join(map(str, sys.version_info[:3]))
    about = {"reactor": options.reactor, "build": options.python_build, "python": python}
    about["twisted"] = version("twisted")
    build = f", {options.python_build} build" if "weft" in options.reactor else ""
    print(
        f"{options.reactor}{build}, Twisted {about['twisted']}, Python {python}, "
        f"{time.monotonic() - start:.0f} s: {figures.line(MET)}"
    )
    if options.json is not None:
        options.json.write_text(json.dumps(about | report.as_json(figures), indent=1))
    return 0 if figures.is_good() else 1


def tell(outcome: Outcome) -> None:
    """Say that a test did not pass."""
    if not is_passed(outcome):
        print(f"{outcome.status}: {outcome.name} {outcome.reason[-2000:]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
