"""What the command lines of all runners share: their kinds of error, exit codes and options.

Exit codes: 0 reported; 1 nothing to report, and standard error says why; 2 a wrong command line; 130 interrupted.
"""

import argparse
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path


class BenchmarkError(Exception):
    """The benchmark cannot go on: a program did not build, start or last; the message has what it said."""


def new_parser(program: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """Return a parser whose help ends in the epilog as it stands."""
    return argparse.ArgumentParser(
        prog=program,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_common_options(
    parser: argparse.ArgumentParser, peers: Collection[str], defaults: Sequence[str], rounds: int
) -> None:
    """Add the options that every runner has; `read_command_line` fills in the number of rounds."""
    of_all = f"default: {','.join(defaults)}; there are {', '.join(peers)}"
    parser.add_argument(
        "--peers", type=names_among(peers), default=list(defaults), metavar="A,B", help=f"who is measured ({of_all})"
    )
    parser.add_argument("--base", default="uvloop", choices=peers, metavar="A", help="ratios are to it (%(default)s)")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"how often each peer has its turn ({rounds})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample to this file")
    parser.add_argument(
        "--quick", action="store_true", help="does it work? one round of little, where not told otherwise"
    )
    parser.add_argument("--noisy", action="store_true", help="report even what other processes disturbed, and say so")
    parser.set_defaults(usual_rounds=rounds)


def read_command_line(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Return the command line's wishes; without --rounds, the usual number of them, or one if it is to be quick."""
    arguments = parser.parse_args()
    if arguments.rounds is None:
        arguments.rounds = 1 if arguments.quick else arguments.usual_rounds
    if arguments.rounds < 1:
        parser.error(f"--rounds must be 1 or more, not {arguments.rounds}")
    return arguments


def numbers(text: str) -> list[int]:
    """Return a list of whole numbers, 1 or more, from "1,50,500"."""
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or min(values) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers, such as 1,50,500")
    return values


def one_number(lowest: float, highest: float, kind: type[int] | type[float] = int) -> Callable[[str], float]:
    """Return what reads one number within these bounds."""

    def read_number(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(lowest - 1)
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {lowest:g} to {highest:g}")
        return value

    return read_number


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
    except (BenchmarkError, OSError, subprocess.TimeoutExpired) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0
