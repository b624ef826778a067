"""Strings behind their length, as an integer of 1, 2 or 4 bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from weft.protocols.exchange import StringExchange
from weft.protocols.messages import MessageProtocol
from weft.protocols.netstrings import MAX_STRING_BYTES
from weft.protocols.parsing import Parser
from weft.protocols.scanning import PrefixedScanner

ByteOrder = Literal["big", "little"]


class PrefixedParser(PrefixedScanner, Parser[bytes]):
    """Turns bytes into strings that stand behind their length.

    A length is refused as soon as it is there, before any of the string is.

    >>> list(PrefixedParser(2).feed(b"\\x00\\x04weft"))
    [b'weft']
    """

    def __init__(
        self, prefix_bytes: int = 4, max_length: int = MAX_STRING_BYTES, byte_order: ByteOrder = "big"
    ) -> None:
        super().__init__(prefix_bytes, max_length, byte_order)


class PrefixedProtocol(StringExchange, MessageProtocol[bytes]):
    """Calls `string_received` with each string that comes behind its length, and sends such strings."""

    prefix_bytes = 4
    byte_order: ByteOrder = "big"
    max_length = MAX_STRING_BYTES

    def string_received(self, string: bytes) -> None:
        """Act on a string."""
        raise NotImplementedError(f"{type(self).__name__} needs a method string_received(self, string)")

    def make_parser(self) -> PrefixedParser:
        """Return the parser of a connection's strings."""
        return PrefixedParser(self.prefix_bytes, self.max_length, self.byte_order)

    def _receiver(self) -> Callable[[bytes], None]:
        return self.string_received


class Int8Protocol(PrefixedProtocol):
    """Strings of up to 255 bytes, behind a length of one byte."""

    prefix_bytes = 1


class Int16Protocol(PrefixedProtocol):
    """Strings of up to 65,535 bytes, behind a length of two bytes."""

    prefix_bytes = 2


class Int32Protocol(PrefixedProtocol):
    """Strings behind a length of four bytes."""

    prefix_bytes = 4
