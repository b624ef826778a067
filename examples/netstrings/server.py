"""A service that transforms texts, over netstrings: `11:upper hello,` comes in,
`8:ok HELLO,` goes out.

A text may have any letters, newlines too, since a netstring says how long it
is. Each request is answered in order, by "ok TEXT" or by "no REASON"; a stream
that is not made of netstrings ends the connection.

    python examples/netstrings/server.py         serves on port 7005 until Ctrl-C
    python examples/netstrings/client.py upper the wind

Exits with 0 when it was stopped, 1 when it cannot serve, 2 for misuse.
"""

import argparse
import logging
import sys
from collections.abc import Callable

from asking import MOST_BYTES

import weft
from weft.errors import WeftError
from weft.protocols import NetstringProtocol

WHERE = "tcp:7005:interface=127.0.0.1"
TRANSFORMS: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "reverse": lambda text: text[::-1],
    "count": lambda text: str(len(text.split())),
}


class Transformer(NetstringProtocol):
    """One client's connection."""

    max_length = MOST_BYTES

    def string_received(self, request: bytes) -> None:
        """Answer a request. While the client takes no answers, none of its requests are read: nothing piles up."""
        try:
            answer = "ok " + transformed(request.decode())
        except ValueError as error:
            answer = f"no {error}"
        self.send_string(answer.encode())


def transformed(request: str) -> str:
    """Return the text of a request "NAME TEXT", transformed. Raises ValueError for a name that is unknown."""
    name, _, text = request.partition(" ")
    if name not in TRANSFORMS:
        raise ValueError(f"there is no transform {name!r}: there are {', '.join(TRANSFORMS)}")
    return TRANSFORMS[name](text)


def service(where: str = WHERE) -> weft.Service:
    """Return the server. When it is stopped it closes the connections: whatever came was answered at once."""
    return weft.ServerService(where, Transformer, finish=Transformer.close, name="transformer")


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default=WHERE, metavar="ENDPOINT", help="where to listen (default: %(default)s)")
    listen = parser.parse_args().listen
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        weft.run(weft.Application(service(listen)).serve())
    except WeftError as error:
        sys.exit(f"server.py: {error}")


if __name__ == "__main__":
    main()
