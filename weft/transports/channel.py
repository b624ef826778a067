"""The real channel: a connected, non-blocking stream socket."""

from __future__ import annotations

import socket
from asyncio import trsock
from typing import Any

from weft.core import _os


class SocketChannel(_os.FdChannel):
    """Moves bytes through a socket, which it owns: closing the channel closes the socket.

    Of a connection that was accepted it keeps the descriptor alone (`adopt`), and makes a socket of it when somebody
    asks for one: that object takes more memory than the channel.
    """

    def __init__(self, sock: socket.socket, peername: Any = None) -> None:
        self.is_adopted = False
        _os.FdChannel.__init__(self, sock.fileno())
        self._sock: socket.socket | None = sock
        self._peername = packed(peername)
        self._sockname: Any = None
        self._shown: Any = None

    def adopt(self) -> None:
        """Keep the descriptor, and let the socket go, which nobody else holds."""
        if self._sock is not None:
            self._sock.detach()
            self._sock = None
            self.is_adopted = True

    def __del__(self) -> None:
        if self.is_adopted and self._sock is None and self.fd >= 0:
            self._sock = self.sock  # which says that nobody has closed it, and closes

    @property
    def sock(self) -> socket.socket:
        """The socket."""
        if self._sock is None:
            self._sock = socket.socket(fileno=self.fd)
        return self._sock

    def shutdown(self) -> None:
        """Tell the peer that nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket. Closing twice does nothing."""
        if self.fd >= 0:
            self.name("sockname")
            self.name("peername")
            sock = self.sock
            self.fd = -1
            sock.close()

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
                self._peername = packed(address_or_none(self.sock.getpeername))
            return unpacked(self._peername)
        if which == "sockname":
            if self._sockname is None:
                self._sockname = address_or_none(self.sock.getsockname)
            return self._sockname
        return None


def packed(address: Any) -> Any:
    """Return an address; one of IPv4 as a number, which takes a fifth of the memory."""
    if type(address) is tuple and len(address) == 2 and type(address[0]) is str:
        return int.from_bytes(socket.inet_aton(address[0]), "big") << 16 | address[1]
    return address


def unpacked(address: Any) -> Any:
    """Return an address that was packed as sockets say it."""
    if type(address) is int:
        return socket.inet_ntoa((address >> 16).to_bytes(4, "big")), address & 0xFFFF
    return address


def address_or_none(ask: Any) -> Any:
    """Return what `ask()` returns, None where the socket has no such address any more."""
    try:
        return ask()
    except OSError:
        return None
