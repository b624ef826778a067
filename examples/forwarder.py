"""A port forwarder: what comes in at one place goes out at another, and back.

Two connections that a `RelayProtocol` couples: neither side receives faster
than the other's peer reads, so a fast sender and a slow reader fill no memory.
Both places are endpoints, so it translates as well: from a port to a UNIX
socket, say, or from plain text to TLS.

    python examples/forwarder.py tcp:localhost:7001       port 7004 to the echo
    python examples/forwarder.py tls:example.org:443      TLS for who speaks none
    nc localhost 7004

See each connection being made, and by which task: talk, press Ctrl-C, and open
forwarder.svg.

    weft run --figure forwarder.svg examples/forwarder.py tcp:localhost:7001

Ctrl-C lets nobody new in, and lets the open connections finish for ten
seconds; again, and they are cut at once. Exits with 0 when it was stopped, 1
when it cannot serve, 2 for misuse.
"""

import argparse
import asyncio
import logging
import sys

import weft
from weft.endpoints import client
from weft.errors import WeftError
from weft.protocols import RelayProtocol

WHERE = "tcp:7004:interface=127.0.0.1"


class Forward(RelayProtocol):
    """The connection of one who came here. It reads nothing until it is joined to the one that goes on from here."""

    def __init__(self, to: str) -> None:
        self.to = to

    def connected(self) -> None:
        """Begin to connect to where this is to go."""
        self.task = asyncio.create_task(self.forward(), name=f"forward to {self.to}")

    async def forward(self) -> None:
        """Connect, and join the two; if this one has left meanwhile, that closes the other."""
        try:
            _, onward = await weft.connect(self.to, RelayProtocol)
        except (OSError, WeftError) as error:
            logging.warning("%s: %s", self.to, error)
            self.close()
        else:
            self.join(onward)


def service(to: str, where: str = WHERE) -> weft.Service:
    """Return the forwarder. Raises EndpointStringError if `to` is no place to connect to."""
    client(to)
    return weft.ServerService(where, lambda: Forward(to), name="forwarder")


def main() -> None:
    """Forward until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("to", metavar="TO", help="the endpoint to connect to, tcp:localhost:7001 say")
    parser.add_argument("--listen", default=WHERE, metavar="ENDPOINT", help="where to listen (default: %(default)s)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        weft.run(weft.Application(service(options.to, options.listen)).serve())
    except WeftError as error:
        sys.exit(f"forwarder.py: {error}")


if __name__ == "__main__":
    main()
