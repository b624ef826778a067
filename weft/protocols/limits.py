"""Limits of how many connections there may be at once, in all and for each peer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

from weft.protocols.wrapping import ProtocolFactory, WrappingFactory, WrappingProtocol

logger = logging.getLogger("weft")


def host_of(peername: Any) -> Any:
    """Return whom a connection counts for: the host of a TCP peer; for a UNIX socket, whatever its name is."""
    return peername[0] if isinstance(peername, tuple) and peername else peername


class ConnectionLimit(WrappingFactory):
    """Refuses connections beyond `total` at once in all, and beyond `each` at once for a peer's host.

    What is refused is closed at once, after `refusal` was sent; no protocol is made for it. Inside ProxyHeaders it
    counts the real peers. `key` says whom a connection counts for, given its peername.
    """

    def __init__(
        self,
        factory: ProtocolFactory,
        total: int | None = None,
        each: int | None = None,
        refusal: bytes = b"",
        key: Callable[[Any], Any] = host_of,
    ) -> None:
        super().__init__(factory)
        for limit in (total, each):
            if limit is not None and limit < 1:
                raise ValueError(f"at least one connection must be allowed, not {limit}; None means no limit")
        if total is None and each is None:
            raise ValueError("a limit of connections needs a number: ConnectionLimit(Echo, total=1000, each=20)")
        self.total = total
        self.each = each
        self.refusal = refusal
        self.key = key
        self.count = 0
        """Connections that there are now."""
        self.counts: dict[Any, int] = {}
        """The same for each peer that has any."""

    def __call__(self) -> WrappingProtocol:
        """Return a wrapping that counts its connection."""
        return ConnectionLimitProtocol(self)

    def admit(self, peer: Any) -> str | None:
        """Count a connection of `peer`, and return None; or return why there may not be another."""
        of_peer = self.counts.get(peer, 0)
        if self.total is not None and self.count >= self.total:
            return f"there are {self.count} connections, as many as there may be"
        if self.each is not None and of_peer >= self.each:
            return f"it has {of_peer} connections, as many as a peer may have"
        self.count += 1
        self.counts[peer] = of_peer + 1
        return None

    def release(self, peer: Any) -> None:
        """Count a connection of `peer` no more."""
        self.count -= 1
        if self.counts[peer] == 1:
            del self.counts[peer]
        else:
            self.counts[peer] -= 1


class ConnectionLimitProtocol(WrappingProtocol):
    """Counts one connection; `ConnectionLimit` makes it."""

    def __init__(self, limit: ConnectionLimit) -> None:
        super().__init__(limit.factory)
        self._limit = limit
        self._peer: Any = None
        self._is_admitted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or refuse the connection."""
        self.transport = cast(asyncio.Transport, transport)
        self._peer = self._limit.key(transport.get_extra_info("peername"))
        reason = self._limit.admit(self._peer)
        if reason is None:
            self._is_admitted = True
            super().connection_made(transport)
            return
        logger.info("A connection from %s was refused: %s", self._peer, reason)
        if self._limit.refusal:
            self.transport.write(self._limit.refusal)
        self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Make room for another."""
        if self._is_admitted:
            self._limit.release(self._peer)
        super().connection_lost(error)
