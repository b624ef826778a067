"""Lines and netstrings, side by side: Weft's protocols, Twisted's, and asyncio's streams on its loop and on uvloop.

Everything is as in `echo.py`: all servers up at once on one core, the load from another, interleaved rounds. Each
message is answered with itself.
"""

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

from command import add_common_options, names_among, new_parser, numbers, one_number, read_command_line, run_command
from echo import as_tables
from launch import Load, apply_load, compiled_program, running_servers
from peers import HERE
from protocol_servers import KINDS, PEERS
from report import two_cores
from rounds import Rounds, measure_and_report

EPILOG = """\
examples:
  protocols.py                       lines and netstrings of 64 bytes, 1 and 64 under way: four minutes
  protocols.py --quick               does it work? half a second for each server, figures worth little
  protocols.py --kinds lines --depths 16 --sizes 16,1000
  protocols.py --base twisted        ratios to Twisted's

servers:
  weft, weft-pure    Weft's LineProtocol and NetstringProtocol, compiled and interpreted
  twisted            Twisted's LineOnlyReceiver and NetstringReceiver on its epoll reactor
  uvloop, asyncio    StreamReader.readline, or readuntil and readexactly, write and drain

how to read it:
  with a depth of 1 the kernel's work for each message outweighs the protocol's; with 64 messages under way on each
  connection many come in one read, and the protocol's own cost shows. The columns are those of echo.py: read the
  server's CPU time first, for the client cannot limit it.
"""


def parse_arguments() -> argparse.Namespace:
    """Return the command line's wishes, with the defaults (or the quick ones) where it has none."""
    parser = new_parser("protocols.py", "Measure servers of lines and netstrings side by side.", EPILOG)
    parser.add_argument("--kinds", type=names_among(KINDS), default=list(KINDS), metavar="A,B", help="which messages")
    parser.add_argument(
        "--sizes", type=numbers, default=[64], metavar="N,N", help="bytes of a message, all told (64)"
    )
    parser.add_argument("--depths", type=numbers, default=[1, 64], metavar="N,N", help="messages under way (1,64)")
    parser.add_argument(
        "--connections", type=one_number(1, 1000), default=50, metavar="N", help="how many at once (50)"
    )
    parser.add_argument(
        "--seconds", type=one_number(0.1, 60, float), metavar="S", help="how long a turn is measured (2)"
    )
    add_common_options(parser, PEERS, PEERS, rounds=3)
    arguments = read_command_line(parser)
    if min(arguments.sizes) < len(message_of("netstrings", 1)):
        parser.error(f"a message has at least {len(message_of('netstrings', 1))} bytes")
    if arguments.seconds is None:
        arguments.seconds = 0.5 if arguments.quick else 2.0
    return arguments


def message_of(kind: str, size: int) -> bytes:
    """Return a message of this kind with so many bytes all told, or as few as it can have."""
    if kind != "netstrings":
        return b"x" * (size - 1) + b"\n"
    for digits in range(1, 10):
        content = max(0, size - digits - 2)
        if len(str(content)) <= digits:
            return b"%d:%b," % (content, b"x" * content)
    raise AssertionError(f"no netstring has {size} bytes")


def measure(arguments: argparse.Namespace, rounds: Rounds, peers: list[str]) -> None:
    """Run every round of every case over all servers of one kind, then of the next."""
    cores = two_cores()
    with tempfile.TemporaryDirectory(prefix="weft-protocols-") as folder:
        path = Path(folder, "message")
        for kind in arguments.kinds:
            commands = {peer: [sys.executable, str(HERE / "protocol_servers.py"), peer, kind] for peer in peers}
            with running_servers(commands, cores[0]) as servers:
                for size in arguments.sizes:
                    path.write_bytes(message_of(kind, size))
                    for depth in arguments.depths:
                        turns = {}
                        for server in servers:
                            load = Load(
                                ["-p", str(server.port)],
                                ["-f", str(path)],
                                arguments.connections,
                                arguments.seconds,
                                depth,
                            )
                            turns[server.peer] = partial(apply_load, server, load, cores)
                        rounds.take(f"{kind} of {path.stat().st_size} B, {depth} under way", turns)


def run() -> None:
    """Measure and report what the command line asks for."""
    arguments = parse_arguments()
    compiled_program("loadgen")
    cases = len(arguments.kinds) * len(arguments.sizes) * len(arguments.depths)
    measured = f"messages over TCP, {arguments.connections} connections, {arguments.seconds:g} s for each server"
    measure_and_report(arguments, cases, measured, partial(measure, arguments), as_tables)


if __name__ == "__main__":
    sys.exit(run_command("protocols.py", run))
