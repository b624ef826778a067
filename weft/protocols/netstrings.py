"""Netstrings: `5:hello,`, a length in decimal digits, a colon, the content, a comma.

The source is D. J. Bernstein's "Netstrings" (1997), with its rule that a length has no leading zeros.
"""

from __future__ import annotations

from collections.abc import Callable

from weft.protocols.exchange import StringExchange
from weft.protocols.messages import MessageProtocol
from weft.protocols.parsing import Parser
from weft.protocols.scanning import NetstringScanner

MAX_STRING_BYTES = 99999
"""How long a string may be, where nobody says otherwise."""


class NetstringParser(NetstringScanner, Parser[bytes]):
    """Turns bytes into the contents of netstrings.

    >>> list(NetstringParser().feed(b"4:warp,4:weft,0:,"))
    [b'warp', b'weft', b'']
    """

    def __init__(self, max_length: int = MAX_STRING_BYTES) -> None:
        super().__init__(max_length)


class NetstringProtocol(StringExchange, MessageProtocol[bytes]):
    """Calls `string_received` with each netstring that comes, and sends netstrings."""

    max_length = MAX_STRING_BYTES

    def string_received(self, string: bytes) -> None:
        """Act on a string."""
        raise NotImplementedError(f"{type(self).__name__} needs a method string_received(self, string)")

    def make_parser(self) -> NetstringParser:
        """Return the parser of a connection's netstrings."""
        return NetstringParser(self.max_length)

    def _receiver(self) -> Callable[[bytes], None]:
        return self.string_received
