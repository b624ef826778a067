"""The real channel: a connected, non-blocking stream socket."""

from __future__ import annotations

import socket
import weakref
from asyncio import trsock
from typing import Any

from weft.core import _os


class SocketChannel(_os.FdChannel):
    """Moves bytes through a socket, which it owns: closing the channel closes the socket.

    Of a connection that was accepted it keeps the descriptor alone (`adopt`), and makes a socket of it for as long as
    somebody uses one: that object takes more memory than the channel.
    """

    def __init__(self, sock: socket.socket, peername: Any = None) -> None:
        self.is_adopted = False
        _os.FdChannel.__init__(self, sock.fileno())
        self._sock: socket.socket | None = sock
        self._shown: Any = None  # a weak reference to what shows the socket, while somebody holds that
        self._host = 0
        self._port = 0
        self.keep_peername(peername)

    def keep_peername(self, address: Any) -> None:
        """Remember the peer's address: one of IPv4 as numbers, which take no memory of their own."""
        self.is_packed = type(address) is tuple and len(address) == 2 and type(address[0]) is str
        # An address of another kind as it is. Of a closed channel this is (the peer's, its own).
        self._names: Any = None if self.is_packed else address
        if self.is_packed:
            self._host = int.from_bytes(socket.inet_aton(address[0]), "big")
            self._port = address[1]

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

    def borrowed(self) -> socket.socket:
        """Return a socket that is the channel's to close, not the caller's: where it keeps none, one made for now."""
        return LentSocket(fileno=self.fd) if self._sock is None else self._sock

    def shutdown(self) -> None:
        """Tell the peer that nothing more will be sent."""
        self.borrowed().shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket. Closing twice does nothing."""
        if self.fd >= 0:
            sock = self.sock
            self._names = (self.name("peername"), self.name("sockname"))
            shown = self.shown()
            self.fd = -1
            if shown is not None:
                shown.end()
            sock.close()

    def name(self, which: str) -> Any:
        """Return the socket, its own address ("sockname") or the peer's ("peername"); None if it is not known.

        The socket is shown as an asyncio.trsock.TransportSocket: moving bytes is the channel's alone. Both addresses
        are still known after the channel was closed.
        """
        if which == "socket":
            return self.show()
        if which == "peername":
            if self.fd < 0:
                return self._names[0]
            if self._names is None and not self.is_packed:
                self.keep_peername(address_or_none(self.borrowed().getpeername))
            return self.peername()
        if which == "sockname":
            return self._names[1] if self.fd < 0 else address_or_none(self.borrowed().getsockname)
        return None

    def peername(self) -> Any:
        """Return the address that was remembered."""
        if not self.is_packed:
            return self._names
        host: Any = self._host
        return socket.inet_ntoa(host.to_bytes(4, "big")), self._port

    # -- the socket as others see it

    def show(self) -> Any:
        """Return what shows the socket: the same object for as long as somebody holds it."""
        shown = self.shown()
        if shown is None:
            shown = ShownSocket(self)
            self._shown = weakref.ref(shown, self.forget)
        return shown

    def shown(self) -> Any:
        """Return what shows the socket, None if nobody holds it."""
        return None if self._shown is None else self._shown()

    def forget(self, reference: Any) -> None:
        """Let go of the reference to what shows the socket: nobody holds that any more."""
        if self._shown is reference:
            self._shown = None


class LentSocket(socket.socket):
    """A socket on a descriptor that is another's: it lets go of the descriptor, and never closes it."""

    __slots__ = ()

    def close(self) -> None:
        """Let go of the descriptor: every use fails from now on, as that of a closed socket does."""
        self.detach()

    def __del__(self) -> None:
        self.detach()

    def dup(self) -> socket.socket:  # type: ignore[override]
        """Return a socket that owns a descriptor of its own for the same connection."""
        copy = socket.fromfd(self.fileno(), self.family, self.type, self.proto)
        copy.setblocking(False)
        return copy


class ShownSocket(trsock.TransportSocket):
    """A channel's socket as it is shown to others: what holds it holds the channel, and closing that ends it."""

    __slots__ = ("__weakref__", "channel", "sock")

    def __init__(self, channel: SocketChannel) -> None:
        self.sock = channel.borrowed()
        trsock.TransportSocket.__init__(self, self.sock)
        self.channel = channel

    def end(self) -> None:
        """Show a closed socket from now on: the descriptor's number may soon be another connection's."""
        self.sock.close()


def address_or_none(ask: Any) -> Any:
    """Return what `ask()` returns, None where the socket has no such address any more."""
    try:
        return ask()
    except OSError:
        return None
