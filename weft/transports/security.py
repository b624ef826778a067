"""How a connection is to be secured: the context, the side, the peer's name, the limits of time."""

from __future__ import annotations

import ssl
from typing import Any, NamedTuple

HANDSHAKE_TIMEOUT_S = 60.0
"""How long a handshake may take, as in asyncio."""
SHUTDOWN_TIMEOUT_S = 30.0
"""How long an orderly end may go without progress; asyncio's limit for all of it."""


class Security(NamedTuple):
    """What a TLS stream is made with. `secure` makes one, and checks it."""

    context: ssl.SSLContext
    is_server: bool
    hostname: str | None
    handshake_timeout_s: float
    shutdown_timeout_s: float

    def wrap(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        """Return an SSL object between two buffers. Raises ValueError where the context wants a name and has none."""
        return self.context.wrap_bio(
            incoming, outgoing, server_side=self.is_server, server_hostname=None if self.is_server else self.hostname
        )


def secure(
    context: Any,
    *,
    is_server: bool,
    hostname: str | None = None,
    handshake_timeout_s: float | None = None,
    shutdown_timeout_s: float | None = None,
) -> Security:
    """Return how to secure a connection. For a client, the context True stands for Python's default one.

    Raises ValueError for a time-out that is not positive or a server without a context, TypeError for a context
    that is none.
    """
    if context is True:
        if is_server:
            raise ValueError("a server needs an ssl.SSLContext with its certificate")
        context = ssl.create_default_context()
        if not hostname:
            context.check_hostname = False
    if not hasattr(context, "wrap_bio"):
        raise TypeError(f"an ssl.SSLContext was expected, got {context!r}")
    return Security(
        context,
        is_server,
        hostname or None,
        positive("ssl_handshake_timeout", handshake_timeout_s, HANDSHAKE_TIMEOUT_S),
        positive("ssl_shutdown_timeout", shutdown_timeout_s, SHUTDOWN_TIMEOUT_S),
    )


def positive(name: str, seconds: float | None, default: float) -> float:
    """Return a limit of time, `default` for None. Raises ValueError unless it is more than 0."""
    if seconds is None:
        return default
    if seconds <= 0:
        raise ValueError(f"{name} should be a positive number, got {seconds}")
    return seconds
