"""The real channel: a connected, non-blocking stream socket."""

from __future__ import annotations

import socket
from typing import Any

from weft.core import _os
from weft.ports import Channel


class SocketChannel(Channel):
    """Moves bytes through a socket, which it owns: closing the channel closes the socket."""

    def __init__(self, sock: socket.socket, peername: Any = None) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self._peername = peername

    def fileno(self) -> int:
        """Return the descriptor; -1 once closed."""
        return self.fd

    def recv(self, size: int) -> bytes | None:
        """Return up to `size` bytes, b"" at the end of the stream, None if there is nothing yet."""
        return _os.recv(self.fd, size)

    def recv_into(self, buffer: Any) -> int:
        """Fill `buffer` and return how many bytes came: 0 at the end of the stream, -1 if nothing is there yet."""
        return _os.recv_into(self.fd, buffer)

    def send(self, data: Any) -> int:
        """Send bytes; return how many were taken, -1 if none can be taken now."""
        return _os.send(self.fd, data)

    def send_many(self, chunks: list[Any]) -> int:
        """Send several pieces with one system call; return how many bytes were taken in all."""
        return _os.send_many(self.fd, chunks)

    def shutdown(self) -> None:
        """Tell the peer that nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket. Closing twice does nothing."""
        if self.fd >= 0:
            self.fd = -1
            self.sock.close()

    def name(self, which: str) -> Any:
        """Return the socket, its own address ("sockname") or the peer's ("peername"); None if it is not known.

        The peer's address is remembered, and is known after the connection ended.
        """
        if which == "socket":
            return self.sock
        if which == "peername":
            if self._peername is None:
                self._peername = address_or_none(self.sock.getpeername)
            return self._peername
        if which == "sockname":
            return address_or_none(self.sock.getsockname)
        return None


def address_or_none(ask: Any) -> Any:
    """Return what `ask()` returns, None where the socket has no such address any more."""
    try:
        return ask()
    except OSError:
        return None
