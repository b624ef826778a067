"""The listener: connections that come in, each made a stream with a protocol of its own."""

from __future__ import annotations

import contextvars
import errno
import socket
from collections.abc import Callable
from typing import Any

from weft.core import _os
from weft.core.handle import Handle
from weft.core.loop import Core
from weft.ports import Channel, Source
from weft.transports.channel import SocketChannel
from weft.transports.stream import Stream

ACCEPTS_A_TURN = 64
"""Connections accepted at one event, before those that are open have their turn."""
OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
PAUSE_S = 1.0
"""How long accepting pauses when descriptors or memory ran out, as asyncio does."""


class SocketAcceptor:
    """A listening socket, as a source of channels. It owns the socket."""

    adopts = True
    """Whether channels keep no sockets, but descriptors."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def fileno(self) -> int:
        """Return the descriptor that the poller watches."""
        return self.sock.fileno()

    def accept(self) -> Channel | None:
        """Return the channel of a connection that came in, None if there is none. Raises OSError."""
        try:
            sock, peername = self.sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return None
        self.prepare(sock)
        channel = SocketChannel(sock, peername)
        if self.adopts:
            channel.adopt()
        return channel

    def prepare(self, sock: socket.socket) -> None:
        """Set a new connection's options."""
        sock.setblocking(False)
        no_delay(sock)

    def close(self) -> None:
        """Close the socket. Closing twice does nothing."""
        self.sock.close()


def no_delay(sock: socket.socket) -> None:
    """Have small pieces sent at once (TCP_NODELAY), where the socket knows of it."""
    if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Listener(Source):
    """Accepts connections and starts a stream for each.

    Where descriptors run out it reports so and pauses for a second; connections that are open live on, and those
    that wait in the backlog are accepted then.
    """

    def __init__(self, loop: Core, acceptor: SocketAcceptor, make_protocol: Callable[[], Any], owner: Any) -> None:
        self.loop = loop
        self.acceptor = acceptor
        self.make_protocol = make_protocol
        self.owner = owner
        self.context = contextvars.copy_context()
        self.pause: Handle | None = None
        self.fd = acceptor.fileno()
        loop.poller.add(self.fd, self, _os.READ)

    def ready(self, events: int) -> None:
        """Accept what has come in, up to a bound."""
        for _ in range(ACCEPTS_A_TURN):
            try:
                channel = self.acceptor.accept()
            except OSError as error:
                if error.errno not in OUT_OF_RESOURCES:
                    raise
                self.pause_accepting(error)
                return
            if channel is None:
                return
            self.welcome(channel)
            if self.fd < 0:
                return

    def welcome(self, channel: Channel) -> None:
        """Make a stream of a channel; if that fails, the channel is closed."""
        context = self.context.copy()
        try:
            protocol = context.run(self.make_protocol)
            stream = Stream(self.loop, channel, protocol, context, self.owner)
        except BaseException:
            channel.close()
            raise
        stream.start()

    def fail(self, error: BaseException) -> None:
        """Report what a protocol's factory or accepting raised, and go on accepting."""
        self.report("Accepting a connection failed", error)

    def report(self, message: str, error: BaseException) -> None:
        """Report what accepting raised."""
        self.loop.report({"message": message, "exception": error, "source": self})

    def pause_accepting(self, error: OSError) -> None:
        """Accept nothing for a second."""
        self.report(f"Out of system resources: accepting pauses for {PAUSE_S:g} s", error)
        self.loop.poller.modify(self.fd, 0)
        self.pause = self.loop.call_later(PAUSE_S, self.resume_accepting)

    def resume_accepting(self) -> None:
        """Accept again."""
        if self.pause is not None:
            self.pause.cancel()
            self.pause = None
        self.loop.poller.modify(self.fd, _os.READ)

    def close(self) -> None:
        """Accept no more; the listening descriptor is given back. Closing twice does nothing."""
        if self.fd < 0:
            return
        if self.pause is not None:
            self.pause.cancel()
        if not self.loop.is_over:
            self.loop.poller.remove(self.fd)
        self.fd = -1
        self.acceptor.close()
