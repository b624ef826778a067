"""How a connection is to be secured: the context, the side, the peer's name, the limits of time.

The one place where Python's ssl module is imported, since not every Python has it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

try:
    import ssl as ssl  # from here the other modules take it
except ImportError:
    ssl = None  # type: ignore[assignment]  # a Python that was built without OpenSSL: all but TLS works

HAS_SSL = ssl is not None
"""Whether this Python can do TLS at all."""
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
    that is none, RuntimeError where Python has no ssl module.
    """
    require_ssl()
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


def require_ssl() -> None:
    """Raise RuntimeError where Python has no ssl module."""
    if not HAS_SSL:
        raise RuntimeError(
            "TLS needs Python's ssl module, and this Python was built without it: use one that was built with OpenSSL"
        )


def positive(name: str, seconds: float | None, default: float) -> float:
    """Return a limit of time, `default` for None. Raises ValueError unless it is more than 0."""
    if seconds is None:
        return default
    if seconds <= 0:
        raise ValueError(f"{name} should be a positive number, got {seconds}")
    return seconds
