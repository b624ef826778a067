"""A proxy before the service that transforms texts: many clients, one connection
to the service.

Two services in a tree. The first keeps the connection, and makes it again when
it is lost; a request that comes meanwhile waits for it. The second takes the
clients' requests, one at a time from each. The clients notice nothing but a
pause when the service is started anew.

    python examples/netstrings/server.py         in one terminal
    python examples/netstrings/proxy.py          in another: serves on port 7015
    python examples/netstrings/client.py --connect tcp:localhost:7015 upper the wind

See the requests wait for their answers: ask a few times, press Ctrl-C, and
open proxy.svg.

    weft run --figure proxy.svg examples/netstrings/proxy.py

Exits with 0 when it was stopped, 1 when it cannot serve, 2 for misuse.
"""

import argparse
import asyncio
import logging
import sys

from asking import MOST_BYTES, Asker

import weft
from weft.errors import WeftError
from weft.protocols import NetstringProtocol
from weft.services import Backoff

WHERE = "tcp:7015:interface=127.0.0.1"
SERVICE = "tcp:localhost:7005"
PATIENCE_S = 10.0
MOST_ATTEMPTS = 3


class Proxy(NetstringProtocol):
    """One client's connection."""

    max_length = MOST_BYTES

    def __init__(self, upstream: weft.ClientService, patience_s: float) -> None:
        self.upstream = upstream
        self.patience_s = patience_s
        self.task: asyncio.Task[None] | None = None
        self.is_last = False

    def string_received(self, request: bytes) -> None:
        """Pass a request on; the client's next one is not read before this one is answered."""
        self.pause_reading()
        self.task = asyncio.create_task(self.answer(request), name=f"request {request[:20].decode(errors='replace')}")

    async def answer(self, request: bytes) -> None:
        """Answer a request by what the service says."""
        self.send_string(await asked(self.upstream, request, self.patience_s))
        self.task = None
        if self.is_last:
            self.close()
        else:
            self.resume_reading()

    def finish(self) -> None:
        """Close when what is under way is answered."""
        self.is_last = True
        if self.task is None:
            self.close()

    def disconnected(self, error: Exception | None) -> None:
        """Nobody waits for the answer any more."""
        if self.task is not None:
            self.task.cancel()


async def asked(upstream: weft.ClientService, request: bytes, patience_s: float) -> bytes:
    """Return the service's answer, or one that says that none came in time.

    A request whose connection is lost is sent again: it changes nothing at the service, so twice does no harm.
    """
    try:
        async with asyncio.timeout(patience_s):
            for _ in range(MOST_ATTEMPTS):
                asker: Asker = await upstream.connected()
                try:
                    return await asker.ask(request)
                except OSError as error:
                    logging.warning("a request is sent again: %s", error)
    except TimeoutError:
        pass
    return b"no the service does not answer: try again later"


def service(upstream: str = SERVICE, where: str = WHERE, patience_s: float = PATIENCE_S) -> weft.Service:
    """Return the proxy: it connects, then listens, and stops in the reverse order."""
    client = weft.ClientService(upstream, Asker, backoff=Backoff(first_s=0.1, most_s=5), name="upstream")
    server = weft.ServerService(where, lambda: Proxy(client, patience_s), finish=Proxy.finish, name="clients")
    return weft.Service(client, server, name="proxy")


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default=WHERE, metavar="ENDPOINT", help="where to listen (default: %(default)s)")
    parser.add_argument("--service", default=SERVICE, metavar="ENDPOINT", help="whom to ask (default: %(default)s)")
    parser.add_argument(
        "--patience", type=float, default=PATIENCE_S, metavar="SECONDS",
        help="how long a client waits for an answer (default: %(default)s)",
    )  # fmt: skip
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        weft.run(weft.Application(service(options.service, options.listen, options.patience)).serve())
    except WeftError as error:
        sys.exit(f"proxy.py: {error}")


if __name__ == "__main__":
    main()
