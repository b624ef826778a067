"""Ports that listen for connections, for a Twisted program."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet import abstract, base, error, interfaces
from twisted.internet import tcp as twisted_tcp
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.tcp import _reservedFD
from twisted.python import log, reflect
from twisted.python.failure import Failure
from zope.interface import implementer

from weft.faces.twisted.addresses import internet_address
from weft.faces.twisted.binding import Binding
from weft.faces.twisted.connection import DONE
from weft.faces.twisted.tcp import Server
from weft.transports.listener import ACCEPTS_A_TURN, Listener, SocketAcceptor


class Acceptor(SocketAcceptor):
    """A listening socket whose connections keep their options as the system sets them, as Twisted's do."""

    adopts = False  # Twisted's transports hold their sockets

    def prepare(self, sock: socket.socket) -> None:
        """Set a new connection's options."""
        sock.setblocking(False)


class PortListener(Listener):
    """Weft's listener, which has a port make each connection."""

    def __init__(self, port: Any, sock: socket.socket) -> None:
        self.port = port
        self.is_held = False
        Listener.__init__(self, port.reactor.loop, Acceptor(sock), port.build, None)

    def welcome(self, channel: Any) -> None:
        """Have the port make a connection; what its factory raises closes the channel and is logged."""
        log.callWithLogger(self.port, self.port.welcome, channel)

    def report(self, message: str, error: BaseException) -> None:
        """Log what accepting raised."""
        log.err(Failure(error), message, system=self.port.logPrefix())

    def pause_accepting(self, error: OSError) -> None:
        """Out of descriptors: close the connections that wait, by the one that is kept for this, as Twisted does."""
        if error.errno != errno.EMFILE or not _reservedFD.available():
            Listener.pause_accepting(self, error)
            return
        log.msg("EMFILE encountered; releasing reserved file descriptor.", system=self.port.logPrefix())
        with _reservedFD:
            for _ in range(ACCEPTS_A_TURN):
                channel = self.acceptor.accept()
                if channel is None:
                    break
                channel.close()
                log.msg(f"EMFILE recovery: Closed socket from {channel.name('peername')}")

    def hold(self) -> None:
        """Accept nothing until `resume_accepting`."""
        self.is_held = True
        self.loop.poller.modify(self.fd, 0)

    def resume_accepting(self) -> None:
        """Accept again."""
        self.is_held = False
        Listener.resume_accepting(self)


@implementer(interfaces.IListeningPort)
class Port(base.BasePort):
    """A port that listens, and the connections that come in there. Whoever asks takes it for one of Twisted's."""

    __class__ = twisted_tcp.Port
    socketType = socket.SOCK_STREAM
    addressFamily = socket.AF_INET
    transport = Server
    _type = "TCP"
    _realPortNumber: Any = None
    sessionno = 0

    def __init__(self, port: Any, factory: Any, backlog: int = 50, interface: str = "", reactor: Any = None) -> None:
        base.BasePort.__init__(self, reactor=reactor)
        self.binding = Binding(port, interface, reuse_address=True)
        self.port = self.binding.port
        self.interface = self.binding.host
        self.factory: Any = factory
        self.backlog = backlog
        self.socket: Any = None
        self.listener: PortListener | None = None
        self.adopted: socket.socket | None = None
        if abstract.isIPv6Address(self.interface):
            self.addressFamily = socket.AF_INET6

    @classmethod
    def adopt(cls, sock: socket.socket, factory: Any, reactor: Any) -> Port:
        """Return a port for a socket that listens already; it owns `sock`."""
        port = cls(None, factory, 0, sock.getsockname()[0], reactor)
        port.adopted = sock
        return port

    def __repr__(self) -> str:
        where = "(not listening)" if self._realPortNumber is None else f"on {self._realPortNumber}"
        return f"<{type(self)} of {type(self.factory)} {where}>"

    def startListening(self) -> None:
        """Begin to listen. Raises CannotListenError."""
        _reservedFD.reserve()
        sock = self.adopted or self.bound_socket()
        sock.setblocking(False)
        self._realPortNumber = self.place(sock)
        log.msg(f"{self._getLogPrefix(self.factory)} starting on {self._realPortNumber!r}")
        try:
            self.factory.doStart()
        except BaseException:
            self.undo(sock)
            raise
        self.connected = True
        self.socket = sock
        self.listener = PortListener(self, sock)
        self.reactor.remember(self)

    def undo(self, sock: socket.socket) -> None:
        """Give back the socket of a port that does not come to listen."""
        self._realPortNumber = None
        sock.close()

    def place(self, sock: socket.socket) -> Any:
        """Return what the log calls where the port listens: its number."""
        return sock.getsockname()[1]

    def bound_socket(self) -> Any:
        """Return a socket that listens."""
        sock = None
        try:
            sock = self.createInternetSocket()
            self.binding.bind(sock)
        except OSError as reason:
            if sock is not None:
                sock.close()
            raise error.CannotListenError(self.interface, self.port, reason) from None
        sock.listen(self.backlog)
        return sock

    def welcome(self, channel: Any) -> None:
        """Make a connection of a channel, if the factory makes a protocol for it; else the channel is closed."""
        peer = channel.name("peername")
        try:
            protocol = self.build(peer)
            if protocol is None:
                channel.close()
                return
            number = self.sessionno
            self.sessionno += 1
            server = self.transport(channel.sock, protocol, peer, self, number, self.reactor, channel=channel)
        except BaseException:
            channel.close()
            raise
        server.start()

    def build(self, peer: Any) -> Any:
        """Return the factory's protocol for a peer."""
        return self.factory.buildProtocol(internet_address(peer))

    # -- pausing

    def is_reading(self) -> bool:
        """Return whether connections are accepted."""
        return self.listener is not None and not self.listener.is_held

    def is_writing(self) -> bool:
        """Return False: a port writes nothing."""
        return False

    def fileno(self) -> int:
        """Return the listening descriptor; -1 when none listens."""
        return -1 if self.socket is None else self.socket.fileno()

    def startReading(self) -> None:
        """Accept again."""
        if self.listener is not None:
            self.listener.resume_accepting()

    def stopReading(self) -> None:
        """Accept nothing for now; connections wait in the backlog."""
        if self.listener is not None:
            self.listener.hold()

    def stopWriting(self) -> None:
        """A port writes nothing."""

    # -- ending

    def loseConnection(self, connDone: Failure = DONE) -> Any:
        """Stop listening; return a Deferred that fires when the port is closed."""
        self.disconnecting = True
        self.stopReading()
        if not self.connected:
            return None
        self.deferred: Deferred[Any] = deferLater(self.reactor, 0, self.connectionLost, connDone)
        return self.deferred

    stopListening = loseConnection

    def connectionLost(self, reason: Failure) -> None:
        """Close the listening socket, and tell the factory."""
        if self.listener is None:
            return
        log.msg(f"({self._type} Port {self._realPortNumber} Closed)")
        self._realPortNumber = None
        self.reactor.forget(self)
        listener = self.listener
        self.listener = None
        base.BasePort.connectionLost(self, reason)
        self.connected = False
        if self.adopted is None:
            self.shut_down()
        listener.close()
        self.socket = None
        try:
            self.factory.doStop()
        finally:
            self.disconnecting = False

    def shut_down(self) -> None:
        """Stop listening for every process that has the socket."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def logPrefix(self) -> str:
        """Return what the log says that a message comes from."""
        return str(reflect.qual(type(self.factory)))

    def getHost(self) -> Any:
        """Return the address that it listens on."""
        return internet_address(self.socket.getsockname())
