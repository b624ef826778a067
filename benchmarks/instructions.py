"""How many instructions Weft's work takes, against the figures that the repository keeps: a guard of its speed.

A time depends on the machine's mood; the instructions of fixed work, which valgrind's callgrind counts, do not. What
is counted stands in `counted_work.py`; the kernel's own instructions are not in it. The figures are in
`instructions.json`, for each minor version of Python that was counted, with the tools that made it.
"""

import json
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from certificate import write_certificate
from command import BenchmarkError, new_parser, run_command
from counted_work import LITTLE, MORE
from peers import HERE, environment
from report import markdown_table
from startup import NEW_LOOP, ONE_LIFE

FIGURES = HERE / "instructions.json"
MARK = "getppid"
"""The function of the C library at which callgrind ends one count and begins the next: `counted_work.mark`."""

TOLERANCE = 0.03
"""By how much a count may differ when the same tools made it. The same build gives the same count within 0.1 %, one
in another folder, whose objects have other addresses, within 1.3 %."""

TOLERANCE_OF_OTHER_TOOLS = 0.2
"""The same when another compiler, Python or library was at work: Debian's optimised Python takes from 3 to 14 % fewer
instructions for these pieces of work than one that was built from source with the defaults."""

START = "start-up"
START_SOURCE = f"import os\nos.{MARK}()\n{NEW_LOOP['weft']}\n{ONE_LIFE}\nos.{MARK}()\n"
TIMEOUT_S = 300.0
NOT_COUNTED_HERE = 3
"""The exit code where there is no valgrind, or no figures to compare with."""

EPILOG = """\
examples:
  instructions.py                    count, compare; the exit code is 1 when something takes more than it may
  instructions.py --write            count, and keep the figures: after a change that makes something faster, or that
                                     is worth what it costs (say so in the commit)

how to read it:
  the table gives instructions in user space for one operation, now and as kept, for both ends of an exchange. More
  than 3 % above what is kept fails; more than 3 % below asks for the figures to be renewed, lest the gain be lost
  unseen. Where other tools built Weft, Python or its libraries than those that the figures were counted with, the
  bound is 20 %, and the report names the tools.
"""


class NotCountedHereError(BenchmarkError):
    """There is no valgrind here, or there are no figures to compare with."""


def main() -> int:
    """Count, compare or write; return the exit code."""
    parser = new_parser(
        "instructions.py", "Count the instructions of fixed work, and compare with what is kept.", EPILOG
    )
    parser.add_argument(
        "--write", action="store_true", help="keep what is counted now as the figures to compare with"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the verdict on each piece of work")
    arguments = parser.parse_args()
    verdicts: dict[str, str] = {}
    is_here = True

    def run() -> None:
        nonlocal is_here, verdicts
        try:
            verdicts = count_and_compare(arguments.write)
        except NotCountedHereError:
            is_here = False
            raise

    failed = run_command("instructions.py", run)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"verdicts": verdicts}, indent=1) + "\n")
    if not is_here:
        return NOT_COUNTED_HERE
    return failed or int("failed" in verdicts.values())


def count_and_compare(is_written: bool) -> dict[str, str]:
    """Count everything, print the table, and return the verdict on each piece of work."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise NotCountedHereError("valgrind, which counts, is not installed (Debian: apt-get install valgrind)")
    all_kept = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    key = this_python()
    if key not in all_kept and not is_written:
        raise NotCountedHereError(
            f"{FIGURES.name} has no figures for {key}: benchmarks/instructions.py --write counts them and keeps them"
        )
    tools = built_with()
    counted = {name: round(count) for name, count in all_counts(valgrind).items()}
    kept = all_kept.get(key, {"tools": tools, "instructions": counted})
    verdicts = report(counted, kept["instructions"], tools, kept["tools"])
    if is_written:
        all_kept[key] = {"tools": tools, "instructions": counted}
        FIGURES.write_text(json.dumps(dict(sorted(all_kept.items())), indent=1) + "\n")
        print(f"\nThese are the figures for {key} now: {FIGURES}")
        return dict.fromkeys(verdicts, "passed")
    return verdicts


def this_python() -> str:
    """Return what figures are kept by: the minor version of Python, and the kind of CPU."""
    return f"Python {sys.version_info.major}.{sys.version_info.minor}, {platform.machine()}"


def built_with() -> dict[str, str]:
    """Return what the count depends on beside Weft: what built it, and what it calls."""
    spec = find_spec("weft")
    if spec is None or spec.origin is None:
        raise BenchmarkError("Weft is not installed here: make .venv/.built")
    engines = list(Path(spec.origin).parent.glob(f"_engine.{sys.implementation.cache_tag}*.so"))
    if len(engines) != 1:
        raise BenchmarkError("Weft's compiled build is not here: make .venv/.built")
    compilers = set(re.findall(rb"GCC: \([^)]*\) [\d.]+|clang version [\d.]+", engines[0].read_bytes()))
    try:
        cython = version("cython")
    except PackageNotFoundError:
        cython = "unknown"
    return {
        "Weft's compiler": ", ".join(sorted(each.decode() for each in compilers)) or "unknown",
        "Cython": cython,
        "Python": f"{platform.python_version()} by {platform.python_compiler()}",
        "C library": " ".join(platform.libc_ver()),
        "TLS": ssl.OPENSSL_VERSION,
    }


def all_counts(valgrind: str) -> dict[str, float]:
    """Return the instructions of one operation of each piece of work."""
    with tempfile.TemporaryDirectory(prefix="weft-instructions-") as name:
        folder = Path(name)
        counts, _ = counted(valgrind, folder / "start", ["-c", START_SOURCE])
        figures: dict[str, float] = {START: counts[1]}
        certificate = write_certificate(folder)
        counts, said = counted(valgrind, folder / "work", [str(HERE / "counted_work.py"), str(certificate)])
        names = said.splitlines()
        for number, work in enumerate(names):
            little, more = counts[3 * number + 1 : 3 * number + 3]
            figures[work] = (more - little) / (MORE - LITTLE)
    return figures


def counted(valgrind: str, folder: Path, arguments: Sequence[str]) -> tuple[list[int], str]:
    """Run Python under callgrind; return how many instructions led to each mark, and what the program printed."""
    folder.mkdir()
    python = [sys.executable, *arguments]
    once(python)  # its files are compiled to bytecode after that
    callgrind = [valgrind, "--tool=callgrind", f"--dump-before={MARK}", f"--callgrind-out-file={folder / 'counts'}"]
    said = once([*callgrind, *python])
    counts: list[int] = []
    while (dumped := folder / f"counts.{len(counts) + 1}").exists():
        total = re.search(r"^(?:totals|summary): (\d+)", dumped.read_text(), re.MULTILINE)
        if total is None:
            raise BenchmarkError(f"callgrind wrote no total into {dumped.name}")
        counts.append(int(total[1]))
    return counts, said


def once(command: Sequence[str]) -> str:
    """Run a command whose count does not depend on this process's environment; return what it printed."""
    environ = {name: value for name, value in environment("weft").items() if not name.startswith("PYTHON")}
    environ |= {"PYTHONHASHSEED": "0", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, env=environ)
    if ended.returncode != 0:
        said = ended.stderr.strip()
        raise BenchmarkError(f"{' '.join(command)} ended with exit code {ended.returncode}; it said:\n{said}")
    return ended.stdout


def report(
    counted: Mapping[str, int], kept: Mapping[str, int], tools: Mapping[str, str], tools_then: Mapping[str, str]
) -> dict[str, str]:
    """Print the table and what follows from it; return the verdict on each piece of work."""
    others = [
        f"{name}: {tool}; the figures were counted with {tools_then.get(name, 'none')}"
        for name, tool in tools.items()
        if tool != tools_then.get(name)
    ]
    tolerance = TOLERANCE_OF_OTHER_TOOLS if others else TOLERANCE
    verdicts = {name: verdict(count, kept.get(name), tolerance) for name, count in counted.items()}
    verdicts |= dict.fromkeys(kept.keys() - counted.keys(), "failed")
    rows = []
    for name, count in counted.items():
        then = kept.get(name)
        compared = [f"{then:,}", f"{count / then - 1:+.1%}"] if then else ["-", "-"]
        rows.append([name, f"{count:,}", *compared, verdicts[name]])
    print(markdown_table(["instructions of one operation", "now", "kept", "change", ""], rows))
    if others:
        print(f"\nOther tools than those of the figures, so {tolerance:.0%} are allowed:", *others, sep="\n  ")
    if "failed" in verdicts.values():
        names = ", ".join(name for name, said in verdicts.items() if said == "failed")
        print(
            f"\nMore than {tolerance:.0%} above what is kept, or not kept or not counted: {names}.\n"
            "Mend it; or, if it is worth that, keep the new figures: benchmarks/instructions.py --write"
        )
    if "renew" in verdicts.values():
        print(
            f"\nMore than {tolerance:.0%} below what is kept. If it is Weft that gained, keep that: "
            "benchmarks/instructions.py --write"
        )
    return verdicts


def verdict(count: int, kept: int | None, tolerance: float) -> str:
    """Return what becomes of a count."""
    if kept is None or count > kept * (1 + tolerance):
        return "failed"
    return "renew" if count < kept * (1 - tolerance) else "passed"


if __name__ == "__main__":
    sys.exit(main())
