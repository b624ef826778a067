"""What an idle connection costs in memory: servers on the loops of Weft and its peers, with thousands of connections.

Each turn starts a fresh server, opens a few connections that do not count (what is made once is made by then), and
then those that do; what the server's process has grown by, after collecting garbage, is divided by their number.
"""

import argparse
import json
import os
import resource
import signal
import socket
import ssl
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from certificate import write_certificate
from command import BenchmarkError, add_common_options, new_parser, one_number, read_command_line, run_command
from launch import Server, running_servers
from peers import HERE, LOOPS
from report import two_cores
from rounds import Results, Rounds, measure_and_report

DEFAULT_PEERS = ["weft", "weft-pure", "uvloop", "asyncio"]
USUAL = {"tcp": 10_000, "tls": 1_000}
QUICK = 300
UNCOUNTED = 100
SPARE_DESCRIPTORS = 64
"""What a process of ours needs beside its connections."""

PORTS_AN_ADDRESS = 20_000
"""How many connections come from one address: ports for outgoing connections are no more than 28,232 by default."""

MESSAGE = b"x" * 64
TELL_TIMEOUT_S = 60.0
CONNECT_TIMEOUT_S = 30.0

COLUMNS = {
    "connected_bytes": ("connected, B", ",.0f"),
    "used_bytes": ("after a message, B", ",.0f"),
    "blocks": ("Python's blocks", ".1f"),
}

EPILOG = """\
examples:
  memory.py                          10,000 TCP connections: less than a minute
  memory.py --quick                  does it work? 300 connections, figures worth little
  memory.py --mode tls               1,000 connections of TLS

how to read it (per connection; less is better):
  connected        by how much the server's proportional set size grew for each connection that it accepted
  after a message  the same after each has sent 64 bytes and got them back, and is idle again
  Python's blocks  how many blocks of Python's own allocator are in use for each: objects, roughly
  The kernel's own memory for a socket is not in it; it is the same for all.
"""


def parse_arguments() -> argparse.Namespace:
    """Return the command line's wishes, with the number of connections that the limit on descriptors allows."""
    parser = new_parser("memory.py", "Measure the memory of idle connections of Weft and its peers.", EPILOG)
    parser.add_argument("--mode", choices=USUAL, default="tcp", help="kind of connection (%(default)s)")
    parser.add_argument(
        "--connections", type=one_number(1, 100_000), metavar="N", help="how many at once (10,000; of TLS 1,000)"
    )
    add_common_options(parser, LOOPS, DEFAULT_PEERS, rounds=3)
    arguments = read_command_line(parser)
    if arguments.connections is None:
        arguments.connections = QUICK if arguments.quick else USUAL[arguments.mode]
    return arguments


def allowed_connections(wanted: int) -> int:
    """Raise the limit on open files as far as it goes, and return how many connections that is enough for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the servers inherit it
    most = hard - SPARE_DESCRIPTORS - UNCOUNTED
    if hard == resource.RLIM_INFINITY or most >= wanted:
        return wanted
    if most < 1:
        raise BenchmarkError(f"a process may open {hard} files here (ulimit -Hn), too few for any connections")
    print(f"{most} connections instead of {wanted}: a process may open {hard} files (ulimit -Hn)", file=sys.stderr)
    return most


class Clients:
    """The connections to one server, all held by this process."""

    def __init__(self, server: Server, context: ssl.SSLContext | None, stack: ExitStack) -> None:
        self.server = server
        self.sockets: list[socket.socket] = []
        self._context = context
        self._stack = stack

    def connect(self, count: int) -> None:
        """Open so many more connections."""
        for _ in range(count):
            number = len(self.sockets) // PORTS_AN_ADDRESS
            source = (f"127.0.0.{1 + number}", 0) if number else None
            connection = socket.create_connection(("127.0.0.1", self.server.port), CONNECT_TIMEOUT_S, source)
            if self._context is not None:
                connection = self._context.wrap_socket(connection)
            self.sockets.append(self._stack.enter_context(connection))

    def exchange(self) -> None:
        """Send a message on every connection and wait until it is back."""
        for connection in self.sockets:
            connection.sendall(MESSAGE)
            left = len(MESSAGE)
            while left:
                received = len(connection.recv(left))
                if not received:
                    raise BenchmarkError(f"the server {self.server.peer} closed a connection")
                left -= received

    def server_memory(self) -> dict[str, int]:
        """Return what the server tells once it has accepted all connections."""
        deadline = time.monotonic() + TELL_TIMEOUT_S
        while True:
            self.server.raise_if_ended()
            os.kill(self.server.process.pid, signal.SIGUSR1)
            told: dict[str, int] = json.loads(self.server.read_line(deadline))
            if told["connections"] == len(self.sockets):
                return told


def measured_once(
    peer: str, script: str, count: int, certificate: Path | None, core: int
) -> tuple[dict[str, float], float]:
    """Measure a peer in a fresh process; return the figures of one connection (noise does not change them)."""
    command = [sys.executable, str(HERE / script), peer]
    context = None
    if certificate is not None:
        command += ["--certificate", str(certificate)]
        context = ssl.create_default_context(cafile=str(certificate))
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    with running_servers({peer: command}, core) as (server,), ExitStack() as stack:
        clients = Clients(server, context, stack)
        clients.connect(UNCOUNTED)
        clients.exchange()
        before = clients.server_memory()
        clients.connect(count)
        connected = clients.server_memory()
        clients.exchange()
        used = clients.server_memory()
    return {
        "connected_bytes": (connected["pss_bytes"] - before["pss_bytes"]) / count,
        "used_bytes": (used["pss_bytes"] - before["pss_bytes"]) / count,
        "blocks": (used["blocks"] - before["blocks"]) / count,
    }, 0.0


def measure(arguments: argparse.Namespace, case: str, rounds: Rounds, peers: list[str]) -> None:
    """Run every round."""
    core, _ = two_cores()
    with tempfile.TemporaryDirectory(prefix="weft-memory-") as folder:
        certificate = write_certificate(Path(folder)) if arguments.mode == "tls" else None
        turn = partial(measured_once, count=arguments.connections, certificate=certificate, core=core)
        rounds.take(case, {peer: partial(turn, peer, "idle_server.py") for peer in peers})


def as_tables(results: Results) -> str:
    """Return the table: a row for each peer."""
    (case,) = results.cases
    title = f"Memory of the server for each of {case}, and as a multiple of the base's (less is better):"
    return f"{title}\n\n{results.figures_table(case, COLUMNS)}"


def run() -> None:
    """Measure and report what the command line asks for."""
    arguments = parse_arguments()
    arguments.connections = allowed_connections(arguments.connections)
    case = f"{arguments.connections:,} idle connections"
    measured = f"{arguments.mode}; {case}"
    measure_and_report(arguments, 1, measured, partial(measure, arguments, case), as_tables)


if __name__ == "__main__":
    sys.exit(run_command("memory.py", run))
