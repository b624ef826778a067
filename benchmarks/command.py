"""What the command lines of both runners share: their kinds of error, their exit codes, and how they read names.

Exit codes: 0 reported; 1 nothing to report, and standard error says why; 2 a wrong command line; 130 interrupted.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Collection
from pathlib import Path


class BenchmarkError(Exception):
    """The benchmark cannot go on: a program did not build, start or last; the message has what it said."""


def names_among(known: Collection[str]) -> Callable[[str], list[str]]:
    """Return what reads "weft,uvloop" as a list of known names, each once."""

    def read_names(text: str) -> list[str]:
        names = list(dict.fromkeys(text.split(",")))
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"nothing is called {name!r}; there are {', '.join(known)}")
        return names

    return read_names


def choose_base(wanted: str, present: Collection[str]) -> str:
    """Return what ratios are taken to: what is wanted, or, if that is not measured, the first that is."""
    if wanted in present:
        return wanted
    base = next(iter(present))
    print(f"{wanted} is not measured: ratios are to {base}", file=sys.stderr)
    return base


def prepare_file(path: Path) -> None:
    """Make sure that the file can be written, before the long measuring and not after it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise BenchmarkError(f"cannot write {path}: {error.strerror}") from error


def run_command(name: str, run: Callable[[], None]) -> int:
    """Run a benchmark; return the exit code, and say on standard error why there is no report if there is none."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what runs is ended then as it is on Ctrl-C
    try:
        run()
    except KeyboardInterrupt:
        print(f"{name}: interrupted; nothing is reported, and everything that it started has ended", file=sys.stderr)
        return 130
    except BenchmarkError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0
