"""The whole table of Weft's speed in one command: each row against its peers, with what it is to reach.

Measures everything in rounds of the whole table, so that what changes on the machine while it runs changes for all.
In a round, the servers of one kind are up at once on one core, fresh, and are loaded in turn from the other. Prints
the table, and keeps the samples and a picture; what the rows are stands in `rows.py`.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import calls
import memory
import web
from command import BenchmarkError, new_parser, one_number, prepare_file, run_command
from echo import Setup
from launch import Load, Server, apply_load, compiled_program, running_servers
from lines import cpu_table, lines_of, table
from peers import HERE, PEERS, probe
from picture import picture
from processor import core_time
from report import MOST_FOREIGN, MOST_TRIES, NoisyMachineError, Progress, facts_list, machine_facts, two_cores
from rounds import Results, Rounds, Sample, Turn
from rows import BASE, CALLS, CASES, MEMORY, Case, Servers, peers_of

USUAL = {"rounds": 7, "seconds": 0.8}
QUICK = {"rounds": 1, "seconds": 0.4}
CONNECTIONS, QUICK_CONNECTIONS = 5000, 500
"""Of the row on memory."""

LOOK_S = 0.5
"""How long it looks whether the machine is quiet, before it begins."""

PAUSE_S = 5.0
"""How long it waits before a disturbed turn is measured again: many rounds would be lost to what is soon over."""

RESULTS = HERE / "results"
EPILOG = """\
examples:
  table.py                           everything: a quarter of an hour on a quiet machine
  table.py --quick                   one short round: two minutes, figures good to a tenth
  table.py --cases UDP,TLS           only the cases whose names have one of these words in them
  table.py --from results/X.json     the report and the picture of samples that were kept

how to read it:
  ratios are to uvloop's in the same round, the median of the rounds; above 1 is better, and where it says so less is.
  C is a plain server on epoll: what readiness can give at most. rloop and asyncio ask for 256 KiB at each read,
  uvloop for TLS: "-heap" is the same while the C library keeps what is freed.
  The client can limit the throughput of the fastest; the server's CPU time for a message it cannot.
  A turn in which other processes took more than a tenth of a core is measured again; if none of four tries is quiet,
  nothing is reported and the exit code is 1 (--noisy reports it nevertheless, and says so).
"""


def parse_arguments() -> argparse.Namespace:
    """Return the command line's wishes, with the usual rounds and seconds or the quick ones."""
    parser = new_parser("table.py", "Measure the whole table of Weft's speed against its peers.", EPILOG)
    parser.add_argument("--rounds", type=one_number(1, 100), metavar="N", help="rounds of the whole table (7)")
    parser.add_argument(
        "--seconds", type=one_number(0.1, 60, float), metavar="S", help="how long a turn under load is measured (0.8)"
    )
    parser.add_argument("--cases", type=cases_among, default=CASES, metavar="A,B", help="only those with these words")
    parser.add_argument("--quick", action="store_true", help="one round, 0.4 s for each turn")
    parser.add_argument("--noisy", action="store_true", help="report even what other processes disturbed, and say so")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FOLDER", help="where to write (%(default)s)"
    )
    parser.add_argument("--from", type=Path, dest="samples", metavar="JSON", help="report what was measured before")
    arguments = parser.parse_args()
    for name, value in (QUICK if arguments.quick else USUAL).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    return arguments


def cases_among(text: str) -> list[Case]:
    """Return the cases whose names have one of these words in them, as a command line gives them."""
    words = [word.strip().casefold() for word in text.split(",")]
    cases = [case for case in CASES if any(word in case.name.casefold() for word in words)]
    if not cases:
        raise argparse.ArgumentTypeError(
            f"no case has {text!r} in its name: {'; '.join(each.name for each in CASES)}"
        )
    return cases


class Bench:
    """Measures rounds of the table, one after another."""

    def __init__(self, arguments: argparse.Namespace, present: Mapping[str, str], rounds: Rounds) -> None:
        self.arguments = arguments
        self.rounds = rounds
        self.cores = two_cores()
        self.peers = {case.name: [peer for peer in case.peers if peer in present] for case in arguments.cases}
        wanted = QUICK_CONNECTIONS if arguments.quick else CONNECTIONS
        self.idle_connections = memory.allowed_connections(wanted) if MEMORY in self.peers else 0

    def round(self, number: int) -> None:
        """Measure every case once."""
        for servers, cases in groupby(self.arguments.cases, key=lambda case: case.servers):
            if servers is not None:
                self._loaded(number, servers, list(cases))
                continue
            for case in cases:
                turn = self._calls if case.name == CALLS else self._memory
                self.rounds.take_round(
                    case.name, number, {peer: partial(turn, peer) for peer in self.peers[case.name]}
                )

    def _loaded(self, number: int, servers: Servers, cases: list[Case]) -> None:
        """Measure cases that have the same servers."""
        peers = dict.fromkeys(peer for case in cases for peer in self.peers[case.name])
        with tempfile.TemporaryDirectory(prefix="weft-table-") as name:
            folder = Path(name)
            kind = Web(folder) if servers.application else Echo(servers, folder)
            with running_servers({peer: kind.command(peer, servers) for peer in peers}, self.cores[0]) as running:
                for case in cases:
                    turns = {
                        server.peer: kind.turn(server, case, self.arguments.seconds, self.cores)
                        for server in running
                        if server.peer in case.peers
                    }
                    self.rounds.take_round(case.name, number, turns, case.most_foreign)

    def _calls(self, peer: str) -> tuple[dict[str, float], float]:
        scale = calls.QUICK_SCALE if self.arguments.quick else 1.0
        return calls.measured_once(peer, "loops.py", scale, self.cores[0])

    def _memory(self, peer: str) -> tuple[dict[str, float], float]:
        return memory.measured_once(peer, "idle_server.py", self.idle_connections, None, self.cores[0])


class Echo:
    """Echo servers, and how they are loaded."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        wishes = argparse.Namespace(mode=servers.mode, server=servers.style, pieces=servers.pieces)
        self._setup = Setup(wishes, folder)

    def command(self, peer: str, servers: Servers) -> list[str]:
        """Return the command line of a peer's server."""
        return self._setup.command(peer, servers.message_bytes)

    def turn(self, server: Server, case: Case, seconds: float, cores: tuple[int, int]) -> Turn:
        """Return what measures it once."""
        load = Load(self._setup.target(server), ["-s", str(case.size)], case.connections, seconds, case.depth)
        return partial(apply_load, server, load, cores)


class Web:
    """Web servers, loaded by wrk, or where that is not installed by our own client."""

    def __init__(self, folder: Path) -> None:
        self._request = folder / "request"
        self._request.write_bytes(web.REQUEST)

    def command(self, peer: str, servers: Servers) -> list[str]:
        """Return the command line of a peer's server."""
        return [sys.executable, str(HERE / "web_servers.py"), peer, servers.application]

    def turn(self, server: Server, case: Case, seconds: float, cores: tuple[int, int]) -> Turn:
        """Return what measures it once."""
        if shutil.which("wrk") is not None:
            return partial(web.apply_wrk, server, case.connections, seconds, cores)
        return partial(web.apply_loadgen, server, self._request, case.connections, seconds, cores)


def refuse_a_busy_machine() -> None:
    """Raise NoisyMachineError if others use the machine already: it would but take longer to find out later."""
    foreign = []
    for _ in range(MOST_TRIES):
        before = {core: core_time(core) for core in two_cores()}
        time.sleep(LOOK_S)
        foreign.append(max(1 - core_time(core).idle_share_since(then) for core, then in before.items()))
        if foreign[-1] <= MOST_FOREIGN:
            return
    raise NoisyMachineError("before anything was measured", min(foreign))


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure all rounds; return what is kept: facts, samples, and why peers are missing."""
    if not arguments.noisy:
        refuse_a_busy_machine()
    compiled_program("loadgen")
    present: dict[str, str] = {}
    missing: dict[str, str] = {}
    for peer in peers_of(arguments.cases):
        runs, said = probe(peer) if peer in PEERS else (False, "there is no such peer yet")
        (present if runs else missing)[peer] = said
    turns = sum(peer in present for case in arguments.cases for peer in case.peers)
    progress = Progress(turns * arguments.rounds)
    most_tries = 1 if arguments.quick and arguments.noisy else MOST_TRIES
    pause_s = 0.0 if arguments.quick or arguments.noisy else PAUSE_S
    rounds = Rounds(arguments.rounds, progress, arguments.noisy, most_tries, pause_s)
    bench = Bench(arguments, present, rounds)
    begin = time.monotonic()
    try:
        for number in range(arguments.rounds):
            bench.round(number)
    finally:
        progress.clear()
    foreign = sorted(sample.foreign for sample in rounds.samples)
    allowed = {case.name: case.most_foreign for case in arguments.cases}
    facts = machine_facts() | present
    facts["measured"] = how_measured(arguments, time.monotonic() - begin)
    facts["foreign load"] = (
        f"{statistics.median(foreign):.2f} of a core in the median turn, {foreign[-1]:.2f} at most"
    )
    return {
        "facts": facts,
        "missing": missing,
        "noisy": any(sample.foreign > allowed[sample.case] for sample in rounds.samples),
        "samples": [asdict(sample) for sample in rounds.samples],
    }


def how_measured(arguments: argparse.Namespace, took_s: float) -> str:
    """Return in words when and how it was measured."""
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    quick = "; quick: figures good to a tenth" if arguments.quick else ""
    return (
        f"{when} UTC, in {took_s / 60:.0f} min; rounds of the table: {arguments.rounds}; {arguments.seconds:g} s "
        f"a turn under load, of web servers from {'wrk' if shutil.which('wrk') else 'loadgen'}; medians{quick}"
    )


def report(content: Mapping[str, Any]) -> tuple[str, str]:
    """Return the report and the picture of what was measured."""
    samples = [Sample(**sample) for sample in content["samples"]]
    results = Results(samples, [], BASE)
    lines = lines_of(results, content["missing"])
    met, measured = sum(line.is_met for line in lines), sum(line.values is not None for line in lines)
    worth = " Measured on a noisy machine, that says little." if content["noisy"] else ""
    parts = [
        facts_list(content["facts"], content["noisy"]),
        f"{met} of {len(lines)} rows reach what they are to reach; {len(lines) - measured} are not measured.{worth}",
        table(lines),
        cpu_table(results),
    ]
    return "\n\n".join(part for part in parts if part), picture(lines, content["facts"], content["noisy"])


def run() -> None:
    """Measure and report what the command line asks for, or report what was kept."""
    arguments = parse_arguments()
    if arguments.samples is not None:
        try:
            said, drawn = report(json.loads(arguments.samples.read_text()))
        except (ValueError, TypeError, KeyError) as error:
            raise BenchmarkError(f"{arguments.samples} does not hold what table.py keeps: {error!r}") from error
        print(said)
        arguments.samples.with_suffix(".svg").write_text(drawn)
        return
    kind = "quick" if arguments.quick else "table"
    kept = arguments.results / f"{kind}-{time.strftime('%Y-%m-%d-%H%M', time.gmtime())}.json"
    prepare_file(kept)
    try:
        content = measure(arguments)
    except BaseException:
        kept.unlink()
        raise
    kept.write_text(json.dumps(content, indent=1) + "\n")
    said, drawn = report(content)
    print(said)
    kept.with_suffix(".svg").write_text(drawn)
    print(f"\nThe samples are in {kept}, the picture in {kept.with_suffix('.svg')}")


if __name__ == "__main__":
    sys.exit(run_command("table.py", run))
