# cython: binding=False, embedsignature=True, embedsignature.format=clinic
"""Scanning: the parsers' work, compiled. The parsers themselves, typed, stand in modules of their own.

A parser does no I/O. It keeps the bytes that no message was made of yet, never more than one message may have plus
what was just fed, and the few messages that it has parsed ahead. Three rules keep it linear:

1. Messages are cut out of the chunk that came, many at a time; nothing is deleted from a buffer's front.
2. Joining what waits with what came costs no more than what came, or else goes to the end of a growing buffer.
3. What was looked at is not looked at again until enough has come to make a difference.

A message that breaks the rules is refused when its turn comes: what stood before it is given out first. From then on
the parser is over, and says so with the same error.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import length_hint
from typing import Any

from weft.errors import IncompleteMessageError, MalformedMessageError, MessageTooLongError, ProtocolError
from weft.protocols import _bytes

LONGEST = 2**40
"""More than any message may have, so that lengths and places fit a machine's integers."""
MOST_AHEAD = 1024
"""Messages parsed ahead at most by a parser that looks at them one by one."""
SHOWN_BYTES = 40
"""How much of a refused message its error shows."""
NARROW_WINDOW = 256
WIDE_WINDOW = 16384
"""Bytes that are split into lines at a time: at least, and at most."""
COLON, COMMA, ZERO, NINE = b":,09"
PREFIX_SIZES = (1, 2, 4)
"""How many bytes a length may have."""
BYTE_ORDERS = ("big", "little")


class Scanner:
    """What every parser is made of: the bytes that wait, and the messages ahead of whoever takes them."""

    def __init__(self, max_length: int) -> None:
        if not 0 <= max_length <= LONGEST:
            raise ValueError(f"max_length must be 0 to {LONGEST} bytes, not {max_length}")
        self.max_length = max_length
        self.ahead: Iterator[Any] = iter(())
        """Messages parsed and not taken yet. Take from it what `advance` has put there."""
        self.is_ahead = False  # whether there may be some; whoever has taken the last may say so
        self.buffer: bytes | bytearray = b""
        self.start = 0  # where what is not parsed begins; 0 in a bytearray
        self.is_intact = False  # whether the messages ahead still stand in the buffer, right before `start`
        self.error: ProtocolError | None = None

    def add(self, data: bytes | bytearray | memoryview) -> None:
        """Keep `data` for later parsing. Raises the error that ended this parser, if one did."""
        if self.error is not None:
            raise self.error
        if type(data) is not bytes:
            data = bytes(data)
        buffer = self.buffer
        waiting = len(buffer) - self.start
        self.is_intact = False
        if waiting == 0:
            self.buffer = data
            self.start = 0
        elif type(buffer) is bytearray:
            buffer += data
        elif waiting <= len(data):
            self.buffer = buffer[self.start :] + data
            self.start = 0
        else:
            self.buffer = bytearray(buffer[self.start :])
            self.buffer += data
            self.start = 0

    def advance(self) -> bool:
        """Return whether `ahead` has messages, after parsing more if it had none."""
        if self.is_ahead and length_hint(self.ahead):
            return True
        self.is_ahead = False
        if self.error is not None:
            raise self.error
        if self.start == len(self.buffer):
            if self.start:
                self.buffer = b""
                self.start = 0
            return False
        try:
            messages = self.cut_some()
        except ProtocolError as error:
            self.error = error
            self.buffer = b""
            self.start = 0
            raise
        if messages:
            self.ahead = iter(messages)
            self.is_ahead = self.is_intact = True
            return True
        if self.start:  # keep the beginning of a message, not the chunk that it came in
            self.buffer = self.buffer[self.start :]
            self.start = 0
        return False

    def finish(self) -> None:
        """Say that the stream is over. Raises IncompleteMessageError if it ended in the middle of a message.

        Take the complete messages first.
        """
        if self.error is not None:
            raise self.error
        if self.buffered_bytes:
            raise IncompleteMessageError(
                f"the stream ended in the middle of {self.what()}: {self.shown()} came, and then no more. "
                "The peer was cut off, or does not end what it sends as this protocol asks"
            )

    @property
    def buffered_bytes(self) -> int:
        """How many bytes wait here that no message was made of yet."""
        return len(self.buffer) - self.start

    def take(self, count: int | None = None) -> bytes:
        """Return up to `count` bytes that were not given out as messages, all of them without `count`.

        They are the parser's no more. This is how the rest of a stream goes to another parser or protocol.
        """
        self.rewind()
        start = self.start
        end = len(self.buffer) if count is None else min(start + count, len(self.buffer))
        taken = bytes(self.buffer[start:end])
        if end == len(self.buffer):
            self.buffer = b""
            self.start = 0
        elif type(self.buffer) is bytearray:
            self.buffer = bytes(self.buffer)
            self.start = end
        else:
            self.start = end
        return taken

    def put_back(self, data: bytes) -> None:
        """Let `data` be parsed next, before whatever waits."""
        if data:
            self.rewind()
            self.buffer = data + self.buffer[self.start :]
            self.start = 0

    def encode(self, message: Any) -> bytes:
        """Return the bytes that a parser like this one reads as `message`. Raises ProtocolError if none do."""
        raise NotImplementedError

    def shown(self) -> str:
        """Return the beginning of what waits, for an error's text."""
        start = self.start
        beginning = bytes(self.buffer[start : start + SHOWN_BYTES])
        size = len(self.buffer) - start
        return f"{beginning!r}" if size <= SHOWN_BYTES else f"{beginning!r}... ({size} bytes)"

    def rewind(self) -> None:
        """Make the messages ahead bytes again, to be parsed or taken in another way."""
        waiting = b"".join(map(self.encode, self.ahead))
        if not waiting:
            self.begin_again()
            return
        if self.is_intact:
            self.start -= len(waiting)
        else:
            self.buffer = waiting + self.buffer[self.start :]
            self.start = 0
        self.begin_again()

    def cut_some(self) -> list[Any]:
        """Return what `parse` does, which a parser written in Python defines; a compiled one defines this."""
        return self.parse()

    def parse(self) -> list[Any]:
        """Return some complete messages and move `start` behind them; an empty list if more bytes are needed.

        A refused message raises when it stands first; before that, those that stand before it are returned.
        """
        raise NotImplementedError

    def whole(self) -> bytes:
        """Return the buffer in the form that messages are cut from."""
        if type(self.buffer) is bytearray:
            self.buffer = bytes(self.buffer)
        return self.buffer  # type: ignore[return-value]

    def begin_again(self) -> None:
        """Forget what is known of the bytes that wait: others may stand there now."""

    def what(self) -> str:
        """Return what a message is called, with its article."""
        raise NotImplementedError


class LineScanner(Scanner):
    """Finds lines: the delimiter is looked for in a window of the chunk at a time, all its lines in one go.

    The window is wide while lines follow one another, and narrow after a change to raw mode, so that little is split
    in vain.
    """

    def __init__(self, delimiter: bytes, max_length: int) -> None:
        Scanner.__init__(self, max_length)
        if not delimiter:
            raise ValueError('a line needs a delimiter of at least one byte, such as b"\\n"; b"" was given')
        self.delimiter = bytes(delimiter)
        self.has_border = any(delimiter.startswith(delimiter[size:]) for size in range(1, len(delimiter)))
        self.scanned = 0  # in a bytearray: where looking for the delimiter goes on
        self.window = WIDE_WINDOW

    def encode(self, message: bytes) -> bytes:
        """Return the line with its delimiter. Raises MalformedMessageError if that would be read as several."""
        content = message if type(message) is bytes else as_bytes(message)
        delimiter = self.delimiter
        line = content + delimiter
        if _bytes.find(line, delimiter, 0, len(line)) != len(content):
            raise MalformedMessageError(
                f"the line {content[:SHOWN_BYTES]!r} contains its delimiter {delimiter!r}, "
                "so the peer would read more than one line: send its parts one by one, or escape it"
            )
        return line

    def is_line(self, content: Any) -> bool:
        """Return whether `content`, as it is, and the delimiter are one line. If not, `encode` may say why."""
        if type(content) is not bytes or self.has_border:
            return False
        return _bytes.find(content, self.delimiter, 0, len(content)) < 0

    def cut_some(self) -> list[bytes]:
        """Return the lines of the next window, without their delimiters."""
        if type(self.buffer) is bytearray:
            if self.buffer.find(self.delimiter, self.scanned) < 0:
                self.scanned = max(0, len(self.buffer) - len(self.delimiter) + 1)
                self.refuse_endless()
                return []
            self.scanned = 0
        buffer = self.whole()
        start = self.start
        end = min(start + self.window, len(buffer))
        lines: list[bytes] = []
        self.start = _bytes.split(buffer, start, end, self.delimiter, lines)
        if not lines:
            return self.cut_one()
        self.widen()
        if end - start > self.max_length:
            return self.allowed(lines, start)
        return lines

    def cut_one(self) -> list[bytes]:
        """Return the line that the window is too narrow for, if it is complete."""
        start, limit = self.start, self.max_length + len(self.delimiter)
        end = self.buffer.find(self.delimiter, start, start + limit)
        if end < 0:
            self.refuse_endless()
            return []
        self.start = end + len(self.delimiter)
        self.widen()
        return [bytes(self.buffer[start:end])]

    def widen(self) -> None:
        """Look at more the next time: another line followed."""
        if self.window < WIDE_WINDOW:
            self.window *= 2

    def allowed(self, lines: list[bytes], start: int) -> list[bytes]:
        """Return the lines before the first that is too long; raise if that is the first of all."""
        for index, line in enumerate(lines):
            if len(line) > self.max_length:
                self.start = start
                if index == 0:
                    self.refuse(f"of {len(line)} bytes")
                self.start += sum(map(len, lines[:index])) + index * len(self.delimiter)
                return lines[:index]
        return lines

    def refuse_endless(self) -> None:
        """Raise if what waits is longer than a line and its delimiter may be, and has none."""
        if len(self.buffer) - self.start >= self.max_length + len(self.delimiter):
            self.refuse(f"whose delimiter {self.delimiter!r} did not come yet")

    def refuse(self, which: str) -> None:
        """Raise MessageTooLongError."""
        raise MessageTooLongError(
            f"a line {which} is longer than the {self.max_length} bytes allowed: {self.shown()}. "
            "Raise max_length if such lines are meant to come",
            self.max_length,
        )

    def begin_again(self) -> None:
        """Forget what is known of the bytes that wait."""
        self.scanned = 0
        self.window = NARROW_WINDOW

    def what(self) -> str:
        """Return what a message is called."""
        return f"a line (its delimiter is {self.delimiter!r})"


class NetstringScanner(Scanner):
    """Finds netstrings."""

    def __init__(self, max_length: int) -> None:
        Scanner.__init__(self, max_length)
        self.most_digits = len(str(max_length))
        self.needed = 0  # bytes from `start` on without which there is no message

    def encode(self, message: bytes) -> bytes:
        """Return the netstring of these bytes."""
        return _bytes.netstring(message if type(message) is bytes else as_bytes(message))

    def cut_some(self) -> list[bytes]:
        """Return the next strings that are complete."""
        if len(self.buffer) - self.start < self.needed:
            return []
        buffer = self.whole()
        start, size, most_digits = self.start, len(buffer), self.most_digits
        room = self.max_length + 1
        messages: list[bytes] = []
        while start < size and len(messages) < MOST_AHEAD:
            colon, length = start, 0
            latest = min(start + most_digits, size - 1)
            while colon < latest and ZERO <= buffer[colon] <= NINE:
                length = length * 10 + buffer[colon] - ZERO
                colon += 1
            if colon == start or buffer[colon] != COLON or (buffer[start] == ZERO and colon - start > 1):
                break  # `examine` says what is wrong, or missing
            end = colon + 1 + length
            if end >= size or length >= room or buffer[end] != COMMA:
                break
            messages.append(_bytes.cut(buffer, colon + 1, end))
            start = end + 1
        self.start = start
        self.needed = 0
        if not messages:
            self.examine(buffer, start)
        return messages

    def examine(self, buffer: bytes, start: int) -> None:
        """Raise if no netstring begins at `start`; if one does that is not complete, note how much it needs."""
        colon = buffer.find(b":", start, start + self.most_digits + 1)
        digits = buffer[start : start + self.most_digits + 1 if colon < 0 else colon]
        if not digits.isdigit() or (digits[0] == ZERO and len(digits) > 1):
            raise MalformedMessageError(
                f"a netstring begins with its length in decimal digits without leading zeros, and a colon, as in "
                f"5:hello, and not with {self.shown()}. Does the peer speak netstrings?"
            )
        if len(digits) > self.most_digits or (colon >= 0 and int(digits) > self.max_length):
            raise MessageTooLongError(
                f"a netstring whose length begins with {digits.decode()} is longer than the {self.max_length} bytes "
                "allowed. Raise max_length if such strings are meant to come",
                self.max_length,
            )
        if colon < 0:
            return
        end = colon + 1 + int(digits)
        if end >= len(buffer):
            self.needed = end + 1 - start
        elif buffer[end] != COMMA:
            raise MalformedMessageError(
                f"a netstring of {int(digits)} bytes ends with {buffer[end : end + 1]!r} where a comma must stand: "
                f"{self.shown()}. Does the peer count bytes, and not characters?"
            )

    def begin_again(self) -> None:
        """Forget what is known of the bytes that wait."""
        self.needed = 0

    def what(self) -> str:
        """Return what a message is called."""
        return "a netstring"


class PrefixedScanner(Scanner):
    """Finds strings behind their length."""

    def __init__(self, prefix_bytes: int, max_length: int, byte_order: str) -> None:
        Scanner.__init__(self, max_length)
        if prefix_bytes not in PREFIX_SIZES:
            raise ValueError(f"a length has {', '.join(map(str, PREFIX_SIZES))} bytes, not {prefix_bytes!r}")
        if byte_order not in BYTE_ORDERS:
            raise ValueError(f"a byte order is one of {', '.join(BYTE_ORDERS)}, not {byte_order!r}")
        self.prefix_bytes = prefix_bytes
        self.byte_order = byte_order
        self.is_little = byte_order == "little"
        self.most = 256**prefix_bytes - 1
        self.needed = self.prefix_bytes  # bytes from `start` on without which there is no message

    def encode(self, message: bytes) -> bytes:
        """Return the length and the string. Raises MessageTooLongError if the prefix cannot hold the length."""
        content = message if type(message) is bytes else as_bytes(message)
        if len(content) > self.most:
            raise MessageTooLongError(
                f"a length of {self.prefix_bytes} bytes cannot tell of {len(content)} bytes, but of {self.most} at "
                "most: send it in parts, or agree with the peer on a wider length",
                self.most,
            )
        return _bytes.prefixed(content, self.prefix_bytes, self.is_little)

    def cut_some(self) -> list[bytes]:
        """Return the next strings that are complete."""
        if len(self.buffer) - self.start < self.needed:
            return []
        buffer = self.whole()
        start, prefix, most = self.start, self.prefix_bytes, self.max_length
        last = len(buffer) - prefix  # where a prefix can begin at the latest
        messages: list[bytes] = []
        self.needed = prefix
        while start <= last and len(messages) < MOST_AHEAD:
            length = _bytes.length_at(buffer, start, prefix, self.is_little)
            if length > most:
                if not messages:
                    self.refuse(length)
                break
            content = start + prefix
            if length > last - start:
                self.needed = prefix + length
                break
            start = content + length
            messages.append(_bytes.cut(buffer, content, start))
        self.start = start
        return messages

    def refuse(self, length: int) -> None:
        """Raise MessageTooLongError."""
        raise MessageTooLongError(
            f"a string of {length} bytes is announced, longer than the {self.max_length} allowed: {self.shown()}. "
            "Raise max_length if such strings are meant to come; a length beyond all reason comes from a peer that "
            f"does not send lengths of {self.prefix_bytes} bytes, {self.byte_order} end first",
            self.max_length,
        )

    def begin_again(self) -> None:
        """Forget what is known of the bytes that wait."""
        self.needed = self.prefix_bytes

    def what(self) -> str:
        """Return what a message is called."""
        return f"a string behind a length of {self.prefix_bytes} bytes"


def as_bytes(message: Any) -> bytes:
    """Return a message's bytes as an object of their own. Raises TypeError if it has none."""
    if not isinstance(message, (bytes, bytearray, memoryview)):
        raise TypeError(f"a message is bytes, bytearray or memoryview, not {type(message).__name__}: encode it first")
    return bytes(message)
