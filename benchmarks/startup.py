"""What starting costs: a whole process from the interpreter's start to its end, and a loop's life within a process.

Each round measures every peer in turn on the same core. A bare interpreter runs before each process, so that what a
peer adds to it is taken from starts that lie side by side.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from functools import partial

from command import BenchmarkError, add_common_options, new_parser, read_command_line, run_command
from peers import environment
from processor import children_cpu_s, core_time
from report import two_cores
from rounds import Results, Rounds, measure_and_report

NEW_LOOP = {
    "weft": "import weft\nnew_loop = weft.new_event_loop",
    "weft-pure": "import weft\nnew_loop = weft.new_event_loop",
    "uvloop": "import uvloop\nnew_loop = uvloop.new_event_loop",
    "asyncio": "import asyncio\nnew_loop = asyncio.new_event_loop",
}
"""What a program of each peer says first."""

ONE_LIFE = """
async def main():
    pass

def live():
    loop = new_loop()
    loop.run_until_complete(main())
    loop.close()

live()
"""

MANY_LIVES = """
import sys, time
count = int(sys.argv[1])
begin = time.perf_counter()
for _ in range(count):
    live()
print(1e6 * (time.perf_counter() - begin) / count)
"""

BARE = "pass"
STARTS = 10
LIVES = 2_000
QUICK_STARTS = 2
QUICK_LIVES = 100
TIMEOUT_S = 60.0
CASE = "start-up"

COLUMNS = {
    "process_ms": ("process, ms", ".1f"),
    "added_ms": ("added to a bare python, ms", ".1f"),
    "life_us": ("a loop's life, µs", ".1f"),
}

EPILOG = """\
examples:
  startup.py                         less than a minute
  startup.py --quick                 does it work? two starts of each, figures worth little

how to read it (less is better):
  process          python starts, imports the peer, makes a loop, runs a coroutine that returns at once, closes, ends
  added            that, less what "python -c pass" takes at the same time: what choosing the peer costs
  a loop's life    within a process: a loop is made, runs that coroutine, and is closed; the mean of thousands
"""


def run_python(peer: str, source: str, *options: str) -> tuple[float, str]:
    """Run a program in the peer's environment; return how long the process lived, in seconds, and what it printed."""
    command = [sys.executable, "-c", source, *options]
    begin = time.perf_counter()
    ended = subprocess.run(
        command, env=environment(peer), capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    lived_s = time.perf_counter() - begin
    if ended.returncode != 0:
        raise BenchmarkError(f"starting {peer} ended with exit code {ended.returncode}; it said:\n{ended.stderr}")
    return lived_s, ended.stdout


def measured_once(peer: str, starts: int, lives: int, core: int) -> tuple[dict[str, float], float]:
    """Measure one peer; return its figures, and what others took of the core."""
    one_life = NEW_LOOP[peer] + ONE_LIFE
    run_python(peer, one_life)  # its files are in the kernel's cache after that, and compiled to bytecode
    core_before, wall_before, cpu_before = (
        core_time(core),
        time.perf_counter(),
        time.process_time() + children_cpu_s(),
    )
    bare_s, process_s = [], []
    for _ in range(starts):
        bare_s.append(run_python(peer, BARE)[0])
        process_s.append(run_python(peer, one_life)[0])
    life_us = float(run_python(peer, one_life + MANY_LIVES, str(lives))[1])
    cpu_s = time.process_time() + children_cpu_s() - cpu_before
    ours = cpu_s / (time.perf_counter() - wall_before)
    foreign = 1 - core_time(core).idle_share_since(core_before) - ours
    process_ms = 1000 * statistics.median(process_s)
    figures = {
        "process_ms": process_ms,
        "added_ms": process_ms - 1000 * statistics.median(bare_s),
        "life_us": life_us,
    }
    return figures, max(0.0, foreign)


def measure(arguments: argparse.Namespace, rounds: Rounds, peers: list[str]) -> None:
    """Run every round, on one core: this process too, so that starting another is not a matter of which core."""
    core, _ = two_cores()
    os.sched_setaffinity(0, {core})
    counts = (QUICK_STARTS, QUICK_LIVES) if arguments.quick else (STARTS, LIVES)
    rounds.take(CASE, {peer: partial(measured_once, peer, *counts, core) for peer in peers})


def as_tables(results: Results) -> str:
    """Return the table: a row for each peer."""
    title = "Start-up, and as a multiple of the base's (less is better):"
    return f"{title}\n\n{results.figures_table(CASE, COLUMNS)}"


def run() -> None:
    """Measure and report what the command line asks for."""
    parser = new_parser("startup.py", "Measure what starting costs, Weft and its peers side by side.", EPILOG)
    add_common_options(parser, NEW_LOOP, list(NEW_LOOP), rounds=5)
    arguments = read_command_line(parser)
    measured = f"{QUICK_STARTS if arguments.quick else STARTS} starts a turn"
    measure_and_report(arguments, 1, measured, partial(measure, arguments), as_tables)


if __name__ == "__main__":
    sys.exit(run_command("startup.py", run))
