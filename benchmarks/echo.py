"""Echo servers of Weft and its peers, side by side: throughput, latency and CPU, as ratios to a base.

All servers are up at once on one core, the load comes from another, and each round loads every server in turn
(A B C, A B C, ...), so that what changes on the machine changes for all of them. Ratios are taken within a round.
"""

import argparse
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

from certificate import write_certificate
from command import add_common_options, new_parser, numbers, one_number, read_command_line, run_command
from launch import Load, Server, apply_load, compiled_program, running_servers
from peers import C_PEERS, HERE, PEERS
from report import markdown_table, two_cores
from rounds import Results, Rounds, measure_and_report
from servers import MODES, STYLES

DEFAULT_PEERS = ["c-epoll", "weft", "weft-pure", "weft-recorded", "uvloop", "asyncio", "asyncio-64k"]
MOST_DATAGRAM_BYTES = 65507
QUICK = {"sizes": [1024], "connections": [50], "seconds": 0.5}
TCP = {"sizes": [64, 1024, 16384], "connections": [1, 50, 500], "seconds": 2.0}
OTHERS = {"sizes": [1024, 16384], "connections": [50], "seconds": 2.0}
UDP = {"sizes": [64, 1024], "connections": [50], "seconds": 2.0}

EPILOG = """\
examples:
  echo.py                                  everything over TCP: about eight minutes on a quiet machine
  echo.py --quick                          does it work? half a second for each server, figures worth little
  echo.py --peers weft,uvloop --sizes 64 --connections 50 --rounds 5
  echo.py --mode tls --json results/tls.json
  echo.py --server streams-readline        asyncio's streams instead of protocols, on whatever the loop hands out
  echo.py --server weft-streams-readline   the same by weft.serve_streams: Weft's streams on every loop
  echo.py --depth 16 --sizes 64            16 messages under way on each connection
  echo.py --pieces 2                       the server writes each message in two writes: headers, then a body

servers:
  c-epoll        a plain C server on epoll: what readiness can give at most. It is the same in every style, and
                 writes a message at once whatever --pieces says
  weft           Weft's compiled build; weft-pure: the interpreted one; weft-recorded: compiled, recorder attached
  weft-busy      compiled, and each wait polls for 50 microseconds before it blocks: look at one connection's p50
  weft-uring     compiled, receiving by io_uring, where the system allows it
  uvloop         the peer to compare with, and the base of the ratios
  asyncio        the standard library's loop; asyncio-64k: the same, its reads bounded to 64 KiB; asyncio-heap: the
                 same as asyncio, while the C library keeps what is freed (it asks for 256 KiB at each read)
  rloop          another peer, with such reads too; rloop-heap: the same, while the C library keeps what is freed

how to read it:
  throughput     more is better; once the client's share nears 1.00, the client is the limit and not the server
  CPU            the server's CPU time for one message; less is better, and the client cannot limit it
  lost           datagrams that did not come back within 0.2 s; while a connection waits for one it sends nothing
  foreign        what other processes took of a core; a sample above a tenth is measured again, and if none of the
                 tries is quiet, nothing is reported and the exit code is 1 (--noisy reports it nevertheless)
"""


def parse_arguments() -> argparse.Namespace:
    """Return the command line's wishes, with the defaults (or the quick ones) where it has none."""
    parser = new_parser("echo.py", "Measure echo servers of Weft and its peers side by side.", EPILOG)
    parser.add_argument("--mode", choices=MODES, default="tcp", help="kind of connection (%(default)s)")
    parser.add_argument("--server", choices=STYLES, default="protocol", help="what it is written with (%(default)s)")
    parser.add_argument(
        "--sizes", type=numbers, metavar="N,N", help="bytes of a message (64,1024,16384; less elsewhere)"
    )
    parser.add_argument(
        "--connections", type=numbers, metavar="N,N", help="how many at once (1,50,500; elsewhere 50)"
    )
    parser.add_argument(
        "--seconds", type=one_number(0.1, 60, float), metavar="S", help="how long a turn is measured (2)"
    )
    parser.add_argument(
        "--depth", type=one_number(1, 1024), default=1, metavar="N", help="messages under way each (1)"
    )
    parser.add_argument("--pieces", type=one_number(1, 64), default=1, metavar="N", help="writes of a message (1)")
    add_common_options(parser, PEERS, DEFAULT_PEERS, rounds=3)
    arguments = read_command_line(parser)
    is_plain = (arguments.mode, arguments.server) == ("tcp", "protocol")
    usual = UDP if arguments.mode == "udp" else TCP if is_plain else OTHERS
    for name, value in (QUICK if arguments.quick else usual).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    if arguments.mode == "udp":
        if arguments.server != "protocol" or arguments.pieces > 1:
            parser.error("over UDP there is but --server protocol, and a datagram is one piece")
        if max(arguments.sizes) > MOST_DATAGRAM_BYTES:
            parser.error(f"a datagram has at most {MOST_DATAGRAM_BYTES} bytes")
    if arguments.mode == "tls" and arguments.server.startswith("weft-"):
        parser.error("--server weft-streams-... is for tcp and unix")
    return arguments


class Setup:
    """How the servers are started, and how they are reached, in the mode that was asked for."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.arguments = arguments
        self.folder = folder
        self.certificate = write_certificate(folder) if arguments.mode == "tls" else None

    def command(self, peer: str, message_bytes: int) -> list[str]:
        """Return the command line of a peer's server."""
        mode = self.arguments.mode
        if peer in C_PEERS:
            where = {
                "tcp": ["-p", "0"],
                "unix": ["-u", self._path(peer)],
                "tls": ["-p", "0", "-L", str(self.certificate)],
                "udp": ["-p", "0", "-D"],
            }
            return [str(compiled_program(peer.replace("-", "_"))), *where[mode]]
        command = [sys.executable, str(HERE / "servers.py"), peer, "--mode", mode, "--style", self.arguments.server]
        command += ["--message-bytes", str(message_bytes), "--pieces", str(self.arguments.pieces)]
        if mode == "unix":
            command += ["--path", self._path(peer)]
        if self.certificate is not None:
            command += ["--certificate", str(self.certificate)]
        return command

    def target(self, server: Server) -> list[str]:
        """Return the load generator's options that lead to a server."""
        if self.arguments.mode == "unix":
            return ["-u", self._path(server.peer)]
        kind = {"tcp": [], "tls": ["-L"], "udp": ["-D"]}
        return ["-p", str(server.port), *kind[self.arguments.mode]]

    def _path(self, peer: str) -> str:
        return str(self.folder / f"{peer}.sock")


def measure(arguments: argparse.Namespace, rounds: Rounds, peers: list[str]) -> None:
    """Run every round of every case over all servers."""
    compiled_program("loadgen")
    cores = two_cores()
    # A server that reads exactly so many bytes is told how many; the others serve all sizes in one life.
    is_exact = arguments.server.endswith("readexactly")
    groups = [[size] for size in arguments.sizes] if is_exact else [arguments.sizes]
    with tempfile.TemporaryDirectory(prefix="weft-echo-") as folder:
        setup = Setup(arguments, Path(folder))
        for sizes in groups:
            with running_servers({peer: setup.command(peer, max(sizes)) for peer in peers}, cores[0]) as servers:
                for size in sizes:
                    for connections in arguments.connections:
                        turns = {}
                        for server in servers:
                            load = Load(
                                setup.target(server),
                                ["-s", str(size)],
                                connections,
                                arguments.seconds,
                                arguments.depth,
                            )
                            turns[server.peer] = partial(apply_load, server, load, cores)
                        rounds.take(f"{size} B, {connections} connection{'s' if connections > 1 else ''}", turns)
            for path in Path(folder).glob("*.sock"):
                path.unlink()


def as_tables(results: Results) -> str:
    """Return two tables of ratios, and a table of figures for each case."""
    parts = [
        f"Throughput, as a multiple of {results.base}'s (more is better):",
        results.ratios_table("messages_per_s"),
        f"The server's CPU time for a message, as a multiple of {results.base}'s (less is better):",
        results.ratios_table("server_cpu_us"),
    ]
    for case in results.cases:
        parts += [f"{case}:", details(results, case)]
    return "\n\n".join(parts)


def details(results: Results, case: str) -> str:
    """Return a table of all figures of one case under load."""
    shows_lost = any(sum(results.values(case, peer, "lost")) for peer in results.peers)
    header = ["server", "messages/s", "lowest", "highest", f"/ {results.base}", "p50 µs", "p99 µs", "p99.9 µs"]
    header += [
        "CPU µs/message",
        f"/ {results.base}",
        "server",
        "client",
        "foreign",
        *(["lost"] if shows_lost else []),
    ]
    rows = []
    for peer in results.peers:
        throughputs = results.values(case, peer, "messages_per_s")
        row = [
            peer,
            f"{statistics.median(throughputs):,.0f}",
            f"{min(throughputs):,.0f}",
            f"{max(throughputs):,.0f}",
            f"{results.ratio(case, peer, 'messages_per_s'):.2f}",
            *(f"{results.median(case, peer, figure):,.0f}" for figure in ("p50_us", "p99_us", "p999_us")),
            f"{results.median(case, peer, 'server_cpu_us'):.2f}",
            f"{results.ratio(case, peer, 'server_cpu_us'):.2f}",
            *(f"{results.median(case, peer, figure):.2f}" for figure in ("server_share", "client_share")),
            f"{results.most_foreign(case, peer):.2f}",
        ]
        rows.append([*row, f"{sum(results.values(case, peer, 'lost')):,.0f}"] if shows_lost else row)
    return markdown_table(header, rows)


def run() -> None:
    """Measure and report what the command line asks for."""
    arguments = parse_arguments()
    cases = len(arguments.sizes) * len(arguments.connections)
    extras = [f"{arguments.depth} messages under way on each connection"] if arguments.depth > 1 else []
    extras += [f"each written in {arguments.pieces} pieces"] if arguments.pieces > 1 else []
    measured = ", ".join(
        [f"{arguments.mode}, {arguments.server}", *extras, f"{arguments.seconds:g} s for each server and round"]
    )
    measure_and_report(arguments, cases, measured, partial(measure, arguments), as_tables)


if __name__ == "__main__":
    sys.exit(run_command("echo.py", run))
