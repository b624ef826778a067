"""Web servers on Weft's loop and on its peers': uvicorn and aiohttp answering plain text, as ratios to a base.

Everything is as in `echo.py`: all servers up at once on one core, the load from another, interleaved rounds. The load
is `loadgen` with an HTTP request as its message, or wrk.
"""

import argparse
import json
import math
import shutil
import socket
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from command import (
    BenchmarkError,
    add_common_options,
    names_among,
    new_parser,
    numbers,
    one_number,
    read_command_line,
    run_command,
)
from echo import as_tables
from launch import LOAD_GRACE_S, Load, Server, apply_load, compiled_program, foreign_share, pinned, running_servers
from peers import HERE, LOOPS
from processor import children_cpu_s, core_time, process_cpu_s
from report import two_cores
from rounds import Rounds, measure_and_report
from web_servers import SERVERS

DEFAULT_PEERS = ["weft", "uvloop", "asyncio"]
CLIENTS = ("loadgen", "wrk")
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PROBE_TIMEOUT_S = 10.0

EPILOG = """\
examples:
  web.py                             uvicorn and aiohttp, 50 connections: a minute and a half
  web.py --quick                     does it work? half a second for each server, figures worth little
  web.py --applications aiohttp --connections 1,50,500
  web.py --client wrk                the load comes from wrk instead, in whole seconds

the load:
  loadgen        our own, which needs nothing but a C compiler: the same request again and again on connections that
                 stay open; the first reply is read and understood, of the others only the bytes are counted
  wrk            the usual tool, which parses every reply: a check of the above by a program that is not ours

how to read it:
  a message is a request with its reply; the columns are those of echo.py, and so is the advice: read the server's
  CPU time first, for the client cannot limit it.
"""


def parse_arguments() -> argparse.Namespace:
    """Return the command line's wishes, with the defaults (or the quick ones) where it has none."""
    parser = new_parser("web.py", "Measure web servers on the loops of Weft and its peers side by side.", EPILOG)
    parser.add_argument(
        "--applications",
        type=names_among(SERVERS),
        default=list(SERVERS),
        metavar="A,B",
        help=f"which web servers (default: {','.join(SERVERS)})",
    )
    parser.add_argument(
        "--client", choices=CLIENTS, default="loadgen", help="where the load comes from (%(default)s)"
    )
    parser.add_argument("--connections", type=numbers, default=[50], metavar="N,N", help="how many at once (50)")
    parser.add_argument(
        "--seconds", type=one_number(0.1, 60, float), metavar="S", help="how long a turn is measured (2)"
    )
    add_common_options(parser, LOOPS, DEFAULT_PEERS, rounds=3)
    arguments = read_command_line(parser)
    if arguments.seconds is None:
        arguments.seconds = 0.5 if arguments.quick else 2.0
    return arguments


def reply_bytes(server: Server) -> int:
    """Ask a server once; return how long its whole reply is. Raises BenchmarkError unless it is a good one."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PROBE_TIMEOUT_S) as connection:
        connection.sendall(REQUEST)
        reply = b""
        while b"\r\n\r\n" not in reply:
            if not (piece := connection.recv(65536)):
                raise BenchmarkError(f"the server {server.peer} closed the connection instead of replying")
            reply += piece
    head = reply.partition(b"\r\n\r\n")[0]
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if not status.startswith("HTTP/1.1 200") or not headers.get("content-length", "").isdecimal():
        raise BenchmarkError(f"the server {server.peer} replied {status!r} with the headers {headers}")
    return len(head) + len(b"\r\n\r\n") + int(headers["content-length"])


def apply_loadgen(
    server: Server, request_path: Path, connections: int, seconds: float, cores: tuple[int, int]
) -> tuple[dict[str, float], float]:
    """Load a server with our load generator; return what it measured, and what others took of a core."""
    message = ["-f", str(request_path), "-r", str(reply_bytes(server))]
    return apply_load(server, Load(["-p", str(server.port)], message, connections, seconds), cores)


def apply_wrk(
    server: Server, connections: int, seconds: float, cores: tuple[int, int]
) -> tuple[dict[str, float], float]:
    """Load a server with wrk for whole seconds; return the same as `apply_loadgen`."""
    reply_bytes(server)
    url = f"http://127.0.0.1:{server.port}/"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s", "-s", str(HERE / "wrk.lua"), url]
    cores_before = [core_time(core) for core in cores]
    server_before, client_before = process_cpu_s(server.process.pid), children_cpu_s()
    ended = subprocess.run(
        pinned(command, cores[1]), capture_output=True, text=True, check=False, timeout=seconds + LOAD_GRACE_S
    )
    server.raise_if_ended()
    if ended.returncode != 0:
        raise BenchmarkError(f"wrk ended with exit code {ended.returncode}; it said: {ended.stderr.strip()}")
    server_s = process_cpu_s(server.process.pid) - server_before
    client_s = children_cpu_s() - client_before
    measured: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    if measured["failed"]:
        raise BenchmarkError(
            f"{measured['failed']} requests of wrk to {server.peer} failed; it said:\n{ended.stdout}"
        )
    idle = [core_time(core).idle_share_since(before) for core, before in zip(cores, cores_before, strict=True)]
    measured |= {
        "messages_per_s": measured["messages"] / measured["seconds"],
        "server_cpu_us": 1e6 * server_s / measured["messages"],
        "server_share": server_s / measured["seconds"],
        "client_share": client_s / measured["seconds"],
        "server_core_idle": idle[0],
        "client_core_idle": idle[1],
        "lost": 0,
    }
    return measured, foreign_share(measured)


def measure(arguments: argparse.Namespace, rounds: Rounds, peers: list[str]) -> None:
    """Run every round of every case over all servers of one kind, then of the next."""
    cores = two_cores()
    with tempfile.TemporaryDirectory(prefix="weft-web-") as folder:
        request_path = Path(folder, "request")
        request_path.write_bytes(REQUEST)
        for application in arguments.applications:
            commands = {peer: [sys.executable, str(HERE / "web_servers.py"), peer, application] for peer in peers}
            with running_servers(commands, cores[0]) as servers:
                for connections in arguments.connections:
                    if arguments.client == "wrk":
                        turn = partial(apply_wrk, connections=connections, seconds=arguments.seconds, cores=cores)
                    else:
                        turn = partial(
                            apply_loadgen,
                            request_path=request_path,
                            connections=connections,
                            seconds=arguments.seconds,
                            cores=cores,
                        )
                    rounds.take(
                        f"{application}, {connections} connection{'s' if connections > 1 else ''}",
                        {server.peer: partial(turn, server) for server in servers},
                    )


def run() -> None:
    """Measure and report what the command line asks for."""
    arguments = parse_arguments()
    if arguments.client == "wrk" and shutil.which("wrk") is None:
        raise BenchmarkError("wrk is not installed (Debian: apt-get install wrk); --client loadgen needs nothing")
    compiled_program("loadgen")
    cases = len(arguments.applications) * len(arguments.connections)
    measured = (
        f"plain text over HTTP, load from {arguments.client}, {arguments.seconds:g} s for each server and round"
    )
    measure_and_report(arguments, cases, measured, partial(measure, arguments), as_tables)


if __name__ == "__main__":
    sys.exit(run_command("web.py", run))
