"""The parser: bytes in, in pieces of any size; messages out, the same whatever the pieces were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from weft.protocols.scanning import Scanner

Message = TypeVar("Message")


class Parser(Scanner, Generic[Message]):
    """Turns a stream of bytes into messages.

    A subclass says what a message is: `parse`, `encode`, and `what` for the texts of errors.
    """

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[Message]:
        """Keep `data`, and return an iterator over the messages that are complete now.

        Iterating raises a ProtocolError where a message is refused. What is not taken stays for the next iterator.
        """
        self.add(data)
        return self.messages()

    def messages(self) -> Iterator[Message]:
        """Return an iterator over the messages that are complete; it ends when more bytes are needed."""
        while self.advance():
            yield from self.ahead
