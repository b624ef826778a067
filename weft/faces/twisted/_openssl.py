"""The bytes of a pyOpenSSL connection, as pyOpenSSL itself moves them. Its compiled twin is _openssl.pyx."""

from __future__ import annotations

from typing import Any


def records_of(connection: Any) -> Any:
    """Return what moves the bytes of a connection that has memory BIOs: the connection itself."""
    return connection
