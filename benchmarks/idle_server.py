"""A server of one peer that tells how much memory it has: python idle_server.py KIND [--certificate PEM].

Prints "READY PORT" once it listens, and echoes. At each SIGUSR1 it collects its garbage and prints a line of JSON:
how many connections it has, its proportional set size in bytes, and how many blocks Python's allocator has given out.
"""

import argparse
import asyncio
import gc
import json
import signal
import ssl
import sys
from pathlib import Path

from peers import LOOPS
from servers import BACKLOG, Echo, run_on


class CountedEcho(Echo):
    """Echoes, and is counted while it is connected."""

    connected = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        super().connection_made(transport)
        CountedEcho.connected += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no longer."""
        CountedEcho.connected -= 1


def proportional_set_bytes() -> int:
    """Return this process's memory, a page that several processes share counted in part (man 5 proc_pid_smaps)."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def tell(connections: int) -> None:
    """Print the line of JSON."""
    gc.collect()
    memory = {"pss_bytes": proportional_set_bytes(), "blocks": sys.getallocatedblocks()}
    print(json.dumps({"connections": connections} | memory), flush=True)


async def serve(certificate: Path | None) -> None:
    """Serve on 127.0.0.1 for ever."""
    loop = asyncio.get_running_loop()
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate)
    loop.add_signal_handler(signal.SIGUSR1, lambda: tell(CountedEcho.connected))
    server = await loop.create_server(CountedEcho, "127.0.0.1", 0, ssl=context, backlog=BACKLOG)
    print(f"READY {server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()  # in rloop's serve_forever, connections are refused


def run() -> int:
    """Run the server that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Run one peer's server that tells its memory, until a signal ends it."
    )
    parser.add_argument("kind", choices=LOOPS, help="whose event loop; weft-pure needs WEFT_PURE=1 as well")
    parser.add_argument("--certificate", type=Path, metavar="PEM", help="speak TLS with this key and certificates")
    arguments = parser.parse_args()
    return run_on(arguments.kind, serve(arguments.certificate))


if __name__ == "__main__":
    sys.exit(run())
