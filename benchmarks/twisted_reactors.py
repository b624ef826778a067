"""Twisted programs, unchanged, on Weft's reactor and on Twisted's own, as ratios to Twisted's epoll reactor: echo,
messages, TLS, UDP, web, timers, a crawl, memory.

Everything is as in `echo.py`: all servers up at once on one core, the load from another, interleaved rounds. What has
a process of its own for each measurement (timers, the crawl, memory) has its turn in the rounds as well.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import calls
import memory
from certificate import write_certificate
from command import (
    BenchmarkError,
    add_common_options,
    names_among,
    new_parser,
    one_number,
    read_command_line,
    run_command,
)
from echo import as_tables as loaded_tables
from launch import Load, Server, apply_load, compiled_program, pinned, running_servers
from peers import HERE, REACTORS, environment
from protocols import message_of
from reactor_calls import MEASUREMENTS
from report import two_cores
from rounds import Results, Rounds, Turn, measure_and_report
from web import REQUEST, apply_loadgen

DEFAULT_PEERS = ["weft", "twisted-epoll", "twisted-uvloop"]
BASE = "twisted-epoll"
CONNECTIONS = 50
ECHO_SIZES = (64, 1024, 16384)
ECHO_CONNECTIONS = (50, 500)
TLS_SIZES = (1024, 16384)
UDP_SIZES = (64, 1024)
MESSAGE_BYTES = 64
DEPTHS = (1, 64)
IDLE_CONNECTIONS = {False: 10_000, True: 300}
PAGES = {False: 1000, True: 30}
TIMERS_SCALE = {False: 1.0, True: 0.05}
"""By whether it is to be quick."""

CRAWL_TIMEOUT_S = 120.0
TIMERS, CRAWL, MEMORY = "timers", "crawl", "idle connections"
COLUMNS: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    TIMERS: (
        "Time of one operation (less is better)",
        {name: (f"{name}, ns", ",.0f") for name in MEASUREMENTS},
    ),
    CRAWL: (
        "Scrapy crawls a site of a thousand pages",
        {
            "pages_per_s": ("pages/s", ",.0f"),
            "cpu_us": ("CPU µs/page", ",.0f"),
        },
    ),
    MEMORY: ("Memory of the server for each idle connection (less is better)", memory.COLUMNS),
}
"""A case that is not a loaded server -> its title, and its figures as `Results.figures_table` takes them."""

EPILOG = """\
examples:
  twisted_reactors.py                    everything: about eight minutes on a quiet machine
  twisted_reactors.py --quick            does it work? figures worth little
  twisted_reactors.py --cases echo,tls --rounds 5
  twisted_reactors.py --peers weft,weft-pure,twisted-epoll,twisted-asyncio

reactors:
  weft             Weft's, on its compiled build; weft-pure: on the interpreted one
  twisted-epoll    Twisted's default on Linux, and the base of the ratios
  twisted-uvloop   Twisted's asyncio reactor on uvloop's loop; twisted-asyncio: on the standard library's

how to read it:
  throughput and CPU are as in echo.py: read the server's CPU time first, for the client cannot limit it. The programs
  are the same for all: Twisted's protocols, its TLS, its web server, and Scrapy, whose coroutines are asyncio's tasks
  but on twisted-epoll, where they are Deferreds. A crawl's time is that from its start to its end, without the
  imports; the site is on the other core.
"""


class Bench:
    """What all cases need: the wishes, the cores, a folder for files, and who takes the samples."""

    def __init__(self, arguments: argparse.Namespace, rounds: Rounds, peers: list[str], folder: Path) -> None:
        self.arguments = arguments
        self.rounds = rounds
        self.peers = peers
        self.folder = folder
        self.cores = two_cores()

    def servers(self, kind: str, *options: str) -> Mapping[str, list[str]]:
        """Return each peer's command for a server of this kind."""
        script = str(HERE / "reactor_servers.py")
        return {peer: [sys.executable, script, peer, kind, *options] for peer in self.peers}

    def take_loaded(
        self, kind: str, cases: Mapping[str, Callable[[Server], tuple[dict[str, float], float]]], *options: str
    ) -> None:
        """Measure the servers of one kind in each case; a case's turn is what it maps to, given the server."""
        with running_servers(self.servers(kind, *options), self.cores[0]) as servers:
            for case, turn in cases.items():
                self.rounds.take(case, {server.peer: partial(turn, server) for server in servers})

    def take_own(self, case: str, turn: Callable[[str], tuple[dict[str, float], float]]) -> None:
        """Measure what runs in a fresh process each time; `turn` is given the peer."""
        turns: dict[str, Turn] = {peer: partial(turn, peer) for peer in self.peers}
        self.rounds.take(case, turns)

    def load(
        self, server: Server, message: list[str], connections: int = CONNECTIONS, depth: int = 1, options: str = ""
    ) -> tuple[dict[str, float], float]:
        """Load a server with loadgen."""
        target = ["-p", str(server.port), *options.split()]
        return apply_load(server, Load(target, message, connections, self.arguments.seconds, depth), self.cores)


def measure_echo(bench: Bench) -> None:
    """Measure a protocol that writes back what comes."""
    cases = {
        f"echo {size} B, {connections} connections": partial(
            bench.load, message=["-s", str(size)], connections=connections
        )
        for size in ECHO_SIZES
        for connections in ECHO_CONNECTIONS
    }
    bench.take_loaded("echo", cases)


def measure_tls(bench: Bench) -> None:
    """Measure the same over TLS."""
    cases = {f"TLS echo {size} B": partial(bench.load, message=["-s", str(size)], options="-L") for size in TLS_SIZES}
    bench.take_loaded("tls", cases, "--certificate", str(write_certificate(bench.folder)))


def measure_udp(bench: Bench) -> None:
    """Measure a protocol that sends each datagram back."""
    cases = {f"UDP echo {size} B": partial(bench.load, message=["-s", str(size)], options="-D") for size in UDP_SIZES}
    bench.take_loaded("udp", cases)


def measure_messages(kind: str, bench: Bench) -> None:
    """Measure a receiver of lines, or of netstrings, that answers each with itself."""
    path = bench.folder / kind
    path.write_bytes(message_of(kind, MESSAGE_BYTES))
    cases = {
        f"{kind} of {MESSAGE_BYTES} B, {depth} under way": partial(bench.load, message=["-f", str(path)], depth=depth)
        for depth in DEPTHS
    }
    bench.take_loaded(kind, cases)


def measure_web(bench: Bench) -> None:
    """Measure twisted.web answering a short plain text."""
    path = bench.folder / "request"
    path.write_bytes(REQUEST)
    turn = partial(
        apply_loadgen,
        request_path=path,
        connections=CONNECTIONS,
        seconds=bench.arguments.seconds,
        cores=bench.cores,
    )
    bench.take_loaded("web", {"twisted.web": turn})


def measure_timers(bench: Bench) -> None:
    """Measure timers, in fresh processes."""
    scale = TIMERS_SCALE[bench.arguments.quick]
    bench.take_own(TIMERS, partial(calls.measured_once, script="reactor_calls.py", scale=scale, core=bench.cores[0]))


def measure_crawl(bench: Bench) -> None:
    """Measure Scrapy crawling a site, in fresh processes; the site is on the other core."""
    pages = PAGES[bench.arguments.quick]
    command = [sys.executable, str(HERE / "crawl.py"), "site", str(pages)]
    with running_servers({"site": command}, bench.cores[1]) as (site,):
        bench.take_own(CRAWL, partial(crawled_once, pages=pages, site=site, core=bench.cores[0]))


def crawled_once(peer: str, pages: int, site: Server, core: int) -> tuple[dict[str, float], float]:
    """Crawl the site once on a peer's reactor; return the figures, and what others took of the core."""
    command = pinned([sys.executable, str(HERE / "crawl.py"), peer, str(pages), str(site.port)], core)
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=CRAWL_TIMEOUT_S, env=environment(peer)
    )
    if ended.returncode != 0:
        raise BenchmarkError(f"the crawl on {peer} ended with {ended.returncode}; it said:\n{ended.stderr.strip()}")
    crawled = json.loads(ended.stdout)
    return {
        "pages_per_s": crawled["pages"] / crawled["wall_s"],
        "cpu_us": 1e6 * crawled["cpu_s"] / crawled["pages"],
    }, crawled["foreign"]


def measure_memory(bench: Bench) -> None:
    """Measure the memory of idle connections, in fresh processes."""
    count = memory.allowed_connections(IDLE_CONNECTIONS[bench.arguments.quick])
    turn = partial(
        memory.measured_once, script="reactor_servers.py", count=count, certificate=None, core=bench.cores[0]
    )
    bench.take_own(MEMORY, turn)


CASES: dict[str, tuple[Callable[[Bench], None], int]] = {
    "echo": (measure_echo, len(ECHO_SIZES) * len(ECHO_CONNECTIONS)),
    "lines": (partial(measure_messages, "lines"), len(DEPTHS)),
    "netstrings": (partial(measure_messages, "netstrings"), len(DEPTHS)),
    "tls": (measure_tls, len(TLS_SIZES)),
    "udp": (measure_udp, len(UDP_SIZES)),
    "web": (measure_web, 1),
    "timers": (measure_timers, 1),
    "crawl": (measure_crawl, 1),
    "memory": (measure_memory, 1),
}
"""What --cases takes: what measures it, and how many cases of the report that is."""


def as_tables(results: Results) -> str:
    """Return the tables of the loaded servers, as `echo.py` has them, and one for each other case."""

    def part(cases: list[str]) -> Results:
        return Results([sample for sample in results.samples if sample.case in cases], results.peers, results.base)

    loaded = [case for case in results.cases if case not in COLUMNS]
    parts = [loaded_tables(part(loaded))] if loaded else []
    for case in results.cases:
        if case in COLUMNS:
            title, columns = COLUMNS[case]
            parts += [f"{title}; {case}:", part([case]).figures_table(case, columns)]
    return "\n\n".join(parts)


def parse_arguments() -> argparse.Namespace:
    """Return the command line's wishes, with the defaults (or the quick ones) where it has none."""
    parser = new_parser("twisted_reactors.py", "Measure Twisted programs on several reactors side by side.", EPILOG)
    parser.add_argument(
        "--cases",
        type=names_among(CASES),
        default=list(CASES),
        metavar="A,B",
        help=f"what is measured (default: {','.join(CASES)})",
    )
    parser.add_argument(
        "--seconds", type=one_number(0.1, 60, float), metavar="S", help="how long a turn is measured (2)"
    )
    add_common_options(parser, REACTORS, DEFAULT_PEERS, rounds=3)
    parser.set_defaults(base=BASE)
    arguments = read_command_line(parser)
    if arguments.seconds is None:
        arguments.seconds = 0.5 if arguments.quick else 2.0
    return arguments


def run() -> None:
    """Measure and report what the command line asks for."""
    arguments = parse_arguments()
    compiled_program("loadgen")

    def measure(rounds: Rounds, peers: list[str]) -> None:
        with tempfile.TemporaryDirectory(prefix="weft-twisted-") as folder:
            bench = Bench(arguments, rounds, peers, Path(folder))
            for name in arguments.cases:
                CASES[name][0](bench)

    count = sum(CASES[name][1] for name in arguments.cases)
    measured = f"Twisted programs, {CONNECTIONS} connections unless it says otherwise, {arguments.seconds:g} s a turn"
    measure_and_report(arguments, count, measured, measure, as_tables)


if __name__ == "__main__":
    sys.exit(run_command("twisted_reactors.py", run))
