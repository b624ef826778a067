"""Names private to Twisted's own transports, which its tests of something else read in passing.

Tests of half-closing wait until everything is written with `while len(transport._tempDataBuffer)`. They are worth
running, so the substitute, not Weft, has these names.
"""

from typing import Any

from weft.faces.twisted.tcp import Connection
from weft.transports import lifecycle


def add() -> None:
    """Have Weft's connections answer to them."""
    connection: Any = Connection
    connection._tempDataBuffer = property(lambda self: bytes(self.get_write_buffer_size()))
    connection._writeDisconnected = property(lambda self: self.state in HALF_CLOSED)


HALF_CLOSED = (lifecycle.WRITE_CLOSED, lifecycle.BOTH_CLOSED)
