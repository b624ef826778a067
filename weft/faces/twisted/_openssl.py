"""The bytes of a pyOpenSSL connection, by pyOpenSSL's own calls. Its compiled twin is _openssl.pyx."""

from __future__ import annotations

from typing import Any

from OpenSSL.SSL import WantReadError

LARGEST_RECORD = 16384


class Records:
    """TLS's records on one side of a connection, plain bytes on the other; all else is the connection's own."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def take(self, data: bytes, layer: Any) -> None:
        """Take records that came in, give what they hold to the layer's protocol. Raises the connection's errors."""
        connection = self.connection
        connection.bio_write(data)
        while not layer._lostTLSConnection:
            try:
                plain = connection.recv(LARGEST_RECORD)
            except WantReadError:
                return
            if not layer._aborted:
                layer.wrappedProtocol.dataReceived(plain)

    def give(self, data: bytes) -> int:
        """Take plain bytes to be sent; return how many were taken: all, unless records must come in first.

        Raises the connection's errors.
        """
        given = 0
        while given < len(data):
            try:
                given += self.connection.send(data[given : given + LARGEST_RECORD])
            except WantReadError:
                break
        return given

    def output(self) -> bytes:
        """Return records that are to be sent, b"" if there are none."""
        pieces = []
        while True:
            try:
                pieces.append(self.connection.bio_read(65536))
            except WantReadError:
                return b"".join(pieces)
