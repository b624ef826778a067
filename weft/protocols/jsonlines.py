"""JSON lines: each line is one JSON value in UTF-8.

Strict as RFC 8259 is: no NaN, no Infinity, no byte order mark. Empty lines between values are passed over, as senders
use them to keep a connection alive; a carriage return before the newline is white space, and so allowed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from operator import length_hint
from typing import Any

from weft.errors import MalformedMessageError
from weft.protocols.lines import LineParser
from weft.protocols.messages import MessageProtocol
from weft.protocols.parsing import Parser

MAX_JSON_BYTES = 65536
"""How long the line of a value may be, where nobody says otherwise."""
SHOWN = 80
"""How much of a value or a line an error shows."""


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_encoder = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))


class JsonLineParser(Parser[Any]):
    """Turns bytes into the values of JSON lines.

    >>> list(JsonLineParser().feed(b'{"warp": 1}\\n[true, null]\\n'))
    [{'warp': 1}, [True, None]]
    """

    def __init__(self, max_length: int = MAX_JSON_BYTES) -> None:
        super().__init__(max_length)
        self._lines = LineParser(b"\n", max_length)
        self._line = b""  # that of the value ahead

    def encode(self, message: Any) -> bytes:
        """Return the value as a line. Raises MalformedMessageError if JSON has no such value."""
        try:
            return _encoder.encode(message).encode() + b"\n"
        except (TypeError, ValueError, RecursionError) as error:
            raise MalformedMessageError(
                f"{type(message).__name__} {_shortened(repr(message))} cannot be written as JSON: {error}"
            ) from error

    def add(self, data: bytes | bytearray | memoryview) -> None:
        """Keep `data` for later parsing. Raises the error that ended this parser, if one did."""
        if self.error is not None:
            raise self.error
        self._lines.add(data)

    def advance(self) -> bool:
        """Return whether `ahead` has a value, after reading the next line if it had none."""
        if length_hint(self.ahead):
            return True
        if self.error is not None:
            raise self.error
        lines = self._lines
        while lines.advance():
            for line in lines.ahead:
                if line and not line.isspace():
                    self.ahead = iter((self._value(line),))
                    self._line = line
                    return True
        return False

    @property
    def buffered_bytes(self) -> int:
        """How many bytes wait here that no line was made of yet."""
        return self._lines.buffered_bytes

    def take(self, count: int | None = None) -> bytes:
        """Return up to `count` bytes that were not given out as values, all of them without `count`."""
        self.rewind()
        return self._lines.take(count)

    def put_back(self, data: bytes) -> None:
        """Let `data` be parsed next, before whatever waits."""
        self.rewind()
        self._lines.put_back(data)

    def rewind(self) -> None:
        """Make the value ahead bytes again."""
        if length_hint(self.ahead):
            self.ahead = iter(())
            self._lines.put_back(self._line + b"\n")

    def shown(self) -> str:
        """Return the beginning of what waits, for an error's text."""
        return self._lines.shown()

    def _value(self, line: bytes) -> Any:
        try:
            return _decoder.decode(line.decode())
        except (ValueError, RecursionError) as error:
            self._lines = LineParser(b"\n", self.max_length)
            self.error = MalformedMessageError(
                f"the line {_shortened(repr(line))} is not JSON: {error}. Each line must be one value, in UTF-8"
            )
            raise self.error from error

    def what(self) -> str:
        """Return what a message is called."""
        return "a line of JSON (its last newline is missing)"


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


class JsonLineProtocol(MessageProtocol[Any]):
    """Calls `json_received` with the value of each JSON line that comes, and sends such lines."""

    max_length = MAX_JSON_BYTES

    def json_received(self, value: Any) -> None:
        """Act on a value."""
        raise NotImplementedError(f"{type(self).__name__} needs a method json_received(self, value)")

    def send_json(self, value: Any) -> None:
        """Send a value. Raises MalformedMessageError if JSON has no such value."""
        self.send_message(value)

    def make_parser(self) -> JsonLineParser:
        """Return the parser of a connection's values."""
        return JsonLineParser(self.max_length)

    def _receiver(self) -> Callable[[Any], None]:
        return self.json_received
