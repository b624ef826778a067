"""CPython's own asyncio tests, on Weft: how many ran, passed, failed and are named as white-box.

    python tests/conformance/run.py
    python tests/conformance/run.py --python-build interpreted test_streams test_ssl
    python tests/conformance/run.py --loop uvloop

The exit code is 1 if a test fails that stock asyncio passes and that is not named, if a named test passes, or if a
module made no loop of the kind under test. docs/conformance.md tells what the words mean.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import harness
import report
import substitute
from named import ASYNCIO_LIST, named_on

MET = "loops"
JOBS = 3 * (os.cpu_count() or 1)
"""Most of the time the tests wait."""


def main() -> int:
    """Run the tests that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description="Run CPython's own asyncio tests on a loop.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="test_streams, ...; all of them by default")
    parser.add_argument("--python-build", choices=harness.BUILDS, default="compiled", help="which build of Weft runs")
    parser.add_argument("--loop", choices=substitute.LOOPS, default="weft", help="what the tests run on")
    parser.add_argument("--jobs", type=int, default=JOBS, help="processes at a time (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and the failed tests there, too")
    parser.add_argument("--reasons", action="store_true", help="show why tests failed")
    options = parser.parse_args()
    unknown = sorted(set(options.modules) - set(harness.MODULES))
    if unknown:
        parser.error(f"no such module: {', '.join(unknown)}; there are {', '.join(harness.MODULES)}")
    modules = options.modules or harness.MODULES
    named = named_on(ASYNCIO_LIST, options.python_build) if options.loop == "weft" else {}
    start = time.monotonic()
    figures = harness.conform(options.loop, options.python_build, named, modules, options.jobs)
    report.show(figures, modules, MET, options.reasons)
    build = f", {options.python_build} build" if options.loop == "weft" else ""
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"{options.loop}{build}, Python {version}, {time.monotonic() - start:.0f} s: {figures.line(MET)}")
    if options.json is not None:
        about = {"loop": options.loop, "build": options.python_build, "python": version}
        options.json.write_text(json.dumps(about | report.as_json(figures), indent=1))
    return 0 if figures.is_good() else 1


if __name__ == "__main__":
    sys.exit(main())
