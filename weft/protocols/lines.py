"""Lines: messages that end with a delimiter. The parser, and the protocol with its raw mode."""

from __future__ import annotations

from collections.abc import Callable

from weft.errors import IncompleteMessageError
from weft.protocols.exchange import LineExchange
from weft.protocols.messages import MessageProtocol
from weft.protocols.parsing import Parser
from weft.protocols.scanning import LineScanner

MAX_LINE_BYTES = 16384
"""How long a line may be, without its delimiter, where nobody says otherwise."""


class LineParser(LineScanner, Parser[bytes]):
    """Turns bytes into lines, without their delimiter. A line may be empty.

    >>> parser = LineParser(b"\\n")
    >>> list(parser.feed(b"warp\\nwe"))
    [b'warp']
    >>> list(parser.feed(b"ft\\n"))
    [b'weft']
    """

    def __init__(self, delimiter: bytes = b"\r\n", max_length: int = MAX_LINE_BYTES) -> None:
        super().__init__(delimiter, max_length)


class LineProtocol(LineExchange, MessageProtocol[bytes]):
    """Calls `line_received` with each line that comes, and sends lines.

    In raw mode what comes is given to `raw_data_received` as it comes, for a body after a header, say.
    """

    delimiter = b"\r\n"
    max_length = MAX_LINE_BYTES

    def line_received(self, line: bytes) -> None:
        """Act on a line, which comes without its delimiter."""
        raise NotImplementedError(f"{type(self).__name__} needs a method line_received(self, line)")

    def raw_data_received(self, data: bytes) -> None:
        """Act on bytes that came in raw mode."""
        raise NotImplementedError(f"{type(self).__name__} needs a method raw_data_received(self, data) for raw mode")

    def set_raw_mode(self, length: int | None = None) -> None:
        """Give what comes after the current line to `raw_data_received`, at once and in the middle of a chunk.

        With `length`, the next `length` bytes are given so, in one piece or several, and line mode comes back by
        itself. Without, raw mode lasts until `set_line_mode`.
        """
        if length is not None and length < 0:
            raise ValueError(f"the length of raw data must be 0 or more bytes, not {length}")
        self._set_raw(length != 0, length or -1)
        self._look_again()

    def set_line_mode(self, extra: bytes = b"") -> None:
        """Give lines to `line_received` again, beginning with `extra`: what raw mode was given too much of."""
        self._set_raw(False, -1)
        self._parser.put_back(extra)
        self._look_again()

    def make_parser(self) -> LineParser:
        """Return the parser of a connection's lines."""
        return LineParser(self.delimiter, self.max_length)

    def _begin(self) -> None:
        super()._begin()
        parser = self._parser
        is_plain = type(parser).encode is LineScanner.encode  # or else an author's own, which may do more
        self._open_lines(parser if isinstance(parser, LineScanner) and is_plain else None)

    def _receiver(self) -> Callable[[bytes], None]:
        return self.line_received

    def _raw_receiver(self) -> Callable[[bytes], None]:
        return self.raw_data_received

    def _look_again(self) -> None:
        """The mode has changed: take back what was parsed ahead, and have what waits given out in the new one."""
        self._parser.rewind()
        if not self._is_busy() and self._parser.buffered_bytes:
            self._go_on()

    def _finish(self) -> None:
        if self._raw_left > 0:
            raise IncompleteMessageError(
                f"the stream ended in the middle of raw data: {self._raw_left} bytes more were to come"
            )
        super()._finish()
