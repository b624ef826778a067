"""Logging what goes over connections, byte for byte, to find out what two ends really say to each other."""

from __future__ import annotations

import asyncio
import logging
from itertools import count

from weft.protocols.wrapping import Bytes, ProtocolFactory, WrappingFactory, WrappingProtocol

SHOWN_BYTES = 256
"""How much of each piece is shown, where nobody says otherwise."""


class TrafficLog(WrappingFactory):
    """Logs what comes in and goes out on each connection, with the connection's number.

    Goes to the logger "weft.traffic", or to `logger`, with level DEBUG; of each piece, `shown_bytes` at most.
    """

    def __init__(
        self, factory: ProtocolFactory, logger: logging.Logger | None = None, shown_bytes: int = SHOWN_BYTES
    ) -> None:
        super().__init__(factory)
        self.logger = logger or logging.getLogger("weft.traffic")
        self.shown_bytes = shown_bytes
        self._numbers = count(1)

    def __call__(self) -> WrappingProtocol:
        """Return a wrapping that logs its connection."""
        return TrafficLogProtocol(self, next(self._numbers))


class TrafficLogProtocol(WrappingProtocol):
    """Logs one connection; `TrafficLog` makes it."""

    def __init__(self, log: TrafficLog, number: int) -> None:
        super().__init__(log.factory)
        self._log = log
        self._number = number

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Log the beginning."""
        self._say("connected", repr(transport.get_extra_info("peername")))
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Log what came, and hand it up."""
        self._show("<-", data)
        super().data_received(data)

    def eof_received(self) -> bool | None:
        """Log the end of what comes."""
        self._say("<-", "end")
        return super().eof_received()

    def write(self, data: Bytes) -> None:
        """Log what goes, and hand it down."""
        self._show("->", data)
        super().write(data)

    def write_eof(self) -> None:
        """Log the end of what goes."""
        self._say("->", "end")
        super().write_eof()

    def connection_lost(self, error: Exception | None) -> None:
        """Log the end."""
        self._say("closed", repr(error) if error else "in good order")
        super().connection_lost(error)

    def _show(self, direction: str, data: Bytes) -> None:
        if self._log.logger.isEnabledFor(logging.DEBUG):
            view = memoryview(data).cast("B")
            more = f"... ({len(view)} bytes)" if len(view) > self._log.shown_bytes else ""
            self._say(direction, f"{bytes(view[: self._log.shown_bytes])!r}{more}")

    def _say(self, direction: str, what: str) -> None:
        self._log.logger.debug("%d %s %s", self._number, direction, what)
