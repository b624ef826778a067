"""What Deferreds cost: making, callbacks, waiting, generators, awaiting, memory; Weft's two builds and Twisted's.

Each round measures every peer in turn, each in a fresh process on the same core. What is measured stands in
`deferred_calls.py`.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial

from command import BenchmarkError, add_common_options, new_parser, read_command_line, run_command
from deferred_calls import MEASUREMENTS, MEMORY, PEERS
from launch import pinned
from peers import HERE, environment
from report import markdown_table, two_cores
from rounds import Results, Rounds, measure_and_report

QUICK_SCALE = 0.05
TIMEOUT_S = 300.0
CASE = "deferreds"

EPILOG = """\
examples:
  deferreds.py                       everything: a minute on a quiet machine
  deferreds.py --quick               does it work? a twentieth of the operations, one round

how to read it:
  the tables give the time of one operation and the memory of one object, and their ratios to the base's in the same
  round (less is better). "await, fired" is within an asyncio task, for Twisted within its ensureDeferred; the line
  below it is what an asyncio task pays for a Future that is done.
"""


def measured_once(peer: str, scale: float, core: int) -> tuple[dict[str, float], float]:
    """Measure a peer's Deferred in a fresh process; return its figures, and what others took of the core."""
    command = pinned([sys.executable, str(HERE / "deferred_calls.py"), peer, "--scale", str(scale)], core)
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, env=environment(peer)
    )
    if ended.returncode != 0:
        raise BenchmarkError(
            f"measuring {peer} ended with exit code {ended.returncode}; it said:\n{ended.stderr.strip()}"
        )
    result = json.loads(ended.stdout)
    return result["figures"], result["foreign"]


def table(results: Results, names: Sequence[str], unit: str) -> str:
    """Return a row for each measurement; for each peer its figure, and its ratio to the base's."""
    header = [""]
    for peer in results.peers:
        header.append(f"{peer}, {unit}")
        if peer != results.base:
            header.append(f"/ {results.base}")
    rows = []
    for name in names:
        row = [name]
        for peer in results.peers:
            row.append(f"{results.median(CASE, peer, name):,.0f}")
            if peer != results.base:
                row.append(f"{results.ratio(CASE, peer, name):.2f}")
        rows.append(row)
    return markdown_table(header, rows)


def as_tables(results: Results) -> str:
    """Return the two tables: time and memory."""
    return (
        f"Time of one operation, and as a multiple of the base's (less is better):\n\n"
        f"{table(results, list(MEASUREMENTS), 'ns')}\n\n"
        f"Memory of one Deferred:\n\n{table(results, MEMORY, 'bytes')}"
    )


def run() -> None:
    """Measure and report what the command line asks for."""
    parser = new_parser("deferreds.py", "Measure what Deferreds cost, Weft's and Twisted's.", EPILOG)
    add_common_options(parser, PEERS, list(PEERS), rounds=5)
    parser.set_defaults(base="twisted")
    arguments = read_command_line(parser)
    core, _ = two_cores()
    scale = QUICK_SCALE if arguments.quick else 1.0

    def measure(rounds: Rounds, peers: list[str]) -> None:
        rounds.take(CASE, {peer: partial(measured_once, peer, scale, core) for peer in peers})

    measure_and_report(arguments, 1, "Deferreds", measure, as_tables)


if __name__ == "__main__":
    sys.exit(run_command("deferreds.py", run))
