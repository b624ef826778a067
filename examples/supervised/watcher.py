"""A client that reconnects: it shows what a station reports, for as long as there
is one, now or later.

`ClientService` keeps the connection: lost or never there, it is tried again,
after a delay that grows. A connection over which nothing comes any more is as
bad as a lost one, so the protocol has a time-out and cuts it.

    python examples/supervised/watcher.py

station.py says how to begin the station; before the watcher or after it. A
watcher can be supervised, too: kill its process, and see.

    weft serve examples.supervised.watcher:service

The environment variable STATION says where the station is: tcp:localhost:7007
without it.

Exits with 0 when it was stopped, 1 when it cannot work, 2 for misuse.
"""

import argparse
import logging
import os
import sys
from typing import Any

import weft
from weft.errors import WeftError
from weft.protocols import JsonLineProtocol, TimeoutMixin
from weft.services import Backoff

WHERE = "tcp:localhost:7007"
SILENCE_S = 5.0


class Watcher(TimeoutMixin, JsonLineProtocol):
    """One connection to a station."""

    def __init__(self, silence_s: float) -> None:
        self.silence_s = silence_s

    def connected(self) -> None:
        """Begin to listen."""
        show("connected")
        self.set_timeout(self.silence_s)

    def json_received(self, value: Any) -> None:
        """Show a reading."""
        self.reset_timeout()
        match value:
            case {"pid": int(pid), "number": int(number), "load": float(load)}:
                show(f"load {load:.2f} (reading {number} of process {pid})")
            case _:
                show(f"this is no station: it says {value!r}")
                self.abort()

    def timed_out(self) -> None:
        """Give a station up that says nothing."""
        show(f"nothing was heard for {self.silence_s:g} s")
        self.abort()

    def disconnected(self, error: Exception | None) -> None:
        """Say so; the service connects again."""
        show("lost the station")


def show(text: str) -> None:
    """Print a line at once, into a pipe too."""
    print(text, flush=True)


def service(silence_s: float = SILENCE_S) -> weft.Service:
    """Return the client."""
    where = os.environ.get("STATION", WHERE)
    return weft.ClientService(where, lambda: Watcher(silence_s), backoff=Backoff(0.1, 5), name="watcher")


def main() -> None:
    """Watch until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--silence", type=float, default=SILENCE_S, metavar="SECONDS",
        help="how long a station may say nothing (default: %(default)s)",
    )  # fmt: skip
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        weft.run(weft.Application(service(options.silence)).serve())
    except WeftError as error:
        sys.exit(f"watcher.py: {error}")


if __name__ == "__main__":
    main()
