"""Echo: what a client sends comes back.

The smallest server: a coroutine that is called with each connection's reader
and writer. While it waits for one client the others are served, all of them in
one thread.

    python examples/echo.py              serves on port 7001 until Ctrl-C
    nc localhost 7001                    in other terminals, as many as you like

See the conversations take turns: talk in two terminals, press Ctrl-C, and open
echo.svg.

    weft run --figure echo.svg examples/echo.py

In four processes that share the port, without one more line of code:

    weft serve examples.echo:service --workers 4

Exits with 0 when it was stopped, 1 when it cannot serve, 2 for misuse.
"""

import argparse
import asyncio
import logging
import sys

import weft
from weft.errors import WeftError

WHERE = "tcp:7001:interface=127.0.0.1"
CHUNK_BYTES = 65536


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes, until the client sends no more."""
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()  # who does not read the echo is not read from either, and cannot fill our memory


def service(where: str = WHERE) -> weft.Service:
    """Return the server. When it is stopped, it closes the connections of those who still talk."""
    return weft.ServerService(where, echo, finish=asyncio.StreamWriter.close, name="echo")


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default=WHERE, metavar="ENDPOINT", help="where to listen (default: %(default)s)")
    listen = parser.parse_args().listen
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        weft.run(weft.Application(service(listen)).serve())
    except WeftError as error:
        sys.exit(f"echo.py: {error}")


if __name__ == "__main__":
    main()
