"""What transports that are written to have in common: watermarks, and what becomes of writes that come too late."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from weft.core.handle import make_handle
from weft.core.loop import Core
from weft.ports import Source

logger = logging.getLogger("weft")

WARN_AFTER = 5
"""Dropped writes to a closing transport before a warning is logged, once."""


class Writer(Source):
    """A transport that asks its protocol to pause above a high watermark, and to go on below a low one.

    When that is so, the transport decides: it calls `hold_protocol`.
    """

    def __init__(self, loop: Core, high: int) -> None:
        self.loop = loop
        self.protocol: Any = None
        self.default_high = high
        self.high = high
        self.low = self.high // 4
        self.is_protocol_paused = False
        self.dropped_writes = 0

    def hold_protocol(self, is_held: bool) -> None:
        """Ask the protocol to write no more for now, or let it write again. What it raises is reported."""
        if self.is_protocol_paused == is_held:
            return
        self.is_protocol_paused = is_held
        method = "pause_writing" if is_held else "resume_writing"
        try:
            getattr(self.protocol, method)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.report(f"protocol.{method}() failed", error)

    def set_watermarks(self, high: int | None, low: int | None) -> None:
        """Set the watermarks, in bytes; without `low` it is a quarter of `high`. Raises ValueError."""
        if high is None:
            high = self.default_high if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self.high = high
        self.low = low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the watermarks (low, high), in bytes."""
        return (self.low, self.high)

    def drop_write(self) -> None:
        """Drop what is written after the end, and log a warning once that repeats."""
        self.dropped_writes += 1
        if self.dropped_writes == WARN_AFTER:
            logger.warning("%r: %d writes after its end were dropped; check is_closing()", self, WARN_AFTER)

    def call_soon(self, callback: Callable[[], object], context: Any) -> None:
        """Call `callback()` in the next turn, within `context`; never, once the loop is closed."""
        if not self.loop.is_over:
            self.loop.push(make_handle(callback, (), context))

    def report(self, message: str, error: BaseException) -> None:
        """Report an exception that nobody else handles."""
        self.loop.report({"message": message, "exception": error, "transport": self, "protocol": self.protocol})
