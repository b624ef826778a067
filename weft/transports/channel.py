"""The real channel: a connected, non-blocking stream socket."""

from __future__ import annotations

import socket
from asyncio import trsock
from typing import Any

from weft.core import _os


class SocketChannel(_os.FdChannel):
    """Moves bytes through a socket, which it owns: closing the channel closes the socket."""

    def __init__(self, sock: socket.socket, peername: Any = None) -> None:
        _os.FdChannel.__init__(self, sock.fileno())
        self.sock = sock
        self._peername = peername
        self._sockname: Any = None
        self._shown: Any = None

    def shutdown(self) -> None:
        """Tell the peer that nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket. Closing twice does nothing."""
        if self.fd >= 0:
            self.name("sockname")
            self.name("peername")
            self.fd = -1
            self.sock.close()

    def name(self, which: str) -> Any:
        """Return the socket, its own address ("sockname") or the peer's ("peername"); None if it is not known.

        The socket is shown as an asyncio.trsock.TransportSocket: moving bytes is the channel's alone. Both addresses
        are still known after the channel was closed.
        """
        if which == "socket":
            if self._shown is None:
                self._shown = trsock.TransportSocket(self.sock)
            return self._shown
        if which == "peername":
            if self._peername is None:
                self._peername = address_or_none(self.sock.getpeername)
            return self._peername
        if which == "sockname":
            if self._sockname is None:
                self._sockname = address_or_none(self.sock.getsockname)
            return self._sockname
        return None


def address_or_none(ask: Any) -> Any:
    """Return what `ask()` returns, None where the socket has no such address any more."""
    try:
        return ask()
    except OSError:
        return None
