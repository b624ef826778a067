"""TLS without input and output: what the peer sent is put in and read decrypted, what is written comes out encrypted.

One SSL object of Python's between two buffers in memory. Their size follows what is pending: they are fed and emptied
a record or two at a time, since such a buffer keeps its largest size for as long as it lives.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from weft.transports.security import Security, ssl

RECORD = 16384
"""The most plaintext that a record holds (RFC 8446, 5.1)."""
MOST_FED = 32768
"""Bytes given to the SSL object at once."""


class Records:
    """One end of a TLS connection. Every method raises ssl.SSLError where the peer breaks the rules."""

    def __init__(self, security: Security) -> None:
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.ssl_object = security.wrap(self.incoming, self.outgoing)
        self.ssl_read: Any = self.ssl_object.read
        self.ssl_write: Any = self.ssl_object.write
        self.unfed: Any = None  # what came and was not given to the SSL object yet
        self.has_rest = False  # the SSL object holds a part of a record
        # To be encrypted: `first`, then `others`; `pending` bytes in all.
        self.first: Any = None
        self.others: Any = None  # a deque, once there are any
        self.pending = 0

    # -- what the peer sent

    def receive(self, data: Any) -> None:
        """Take in bytes that came from the peer."""
        if self.unfed is not None:
            self.unfed = memoryview(b"".join((self.unfed, data)))
        elif len(data) <= MOST_FED:
            self.incoming.write(data)
        else:
            self.unfed = memoryview(data)

    def feed(self) -> bool:
        """Give the SSL object the next of what came; return whether there was any."""
        if self.unfed is None:
            return False
        self.incoming.write(self.unfed[:MOST_FED])
        self.unfed = self.unfed[MOST_FED:] if len(self.unfed) > MOST_FED else None
        return True

    def shake_hands(self) -> bool:
        """Go on with the handshake as far as what came allows; return whether it is done."""
        while True:
            try:
                self.ssl_object.do_handshake()
                return True
            except (ssl.SSLWantReadError, ssl.SSLSyscallError):
                if not self.feed():
                    return False

    def has_data(self) -> bool:
        """Return whether there is anything to decrypt.

        The SSL object takes one record after the other out of its buffer, and no byte of the next. So when the
        buffer is empty nothing is left, and asking is saved, and the exception that would answer.
        """
        return self.has_rest or self.incoming.pending > 0 or self.feed()

    def read(self, buffer: Any) -> Any:
        """Return what the next record holds, b"" at the peer's close_notify, None if no more came whole.

        With a buffer, fill it and return how many bytes came, 0 at the close_notify.
        """
        while True:
            waiting = self.incoming.pending
            if waiting == 0 and not self.has_rest:
                if not self.feed():
                    return None
                waiting = self.incoming.pending
            try:
                if buffer is None:
                    # What a record holds is never longer than the record.
                    size = RECORD if self.has_rest or waiting > RECORD else waiting
                    data = self.ssl_read(size)
                    count = len(data)
                else:
                    size = len(buffer)  # in items: never more than its bytes
                    data = self.ssl_read(size, buffer)
                    count = data
            except ssl.SSLWantReadError:
                self.has_rest = True
                if not self.feed():
                    return None
                continue
            except ssl.SSLZeroReturnError:
                return b""
            self.has_rest = count == size and self.ssl_object.pending() > 0
            return data

    def discard(self) -> None:
        """Read and drop what came, up to the peer's close_notify."""
        try:
            while True:
                while self.feed():
                    pass
                if not self.ssl_read(RECORD):
                    return
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass

    # -- what is for the peer

    def write(self, data: bytes) -> None:
        """Accept plaintext."""
        if self.first is None:
            self.first = data
        elif self.others is None:
            self.others = deque((data,))
        else:
            self.others.append(data)
        self.pending += len(data)

    def encrypt(self) -> bool:
        """Encrypt the next record of what was accepted; False if that must wait for the peer: it renegotiates."""
        record = self.next_record()
        try:
            written = self.ssl_write(record)
        except ssl.SSLWantReadError:
            return False
        self.pending -= written
        if written < len(self.first):
            self.first = memoryview(self.first)[written:]
        elif self.others is None:
            self.first = None
        else:
            self.first = self.others.popleft()
            if not self.others:
                self.others = None
        return True

    def next_record(self) -> Any:
        """Return the plaintext of the next record. Pieces that fit into one together are made one."""
        size = len(self.first)
        if self.others is None or size >= RECORD:
            return self.first if size <= RECORD else memoryview(self.first)[:RECORD]
        pieces = [self.first]
        while self.others and size + len(self.others[0]) <= RECORD:
            size += len(self.others[0])
            pieces.append(self.others.popleft())
        if not self.others:
            self.others = None
        if len(pieces) > 1:
            self.first = b"".join(pieces)
        return self.first

    def take(self) -> bytes:
        """Return what is to be sent: encrypted data, and what the SSL object has to say itself."""
        return self.outgoing.read()

    def say_goodbye(self) -> bool:
        """Put close_notify after what was encrypted; return whether the peer's has come, too."""
        self.discard()
        try:
            self.ssl_object.unwrap()
            return True
        except ssl.SSLWantReadError:
            return False

    def forget(self) -> None:
        """Drop what was accepted and is not encrypted yet."""
        self.first = None
        self.others = None
        self.pending = 0

    # -- what was agreed

    def name(self, which: str) -> Any:
        """Return the "ssl_object", "peercert", "cipher" or "compression"; None if it is not known, or is none."""
        if which == "ssl_object":
            return self.ssl_object
        if which == "cipher":
            return self.ssl_object.cipher()
        if which == "compression":
            return self.ssl_object.compression()
        try:
            return self.ssl_object.getpeercert()
        except ValueError:
            return None  # the handshake failed
