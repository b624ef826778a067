"""Echo servers of Weft and its peers, side by side: throughput, latency and CPU, as ratios to a base.

All servers are up at once on one core, the load comes from another, and each round loads every server in turn
(A B C, A B C, ...), so that what changes on the machine changes for all of them. Ratios are taken within a round.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from command import BenchmarkError, choose_base, names_among, prepare_file, run_command
from launch import Load, Server, apply_load, compiled_program, running_servers
from peers import PEERS, probe_all
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

DEFAULTS = {"sizes": [64, 1024, 16384], "connections": [1, 50, 500], "rounds": 3, "seconds": 2.0}
QUICK = {"sizes": [1024], "connections": [50], "rounds": 1, "seconds": 0.5}

EPILOG = """\
examples:
  echo.py                                  everything: about eight minutes on a quiet machine
  echo.py --quick                          does it work? half a second for each server, figures worth little
  echo.py --servers weft,uvloop --sizes 64 --connections 50 --rounds 5
  echo.py --mode unix --json results/unix.json

servers:
  c-epoll        a plain C server on epoll: what readiness can give at most
  weft           Weft's compiled build; weft-pure: the interpreted one; weft-recorded: compiled, recorder attached
  uvloop         the peer to compare with, and the base of the ratios
  asyncio        the standard library's loop; asyncio-64k: the same, its reads bounded to 64 KiB

how to read it:
  throughput     more is better; once the client's share nears 1.00, the client is the limit and not the server
  CPU            the server's CPU time for one message; less is better, and the client cannot limit it
  foreign        what other processes took of a core; a sample above a tenth is measured again, and if none of the
                 tries is quiet, nothing is reported and the exit code is 1 (--noisy reports it nevertheless)
"""


@dataclass(frozen=True)
class Sample:
    """One server under one load in one round, as the load generator measured it."""

    peer: str
    size_bytes: int
    connections: int
    round: int
    foreign: float
    measured: dict[str, float]

    def __getitem__(self, name: str) -> float:
        """Return one of the measured figures."""
        return self.measured[name]


def numbers(text: str) -> list[int]:
    """Return a list of whole numbers, 1 or more, from "1,50,500"."""
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or min(values) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers, such as 1,50,500")
    return values


def parse_arguments() -> argparse.Namespace:
    """Return the command line's wishes, with the defaults (or the quick ones) where it has none."""
    parser = argparse.ArgumentParser(
        prog="echo.py",
        description="Measure echo servers of Weft and its peers side by side.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--servers",
        type=names_among(PEERS),
        default=list(PEERS),
        metavar="A,B",
        help="which (default: all, see below)",
    )
    parser.add_argument("--base", default="uvloop", choices=PEERS, metavar="A", help="ratios are to it (%(default)s)")
    parser.add_argument("--sizes", type=numbers, metavar="N,N", help="bytes of a message (64,1024,16384)")
    parser.add_argument("--connections", type=numbers, metavar="N,N", help="how many at once (1,50,500)")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each server has its turn (3)")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long a turn is measured, 0.1 to 60 (2)")
    parser.add_argument("--mode", choices=("tcp", "unix"), default="tcp", help="kind of socket (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample to this file")
    parser.add_argument("--quick", action="store_true", help="one short round of one case, where not told otherwise")
    parser.add_argument("--noisy", action="store_true", help="report even what other processes disturbed, and say so")
    arguments = parser.parse_args()
    for name, value in (QUICK if arguments.quick else DEFAULTS).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    if arguments.rounds < 1:
        parser.error(f"--rounds must be 1 or more, not {arguments.rounds}")
    if not 0.1 <= arguments.seconds <= 60:
        parser.error(f"--seconds must be from 0.1 to 60, not {arguments.seconds:g}")
    return arguments


def foreign_share(measured: dict[str, float]) -> float:
    """Return what others took of the busier of the two cores: the time in which neither we nor nobody had it."""
    on_server_core = 1 - measured["server_core_idle"] - measured["server_share"]
    on_client_core = 1 - measured["client_core_idle"] - measured["client_share"]
    return max(0.0, on_server_core, on_client_core)


def quiet_sample(server: Server, load: Load, round_: int, cores: tuple[int, int], progress: Progress) -> Sample:
    """Measure until a sample is not disturbed, a few times at most; return the least disturbed one."""
    best: Sample | None = None
    for _ in range(MOST_TRIES):
        measured = apply_load(server, load, *cores)
        foreign = foreign_share(measured)
        if best is None or foreign < best.foreign:
            best = Sample(server.peer, load.size_bytes, load.connections, round_, foreign, measured)
        if best.foreign <= MOST_FOREIGN:
            break
        progress.show_disturbed(foreign)
    assert best is not None
    return best


def measure(peers: Sequence[str], arguments: argparse.Namespace, progress: Progress) -> list[Sample]:
    """Run every round of every case over all servers; return the samples in the order they were taken.

    Raises NoisyMachineError at the first sample that stays disturbed, unless noise is allowed.
    """
    cores = two_cores()
    samples = []
    with running_servers(peers, arguments.mode, core=cores[0]) as servers:
        for size_bytes in arguments.sizes:
            for connections in arguments.connections:
                load = Load(size_bytes, connections, arguments.seconds)
                for round_ in range(arguments.rounds):
                    for server in servers:
                        progress.show(f"{case_name(size_bytes, connections)}, round {round_ + 1}: {server.peer}")
                        sample = quiet_sample(server, load, round_, cores, progress)
                        if sample.foreign > MOST_FOREIGN and not arguments.noisy:
                            raise NoisyMachineError(progress.what, sample.foreign)
                        samples.append(sample)
    return samples


def case_name(size_bytes: int, connections: int) -> str:
    """Return what a case is called in the tables and in the line of progress."""
    return f"{size_bytes} B, {connections} connection{'s' if connections > 1 else ''}"


class Results:
    """The samples by case and peer, with the ratios to the base."""

    def __init__(self, samples: Sequence[Sample], peers: Sequence[str], base: str) -> None:
        self.peers = peers
        self.base = base
        self.cases = list(dict.fromkeys((sample.size_bytes, sample.connections) for sample in samples))
        self._rounds: dict[tuple[tuple[int, int], str], list[Sample]] = {}
        for sample in samples:
            self._rounds.setdefault(((sample.size_bytes, sample.connections), sample.peer), []).append(sample)

    def median(self, case: tuple[int, int], peer: str, figure: str) -> float:
        """Return the median of a figure over the rounds."""
        return statistics.median(self._values(case, peer, figure))

    def ratio(self, case: tuple[int, int], peer: str, figure: str) -> float:
        """Return the median over the rounds of a figure's ratio to the base's in the same round."""
        return median_ratio(self._values(case, peer, figure), self._values(case, self.base, figure))

    def summary(self, figure: str) -> str:
        """Return a table of one figure's ratios: a row for each peer, a column for each case."""
        header = ["", *(case_name(*case) for case in self.cases)]
        rows = [[peer, *(f"{self.ratio(case, peer, figure):.2f}" for case in self.cases)] for peer in self.peers]
        return markdown_table(header, rows)

    def details(self, case: tuple[int, int]) -> str:
        """Return a table of all figures of one case."""
        header = ["server", "messages/s", "lowest", "highest", f"/ {self.base}", "p50 µs", "p99 µs", "p99.9 µs"]
        header += ["CPU µs/message", f"/ {self.base}", "server", "client", "foreign"]
        return markdown_table(header, [self._detail_row(case, peer) for peer in self.peers])

    def _detail_row(self, case: tuple[int, int], peer: str) -> list[str]:
        throughputs = self._values(case, peer, "messages_per_s")
        return [
            peer,
            f"{statistics.median(throughputs):,.0f}",
            f"{min(throughputs):,.0f}",
            f"{max(throughputs):,.0f}",
            f"{self.ratio(case, peer, 'messages_per_s'):.2f}",
            *(f"{self.median(case, peer, figure):,.0f}" for figure in ("p50_us", "p99_us", "p999_us")),
            f"{self.median(case, peer, 'server_cpu_us'):.2f}",
            f"{self.ratio(case, peer, 'server_cpu_us'):.2f}",
            *(f"{self.median(case, peer, figure):.2f}" for figure in ("server_share", "client_share")),
            f"{max(sample.foreign for sample in self._rounds[case, peer]):.2f}",
        ]

    def _values(self, case: tuple[int, int], peer: str, figure: str) -> list[float]:
        return [sample[figure] for sample in self._rounds[case, peer]]


def as_markdown(results: Results, facts: dict[str, str], noisy: bool) -> str:
    """Return the whole report: the facts, two tables of ratios, and a table of figures for each case."""
    parts = [
        facts_list(facts, noisy),
        f"Throughput, as a multiple of {results.base}'s (more is better):",
        results.summary("messages_per_s"),
        f"The server's CPU time for a message, as a multiple of {results.base}'s (less is better):",
        results.summary("server_cpu_us"),
    ]
    for case in results.cases:
        parts += [f"{case_name(*case)}:", results.details(case)]
    return "\n\n".join(parts)


def run(arguments: argparse.Namespace) -> None:
    """Measure and report."""
    if arguments.json is not None:
        prepare_file(arguments.json)
    versions = probe_all(arguments.servers)
    if not versions:
        raise BenchmarkError("none of the servers can run here")
    base = choose_base(arguments.base, versions)
    compiled_program("loadgen")
    cases = len(arguments.sizes) * len(arguments.connections)
    progress = Progress(cases * arguments.rounds * len(versions))
    try:
        samples = measure(list(versions), arguments, progress)
    finally:
        progress.clear()
    noisy = any(sample.foreign > MOST_FOREIGN for sample in samples)
    facts = machine_facts() | versions
    facts["measured"] = (
        f"{arguments.mode}; rounds: {arguments.rounds}, {arguments.seconds:g} s for each server; medians"
    )
    print(as_markdown(Results(samples, list(versions), base), facts, noisy))
    if arguments.json is not None:
        content = {"facts": facts, "base": base, "noisy": noisy, "samples": [asdict(sample) for sample in samples]}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    arguments = parse_arguments()
    sys.exit(run_command("echo.py", lambda: run(arguments)))
