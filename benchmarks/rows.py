"""The table of Weft's speed, as data: what is measured, on which peers, and what each row is to reach.

Owns the rows and how a figure is compared; `table.py` measures and prints them, `picture.py` draws them. A row whose
peers are not there, or cannot run here, is shown as not measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from report import MOST_FOREIGN

BASE = "uvloop"

LIMIT = "c-epoll"
"""The plain C server: what readiness can give at most."""

KEPT = ("rloop-heap", "asyncio-heap")
"""Peers that ask for much memory at each read, while the C library keeps what is freed ..."""
HEAPS = ("rloop", "asyncio", *KEPT)
"""... and as they come as well."""


@dataclass(frozen=True)
class Servers:
    """One kind of server, of which each peer runs one: an echo server, or a web server if `application` names one."""

    mode: str = "tcp"
    style: str = "protocol"
    pieces: int = 1
    message_bytes: int = 1024
    """What a server that reads exactly so many bytes reads."""
    application: str = ""


TCP = Servers()


@dataclass(frozen=True)
class Case:
    """What is measured at once: every peer has its turn in each round."""

    name: str
    peers: Sequence[str]
    servers: Servers | None = None
    """Under a load; without servers the case is one of the two below."""
    size: int = 1024
    connections: int = 50
    depth: int = 1
    most_foreign: float = MOST_FOREIGN
    """What others may take of a core. With one connection the cores fall asleep and wake up at each message, and the
    kernel's work for that, which is no process's, looks like others'."""


CALLS = "a loop's own calls"
MEMORY = "idle connections"
LATENCY = "echo, TCP, one connection, 64 B"

CASES = (
    Case("echo, TCP, 64 B", (LIMIT, "weft", "weft-uring", BASE, *HEAPS), TCP, 64),
    Case(
        "echo, TCP, 1 KiB",
        (LIMIT, "weft", "weft-uring", "weft-recorded", "weft-pure", BASE, *HEAPS, "asyncio-64k"),
        TCP,
    ),
    Case("echo, TCP, 16 KiB", (LIMIT, "weft", BASE, *HEAPS), TCP, 16 * 1024),
    Case("echo, TCP, 100 KiB", (LIMIT, "weft", BASE, *HEAPS), TCP, 100 * 1024),
    Case("echo, TCP, 64 B, 16 under way", (LIMIT, "weft", BASE, *KEPT), TCP, 64, depth=16),
    Case(LATENCY, (LIMIT, "weft", "weft-busy", BASE, *KEPT), TCP, 64, connections=1, most_foreign=0.25),
    Case("echo, TCP, 1 KiB in two pieces", (LIMIT, "weft", BASE, *KEPT), Servers(pieces=2)),
    Case("echo, UNIX sockets, 1 KiB", (LIMIT, "weft", BASE, "asyncio", "asyncio-heap"), Servers("unix")),
    Case("streams, readline, 1 KiB", ("weft", BASE, *KEPT), Servers(style="streams-readline")),
    Case("streams, readexactly, 1 KiB", ("weft", BASE, *KEPT), Servers(style="streams-readexactly")),
    Case("echo, TLS, 1 KiB", (LIMIT, "weft", BASE, "uvloop-heap", "asyncio-heap"), Servers("tls")),
    Case("echo, UDP, 1 KiB", (LIMIT, "weft", BASE, *HEAPS), Servers("udp")),
    Case("uvicorn, plain text", ("weft", BASE, *KEPT), Servers(application="uvicorn")),
    Case("aiohttp, plain text", ("weft", BASE, *KEPT), Servers(application="aiohttp")),
    Case(CALLS, ("weft", BASE, "rloop", "asyncio")),
    Case(MEMORY, ("weft", BASE, "rloop", "asyncio")),
)


class Judged(Enum):
    """How a row's figure is compared with the base's, always within a round."""

    TIMES = "so many times as good, at least"
    SHARE = "this share of it, at most"
    AMOUNT = "this much, at most, whatever the base's is"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    case: str
    to_reach: float
    figure: str = "messages_per_s"
    peer: str = "weft"
    base: str = BASE
    judged: Judged = Judged.TIMES


def _call(name: str, to_reach: float) -> Row:
    return Row(name, CALLS, to_reach, name)


ROWS = (
    Row("protocol echo over TCP, 64 B", "echo, TCP, 64 B", 1.15),
    Row("protocol echo over TCP, 1 KiB", "echo, TCP, 1 KiB", 1.15),
    Row("the same on io_uring, 64 B", "echo, TCP, 64 B", 1.22, peer="weft-uring"),
    Row("the same on io_uring, 1 KiB", "echo, TCP, 1 KiB", 1.22, peer="weft-uring"),
    Row("protocol echo over TCP, 16 KiB", "echo, TCP, 16 KiB", 1.15),
    Row("protocol echo over TCP, 100 KiB", "echo, TCP, 100 KiB", 1.15),
    Row("protocol echo over UNIX sockets, 1 KiB, CPU", "echo, UNIX sockets, 1 KiB", 1.22, "server_cpu_us"),
    Row("streams echo, readline, 1 KiB", "streams, readline, 1 KiB", 1.6),
    Row("streams echo, readexactly, 1 KiB", "streams, readexactly, 1 KiB", 1.6),
    Row("TLS echo, 1 KiB", "echo, TLS, 1 KiB", 1.2),
    Row("the same, to uvloop-heap", "echo, TLS, 1 KiB", 1.2, base="uvloop-heap"),
    Row("UDP echo, 1 KiB", "echo, UDP, 1 KiB", 1.3),
    Row("writes in two pieces, 1 KiB", "echo, TCP, 1 KiB in two pieces", 1.3),
    Row("16 requests deep, 64 B", "echo, TCP, 64 B, 16 under way", 1.15),
    _call("call_soon chain", 3.0),
    _call("call_soon, a million", 2.7),
    _call("call_later, cancelled", 3.2),
    _call("call_later, fired", 1.2),
    _call("sleep(0)", 1.7),
    _call("future wake-up", 1.7),
    _call("create_task and gather", 1.1),
    _call("run_in_executor", 1.3),
    Row("uvicorn, plain text", "uvicorn, plain text", 1.1),
    Row("aiohttp, plain text", "aiohttp, plain text", 1.1),
    Row("p50 of one connection, busy polling", LATENCY, 0.35, "p50_us", "weft-busy", judged=Judged.SHARE),
    Row("memory of an idle connection", MEMORY, 600, "connected_bytes", judged=Judged.AMOUNT),
    Row(
        "interpreted build, echo 1 KiB, to asyncio-64k",
        "echo, TCP, 1 KiB",
        1.15,
        peer="weft-pure",
        base="asyncio-64k",
    ),
    Row("recorder on, echo 1 KiB, to off", "echo, TCP, 1 KiB", 0.98, peer="weft-recorded", base="weft"),
)

UNITS = {"messages_per_s": "/s", "server_cpu_us": "µs", "p50_us": "µs", "connected_bytes": "B"}
"""Of each figure; those of the loop's calls are in nanoseconds."""


def is_more_better(figure: str) -> bool:
    """Return whether a peer is better that has more of it."""
    return figure == "messages_per_s"


def peers_of(cases: Sequence[Case]) -> list[str]:
    """Return every peer that these cases ask for, each once."""
    return list(dict.fromkeys(peer for case in cases for peer in case.peers))
