"""What is written during one callback, gathered until it returns: few large pieces instead of many small ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.python import log

from weft.core.handle import make_handle
from weft.core.loop import Core
from weft.ports import Source

MOST_GATHERED = 65536
"""Bytes from which on they are passed on at once."""


class Gatherer(Source):
    """Gathers what is written, and passes it on to `sink` joined when the callback that runs returns."""

    def __init__(self, loop: Core, sink: Callable[[bytes], None]) -> None:
        self.loop = loop
        self.sink = sink
        self.pieces: list[bytes] = []
        self.size = 0

    def write(self, data: Any) -> None:
        """Accept bytes. Raises TypeError for anything else."""
        if type(data) is not bytes:
            data = data + b""
        self.pieces.append(data)
        self.size += len(data)
        if self.size >= MOST_GATHERED:
            self.flush()
        elif len(self.pieces) == 1 and not self.loop.write_later(self):
            self.loop.push(make_handle(self.flush, (), None))

    def flush(self) -> None:
        """Pass on what was gathered."""
        pieces = self.pieces
        if pieces:
            self.pieces = []
            self.size = 0
            self.sink(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def close(self) -> None:
        """Pass on what was gathered, for the last time."""
        self.flush()

    def fail(self, error: BaseException) -> None:
        """Log what passing on raised."""
        log.err(error)
