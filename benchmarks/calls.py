"""What an event loop's own calls cost: callbacks, timers, tasks, futures, the executor; Weft and its peers.

Each round measures every peer in turn, each in a fresh process on the same core, so that what changes on the machine
changes for all of them. Ratios are taken within a round. What is measured stands in `loops.py`.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from command import BenchmarkError, choose_base, names_among, prepare_file, run_command
from launch import pinned
from loops import MEASUREMENTS
from peers import HERE, LOOPS, environment, probe_all
from report import (
    MOST_FOREIGN,
    MOST_TRIES,
    NoisyMachineError,
    Progress,
    facts_list,
    machine_facts,
    markdown_table,
    median_ratio,
    two_cores,
)

DEFAULT_PEERS = ["weft", "weft-pure", "uvloop", "asyncio"]
QUICK_SCALE = 0.05
TIMEOUT_S = 300.0

EPILOG = """\
examples:
  calls.py                           everything: a minute or two on a quiet machine
  calls.py --quick                   does it work? a twentieth of the operations, one round
  calls.py --loops weft,uvloop --rounds 9

how to read it:
  the tables give the time of one operation, and its ratio to the base's in the same round (less is better).
  A disturbed round is measured again; if none of the tries is quiet, nothing is reported and the exit code is 1
  (--noisy reports it nevertheless).
"""


def parse_arguments() -> argparse.Namespace:
    """Return the command line's wishes."""
    parser = argparse.ArgumentParser(
        prog="calls.py",
        description="Measure what the calls of event loops cost, Weft and its peers side by side.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--loops",
        type=names_among(LOOPS),
        default=DEFAULT_PEERS,
        metavar="A,B",
        help=f"which (default: {','.join(DEFAULT_PEERS)})",
    )
    parser.add_argument("--base", default="uvloop", choices=LOOPS, metavar="A", help="ratios are to it (%(default)s)")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each loop has its turn (5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every round's figures to this file")
    parser.add_argument("--quick", action="store_true", help="few operations, and one round where not told otherwise")
    parser.add_argument("--noisy", action="store_true", help="report even what other processes disturbed, and say so")
    arguments = parser.parse_args()
    if arguments.rounds is None:
        arguments.rounds = 1 if arguments.quick else 5
    if arguments.rounds < 1:
        parser.error(f"--rounds must be 1 or more, not {arguments.rounds}")
    return arguments


def measured_once(peer: str, scale: float, core: int) -> tuple[dict[str, float], float]:
    """Measure a peer's loop in a fresh process; return its figures in ns, and what others took of the core."""
    command = pinned([sys.executable, str(HERE / "loops.py"), peer, "--scale", str(scale)], core)
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, env=environment(peer)
    )
    if ended.returncode != 0:
        raise BenchmarkError(
            f"measuring {peer} ended with exit code {ended.returncode}; it said:\n{ended.stderr.strip()}"
        )
    result = json.loads(ended.stdout)
    return result["ns"], result["foreign"]


def quiet_figures(peer: str, scale: float, core: int, progress: Progress) -> tuple[dict[str, float], float]:
    """Measure until it is not disturbed, a few times at most; return the least disturbed figures and their noise."""
    tries = []
    for _ in range(MOST_TRIES):
        tries.append(measured_once(peer, scale, core))
        foreign = tries[-1][1]
        if foreign <= MOST_FOREIGN:
            break
        progress.show_disturbed(foreign)
    return min(tries, key=lambda figures_and_foreign: figures_and_foreign[1])


def measure(
    peers: Sequence[str], arguments: argparse.Namespace, progress: Progress
) -> tuple[dict[str, list[dict[str, float]]], bool]:
    """Return each peer's figures, a dictionary for each round, and whether any of them was disturbed.

    Raises NoisyMachineError at the first that stays disturbed, unless noise is allowed.
    """
    core, _ = two_cores()
    scale = QUICK_SCALE if arguments.quick else 1.0
    rounds: dict[str, list[dict[str, float]]] = {peer: [] for peer in peers}
    is_noisy = False
    for round_ in range(arguments.rounds):
        for peer in peers:
            progress.show(f"round {round_ + 1}: {peer}")
            figures, foreign = quiet_figures(peer, scale, core, progress)
            if foreign > MOST_FOREIGN and not arguments.noisy:
                raise NoisyMachineError(progress.what, foreign)
            is_noisy = is_noisy or foreign > MOST_FOREIGN
            rounds[peer].append(figures)
    return rounds, is_noisy


def as_table(rounds: dict[str, list[dict[str, float]]], base: str) -> str:
    """Return a Markdown table: a row for each measurement; for each peer its time, and its ratio to the base's."""
    header = [""]
    for peer in rounds:
        header += [f"{peer}, ns"] if peer == base else [f"{peer}, ns", f"/ {base}"]
    rows = []
    for name in MEASUREMENTS:
        of_base = [figures[name] for figures in rounds[base]]
        row = [name]
        for peer, all_figures in rounds.items():
            values = [figures[name] for figures in all_figures]
            row.append(f"{statistics.median(values):,.0f}")
            if peer != base:
                row.append(f"{median_ratio(values, of_base):.2f}")
        rows.append(row)
    return markdown_table(header, rows)


def run(arguments: argparse.Namespace) -> None:
    """Measure and report."""
    if arguments.json is not None:
        prepare_file(arguments.json)
    versions = probe_all(arguments.loops)
    if not versions:
        raise BenchmarkError("none of the loops can run here")
    base = choose_base(arguments.base, versions)
    progress = Progress(arguments.rounds * len(versions))
    try:
        rounds, is_noisy = measure(list(versions), arguments, progress)
    finally:
        progress.clear()
    facts = machine_facts() | versions
    facts["measured"] = f"rounds: {arguments.rounds}{', of few operations' if arguments.quick else ''}; medians"
    print(facts_list(facts, is_noisy))
    print("\nTime of one operation, and as a multiple of the base's (less is better):\n")
    print(as_table(rounds, base))
    if arguments.json is not None:
        content = {"facts": facts, "base": base, "noisy": is_noisy, "rounds": rounds}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    arguments = parse_arguments()
    sys.exit(run_command("calls.py", lambda: run(arguments)))
