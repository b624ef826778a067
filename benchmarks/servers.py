"""An echo server of one peer, in one process: python servers.py KIND (--port N | --unix PATH).

Prints "READY PORT" once it listens (the port is 0 for a UNIX socket) and serves until a signal ends it. The server is
the same for all of them, a plain `asyncio.Protocol` that writes back what it gets, so that only the loops differ.
"""

import argparse
import asyncio
import signal
import socket
import sys
from typing import cast

from peers import LOOPS, WrongBuildError

BACKLOG = 4096
"""Room for every connection that a load opens at once; the kernel may allow less."""


class Echo(asyncio.Protocol):
    """Writes back whatever comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; on TCP, have small messages leave at once, whatever the peer's own default is."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance, only by its methods
        connection = transport.get_extra_info("socket")
        if connection.family == socket.AF_INET:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Write the data back."""
        self.transport.write(data)


async def serve(port: int | None, path: str | None) -> None:
    """Serve on a port of 127.0.0.1, or on a UNIX socket, for ever."""
    loop = asyncio.get_running_loop()
    if path is not None:
        server = await loop.create_unix_server(Echo, path, backlog=BACKLOG)
        port = 0
    else:
        server = await loop.create_server(Echo, "127.0.0.1", port, backlog=BACKLOG)
        port = server.sockets[0].getsockname()[1]
    print(f"READY {port}", flush=True)
    await server.serve_forever()


def run(kind: str, port: int | None, path: str | None) -> None:
    """Run the server on the loop of this kind."""
    if kind == "weft-recorded":
        LOOPS[kind]().close()  # refuses the wrong build, as for the other kinds
        import weft
        import weft.record

        weft.run(serve(port, path), recorder=weft.record.Recorder())
        return
    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        runner.run(serve(port, path))


def main() -> int:
    """Run the server that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description="Run one peer's echo server until a signal ends it.")
    parser.add_argument("kind", choices=LOOPS, help="whose event loop; weft-pure needs WEFT_PURE=1 as well")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", type=int, metavar="N", help="TCP port on 127.0.0.1; 0 takes a free one")
    where.add_argument("--unix", metavar="PATH", help="path of a UNIX socket to make")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        run(arguments.kind, arguments.port, arguments.unix)
    except WrongBuildError as error:
        print(f"servers.py {arguments.kind}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
