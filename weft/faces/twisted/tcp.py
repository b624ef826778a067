"""Connections of a Twisted program, on Weft's streams: what its protocols have as their transport."""

from __future__ import annotations

import socket
import struct
from typing import Any

from twisted.internet import error, interfaces
from twisted.internet import tcp as twisted_tcp
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from weft.faces.twisted.addresses import internet_address, scoped
from weft.faces.twisted.connection import TwistedStream
from weft.ports import Channel
from weft.transports.channel import SocketChannel

try:
    from weft.faces.twisted import tls
except ImportError:  # no pyOpenSSL
    tls = None  # type: ignore[assignment]

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER's value that has a close reset the connection instead of ending it in order."""


@implementer(
    interfaces.ITLSTransport,
    interfaces.ITCPTransport,
    interfaces.ISystemHandle,
    interfaces.IConsumer,
    interfaces.IPushProducer,
    interfaces.ILoggingContext,
)
class Connection(TwistedStream):
    """A connection's transport."""

    TLS = False
    _tlsClientDefault = False
    shuts_down = True  # whether a close ends the connection for every process that has it

    def __init__(
        self, sock: socket.socket, peer: Any, protocol: Any, reactor: Any, channel: Channel | None = None
    ) -> None:
        TwistedStream.__init__(self, reactor.loop, channel or SocketChannel(sock, peer), protocol, reactor)
        self.socket = sock

    def start(self) -> None:
        """Begin to read, and tell the protocol that it is connected."""
        self.reactor.remember(self)
        try:
            TwistedStream.start(self)
        except BaseException:
            self.reactor.forget(self)
            raise

    def __repr__(self) -> str:
        return f"<{type(self).__qualname__} of {type(self.protocol).__qualname__} at {id(self):#x}>"

    def logPrefix(self) -> str:
        """Return what the log says that a message comes from."""
        return log_prefix(self.protocol)

    @property
    def logstr(self) -> str:
        """What the log says that a message comes from."""
        return self.logPrefix()

    def getHost(self) -> Any:
        """Return our own address."""
        return internet_address(self.get_extra_info("sockname"))

    def getPeer(self) -> Any:
        """Return the peer's address."""
        return internet_address(self.get_extra_info("peername"))

    def getHandle(self) -> Any:
        """Return the socket."""
        return self.socket

    def fileno(self) -> int:
        """Return the socket's descriptor; -1 after the end."""
        return -1 if self.socket is None else self.socket.fileno()

    def connectionLost(self, reason: Failure) -> None:
        """End at once, and tell the protocol now, for a reason from outside: the reactor's, that ends all."""
        self.lose(reason)
        self.finish(reason)

    def close_socket(self, reason: Failure) -> None:
        """Close the socket: in order, or with a reset after `abortConnection`."""
        sock = self.socket
        self.socket = None
        try:
            if reason.check(error.ConnectionAborted):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            elif self.shuts_down:
                sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the peer was faster
        if self.TLS:
            tls.end_tls(self)
        TwistedStream.close_socket(self, reason)

    # -- options

    def getTcpNoDelay(self) -> bool:
        """Return whether small pieces are sent at once."""
        return bool(self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Have small pieces sent at once, or not."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, enabled)

    def getTcpKeepAlive(self) -> bool:
        """Return whether a silent peer is asked now and then whether it is there."""
        return bool(self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Have a silent peer asked now and then whether it is there, or not."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, enabled)

    # -- TLS

    def startTLS(self, contextFactory: Any, normal: bool = True) -> None:
        """Go on within TLS, as the side that we are (`normal`), or as the other one."""
        if tls is None:
            raise error.SSLError("TLS needs pyOpenSSL, which is not installed: pip install 'twisted[tls]'")
        tls.start_tls(self, contextFactory, self._tlsClientDefault == normal)


class Server(Connection):
    """A connection that came in at a port. Whoever asks takes it for one of Twisted's."""

    __class__ = twisted_tcp.Server

    def __init__(
        self, sock: socket.socket, protocol: Any, client: Any, server: Any, sessionno: int, reactor: Any, **more: Any
    ) -> None:
        Connection.__init__(self, sock, client, protocol, reactor, **more)
        self.client = scoped(client)
        self.server = server
        self.sessionno = sessionno

    @classmethod
    def adopt(cls, sock: socket.socket, factory: Any, reactor: Any) -> Server | None:
        """Return a connection for a socket that is connected, which it owns; None if there is no protocol for it."""
        peer = sock.getpeername()
        protocol = factory.buildProtocol(internet_address(peer))
        return None if protocol is None else cls(sock, protocol, peer, None, peer[1], reactor)

    @property
    def hostname(self) -> Any:
        """The peer's host."""
        return self.client[0]

    def logPrefix(self) -> str:
        """Return what the log says that a message comes from: the protocol, the connection's number, the peer."""
        return f"{log_prefix(self.protocol)},{self.sessionno},{self.hostname}"

    def __repr__(self) -> str:
        port = self.getHost().port if self.server is None else self.server._realPortNumber
        return f"<{type(self.protocol).__name__} #{self.sessionno} on {port}>"


class Client(Connection):
    """A connection that a connector made. Whoever asks takes it for one of Twisted's."""

    __class__ = twisted_tcp.Client
    _tlsClientDefault = True

    def __init__(self, attempt: Any, sock: socket.socket, connector: Any, **more: Any) -> None:
        Connection.__init__(self, sock, attempt.address, None, attempt.reactor, **more)
        self.connector = connector
        self.client = attempt.addr

    @property
    def addr(self) -> Any:
        """Whom it was to connect to."""
        return self.client

    def __repr__(self) -> str:
        return f"<{self.__class__} to {self.addr} at {id(self):x}>"

    def logPrefix(self) -> str:
        """Return what the log says that a message comes from."""
        return f"{log_prefix(self.protocol)},client"

    def start(self) -> None:
        """Have the factory build the protocol, and tell it that it is connected; without one, end."""
        self.protocol = self.connector.buildProtocol(self.getPeer())
        has_protocol = self.protocol is not None
        if not has_protocol:
            self.protocol = Protocol()
        Connection.start(self)
        if not has_protocol:
            self.loseConnection()

    def lost(self, protocol: Any, reason: Failure) -> None:
        """Tell the protocol that the connection is over, then the connector."""
        connector = self.connector
        self.connector = None
        try:
            TwistedStream.lost(self, protocol, reason)
        finally:
            connector.connectionLost(reason)


def log_prefix(owner: Any) -> str:
    """Return what the log calls a protocol or a factory."""
    if interfaces.ILoggingContext.providedBy(owner):
        return str(owner.logPrefix())
    return type(owner).__name__
