"""TCP for a Twisted program: ports, connectors, and connections on Weft's streams."""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Any

from twisted.internet import abstract, base, error, interfaces
from twisted.internet import tcp as twisted_tcp
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.internet.tcp import _reservedFD
from twisted.python import log, reflect
from twisted.python.failure import Failure
from zope.interface import implementer

from weft.faces.twisted.addresses import internet_address, ipv6_sockaddr, scoped
from weft.faces.twisted.connection import DONE, TwistedStream
from weft.ports import Channel
from weft.transports.channel import SocketChannel
from weft.transports.connector import Connector as SocketConnector
from weft.transports.listener import ACCEPTS_A_TURN, Listener, SocketAcceptor

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

    def __init__(self, attempt: Attempt, sock: socket.socket, connector: Any, **more: Any) -> None:
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


# -- ports


class Acceptor(SocketAcceptor):
    """A listening socket whose connections keep their options as the system sets them, as Twisted's do."""

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


class Binding:
    """Where a socket is bound: a port and an interface, or what `twisted.internet.tcp.makeBinding` returned."""

    def __init__(self, port: Any, interface: str = "", *, reuse_address: bool = False) -> None:
        given = hasattr(port, "_reuseAddress")
        if given and interface not in ("", port._address):
            raise ValueError("Inconsistent interface vs Binding specifiers")
        self.port = port._port if given else port
        self.host = port._address or "" if given else interface
        self.reuse_address = port._reuseAddress if given else reuse_address
        self.reuse_port = port._reusePort if given else False

    def bind(self, sock: socket.socket) -> None:
        """Bind a socket."""
        if self.reuse_address:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        is_ipv6 = abstract.isIPv6Address(self.host)
        sock.bind(ipv6_sockaddr(self.host, self.port) if is_ipv6 else (self.host, self.port))


# -- connectors


class Attempt:
    """A connection that is being made, until it stands or fails: a connector's transport until then."""

    transport: Any = Client
    logstr = "Uninitialized"  # Twisted's word for it
    connected = False
    disconnected = False

    def __init__(self, connector: Any, reactor: Any) -> None:
        self.connector = connector
        self.reactor = reactor
        self.socket: Any = None
        self.addr = self.target()
        self.attempt: SocketConnector | None = None
        self.address: Any = None
        try:
            self.socket = self.make_socket()
        except OSError as reason:
            reactor.callLater(0, self.failIfNotConnected, error.ConnectBindError(reason.errno, reason.strerror))
        else:
            reactor.callLater(0, self.resolve)

    def target(self) -> Any:
        """Return whom to connect to: an address, or a name with a port."""
        host, port = self.connector.host, self.connector.port
        return ipv6_sockaddr(host, port) if self.connector.family == socket.AF_INET6 else (host, port)

    def make_socket(self) -> socket.socket:
        """Return a socket, bound where the connector says."""
        connector = self.connector
        sock = socket.socket(connector.family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if connector.bindAddress is not None:
                bind_address = connector.bindAddress
                where = Binding(*reversed(bind_address)) if isinstance(bind_address, tuple) else Binding(bind_address)
                where.bind(sock)
        except OSError:
            sock.close()
            raise
        return sock

    def resolve(self) -> None:
        """Look up the name, where it is one, then connect."""
        if self.connector is None:
            return
        host, *port = self.addr
        if len(self.addr) == 4 or abstract.isIPAddress(host):
            found: Any = succeed(self.addr)
        else:
            found = self.reactor.resolve(host).addCallback(lambda number: (number, *port))
        found.addCallback(self.connect)
        found.addErrback(self.failIfNotConnected)

    def named(self, address: Any) -> Any:
        """Return the peer's address as the connection gives it."""
        return scoped(address)

    def connect(self, address: Any) -> None:
        """Connect to an address that needs no looking up."""
        if self.connector is None:
            return
        self.address = self.named(address)
        self.attempt = SocketConnector(self.reactor.loop, self.socket, address, self.done)
        self.reactor.remember(self)
        self.attempt.start()

    def done(self, reason: BaseException | None) -> None:
        """The connection stands or failed: begin it, or tell the connector."""
        if reason is not None:
            number = reason.errno if isinstance(reason, OSError) and reason.errno else 0
            self.failIfNotConnected(error.getConnectError((number, os.strerror(number))))
            return
        connector, sock = self.connector, self.socket
        self.connector = self.socket = self.attempt = None
        self.reactor.forget(self)
        self.connected = True
        client = self.transport(self, sock, connector)
        connector.transport = client
        log.callWithLogger(client, self.begin, client, connector, sock)

    @staticmethod
    def begin(client: Client, connector: Any, sock: socket.socket) -> None:
        """Begin the connection; if the factory raises, the connector has failed."""
        try:
            client.start()
        except BaseException as reason:
            if client.protocol is None:
                sock.close()
                connector.connectionFailed(Failure(error.ConnectError(string=Failure(reason))))
            raise

    def failIfNotConnected(self, reason: Any) -> None:
        """Give up, and tell the connector why; not if the connection stands or failed already."""
        if self.connector is None:
            return
        connector, sock = self.connector, self.socket
        self.connector = self.socket = None
        self.reactor.forget(self)
        self.disconnected = True
        if self.attempt is not None:
            self.attempt.cancel()
            self.attempt = None
        if sock is not None:
            sock.close()
        connector.connectionFailed(Failure(reason))

    def is_reading(self) -> bool:
        """Return False: nothing comes in yet."""
        return False

    def is_writing(self) -> bool:
        """Return whether it connects: after the name was looked up."""
        return self.attempt is not None

    def stopReading(self) -> None:
        """Wait for the connection no more."""
        if self.attempt is not None:
            self.attempt.cancel()

    def logPrefix(self) -> str:
        """Return what the log says that a message comes from."""
        return "-"

    def connectionLost(self, reason: Failure) -> None:
        """Give up for a reason from outside: the reactor's, that ends all."""
        self.failIfNotConnected(error.ConnectError(string=reason))

    def stopConnecting(self) -> None:
        """Give up, since the user says so."""
        self.failIfNotConnected(error.UserError())

    def loseConnection(self) -> None:
        """Give up, since the user says so."""
        self.stopConnecting()


class Connector(base.BaseConnector):
    """What connects, for a client's factory, and connects again if that asks for it (IConnector)."""

    def __init__(
        self, host: str, port: Any, factory: Any, timeout: float | None, bindAddress: Any, reactor: Any = None
    ) -> None:
        if isinstance(port, str):
            try:
                port = socket.getservbyname(port, "tcp")
            except OSError as reason:
                raise error.ServiceNameUnknownError(string=f"{reason} ({port!r})") from None
        self.host = host
        self.port = port
        self.bindAddress = bindAddress
        self.family = socket.AF_INET6 if abstract.isIPv6Address(host) else socket.AF_INET
        base.BaseConnector.__init__(self, factory, timeout, reactor)

    def _makeTransport(self) -> Any:
        return Attempt(self, self.reactor)

    def getDestination(self) -> Any:
        """Return whom it connects to."""
        kind = IPv6Address if self.family == socket.AF_INET6 else IPv4Address
        return kind("TCP", self.host, self.port)
