"""What an event loop's own calls cost: callbacks, timers, tasks, futures, the executor; Weft and its peers.

Each round measures every peer in turn, each in a fresh process on the same core, so that what changes on the machine
changes for all of them. Ratios are taken within a round. What is measured stands in `loops.py`.
"""

import json
import subprocess
import sys
from functools import partial

from command import BenchmarkError, add_common_options, new_parser, read_command_line, run_command
from launch import pinned
from loops import MEASUREMENTS
from peers import HERE, LOOPS, environment
from report import markdown_table, two_cores
from rounds import Results, Rounds, measure_and_report

DEFAULT_PEERS = ["weft", "weft-pure", "uvloop", "asyncio"]
QUICK_SCALE = 0.05
TIMEOUT_S = 300.0
CASE = "calls"

EPILOG = """\
examples:
  calls.py                           everything: a minute or two on a quiet machine
  calls.py --quick                   does it work? a twentieth of the operations, one round
  calls.py --peers weft,uvloop --rounds 9

how to read it:
  the table gives the time of one operation, and its ratio to the base's in the same round (less is better).
  A disturbed round is measured again; if none of the tries is quiet, nothing is reported and the exit code is 1
  (--noisy reports it nevertheless).
"""


def measured_once(peer: str, script: str, scale: float, core: int) -> tuple[dict[str, float], float]:
    """Measure a peer in a fresh process; return its figures in ns, and what others took of the core."""
    command = pinned([sys.executable, str(HERE / script), peer, "--scale", str(scale)], core)
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, env=environment(peer)
    )
    if ended.returncode != 0:
        raise BenchmarkError(
            f"measuring {peer} ended with exit code {ended.returncode}; it said:\n{ended.stderr.strip()}"
        )
    result = json.loads(ended.stdout)
    return result["ns"], result["foreign"]


def as_tables(results: Results) -> str:
    """Return a Markdown table: a row for each measurement; for each peer its time, and its ratio to the base's."""
    header = [""]
    for peer in results.peers:
        header += [f"{peer}, ns"] if peer == results.base else [f"{peer}, ns", f"/ {results.base}"]
    rows = []
    for name in MEASUREMENTS:
        row = [name]
        for peer in results.peers:
            row.append(f"{results.median(CASE, peer, name):,.0f}")
            if peer != results.base:
                row.append(f"{results.ratio(CASE, peer, name):.2f}")
        rows.append(row)
    title = "Time of one operation, and as a multiple of the base's (less is better):"
    return f"{title}\n\n{markdown_table(header, rows)}"


def run() -> None:
    """Measure and report what the command line asks for."""
    parser = new_parser("calls.py", "Measure what the calls of event loops cost, Weft and its peers.", EPILOG)
    add_common_options(parser, LOOPS, DEFAULT_PEERS, rounds=5)
    arguments = read_command_line(parser)
    core, _ = two_cores()
    scale = QUICK_SCALE if arguments.quick else 1.0

    def measure(rounds: Rounds, peers: list[str]) -> None:
        rounds.take(CASE, {peer: partial(measured_once, peer, "loops.py", scale, core) for peer in peers})

    measure_and_report(arguments, 1, "the loops' own calls", measure, as_tables)


if __name__ == "__main__":
    sys.exit(run_command("calls.py", run))
