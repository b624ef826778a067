"""UDP and multicast for a Twisted program: ports on Weft's datagrams."""

from __future__ import annotations

import socket
import warnings
from typing import Any

from twisted.internet import abstract, error, interfaces
from twisted.internet import udp as twisted_udp
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.python import log
from zope.interface import implementer

from weft.faces.twisted.datagrams import TwistedDatagrams
from weft.faces.twisted.tcp import log_prefix


@implementer(
    interfaces.IListeningPort, interfaces.IUDPTransport, interfaces.ISystemHandle, interfaces.ILoggingContext
)
class Port(TwistedDatagrams):
    """A port that receives datagrams, and its protocol's transport. Whoever asks takes it for one of Twisted's."""

    __class__ = twisted_udp.Port
    waits_to_end = True  # what could not be sent yet is sent before the port is closed
    _realPortNumber: int | None = None

    def __init__(
        self, port: Any, proto: Any, interface: str = "", maxPacketSize: int = 8192, reactor: Any = None
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor as installed

            reactor = installed
        TwistedDatagrams.__init__(self, proto, maxPacketSize, reactor)
        self.port = port
        self.interface = interface
        self.adopted: socket.socket | None = None
        self.waiting: list[Deferred[None]] = []
        self.logstr = self.describe()
        if abstract.isIPv6Address(interface):
            self.addressFamily = socket.AF_INET6
        elif interface and not abstract.isIPAddress(interface):
            raise error.InvalidAddressError(interface, "not an IPv4 or IPv6 address.")

    @classmethod
    def adopt(cls, sock: socket.socket, protocol: Any, maxPacketSize: int, reactor: Any) -> Port:
        """Return a port for a socket that is bound already; it owns `sock`."""
        port = cls(None, protocol, sock.getsockname()[0], maxPacketSize, reactor)
        port.adopted = sock
        return port

    def __repr__(self) -> str:
        where = "not connected" if self._realPortNumber is None else f"on {self._realPortNumber}"
        return f"<{type(self.protocol)} {where}>"

    def describe(self) -> str:
        """Return what the log says that a message comes from."""
        return f"{log_prefix(self.protocol)} (UDP)"

    def logPrefix(self) -> str:
        """Return what the log says that a message comes from."""
        return self.logstr

    # -- beginning

    def startListening(self) -> None:
        """Begin to receive. Raises CannotListenError, and what the protocol raises as it starts."""
        sock = self.adopted or self.bound_socket()
        self.adopted = None
        sock.setblocking(False)
        self._realPortNumber = sock.getsockname()[1]
        log.msg(f"{log_prefix(self.protocol)} starting on {self._realPortNumber}")
        try:
            self.begin(sock)
        except BaseException:
            self._realPortNumber = None
            raise

    def bound_socket(self) -> socket.socket:
        """Return a socket that is bound to the port's address."""
        sock = None
        try:
            sock = self.createInternetSocket()
            sock.bind((self.interface, self.port))
        except OSError as reason:
            if sock is not None:
                sock.close()
            raise error.CannotListenError(self.interface, self.port, reason) from None
        return sock

    def createInternetSocket(self) -> socket.socket:
        """Return a socket that is not bound yet."""
        return socket.socket(self.addressFamily, socket.SOCK_DGRAM)

    def connect(self, host: str, port: int) -> None:
        """Send to one peer only, and receive from no other.

        Raises InvalidAddressError for a host that is not in numbers, RuntimeError where there is a peer already.
        """
        if self.connected_address is not None:
            raise RuntimeError("already connected, reconnecting is not currently supported")
        if not abstract.isIPAddress(host) and not abstract.isIPv6Address(host):
            raise error.InvalidAddressError(host, "not an IPv4 or IPv6 address.")
        self.socket.connect((host, port))
        self.connected_address = (host, port)

    # -- pausing

    def pauseProducing(self) -> None:
        """Receive nothing for now."""
        self.stopReading()

    def resumeProducing(self) -> None:
        """Receive again, unless the port is about to end."""
        if self.connected and not self.disconnecting:
            self.startReading()

    # -- ending

    def stopListening(self) -> Deferred[None] | None:
        """Receive no more; return a Deferred that fires when the port is closed: what waits is sent first."""
        if not self.connected:
            return None
        done: Deferred[None] = Deferred()
        self.waiting.append(done)
        if not self.disconnecting:
            self.stopReading()
            self.disconnecting = True
            if not self.waits_to_end or self.get_write_buffer_size() == 0:
                self.end_soon()
        return done

    def loseConnection(self) -> None:
        """Receive no more; Twisted deprecates this name of `stopListening`."""
        warnings.warn("Please use stopListening() to disconnect port", DeprecationWarning, stacklevel=2)
        self.stopListening()

    def connectionLost(self, reason: Any = None) -> None:
        """Close the port now, for a reason from outside: the reactor's, that ends all."""
        self.finish(reason)

    def tell_end(self) -> None:
        """Tell the protocol that it is over."""
        log.msg(f"(UDP Port {self._realPortNumber} Closed)")
        self._realPortNumber = None
        self.protocol.doStop()

    def finish(self, error: Any) -> None:
        """Close the port, and tell whom it concerns. Doing so twice does nothing."""
        TwistedDatagrams.finish(self, error)
        waiting, self.waiting = self.waiting, []
        for done in waiting:
            done.callback(None)

    # -- what it is

    def getHandle(self) -> socket.socket | None:
        """Return the socket."""
        found: socket.socket | None = self.socket
        return found

    def fileno(self) -> int:
        """Return the socket's descriptor; -1 when it does not listen."""
        return -1 if self.socket is None else self.socket.fileno()

    def getHost(self) -> Any:
        """Return the address that it listens on."""
        kind = IPv6Address if self.addressFamily == socket.AF_INET6 else IPv4Address
        return kind("UDP", *self.socket.getsockname()[:2])

    def writeSequence(self, seq: Any, addr: Any) -> None:
        """Send the pieces as one datagram."""
        self.write(b"".join(seq), addr)

    def setBroadcastAllowed(self, enabled: bool) -> None:
        """Allow datagrams to a broadcast address, or not."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, enabled)

    def getBroadcastAllowed(self) -> bool:
        """Return whether datagrams to a broadcast address are allowed."""
        return bool(self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST))


@implementer(interfaces.IMulticastTransport)
class MulticastPort(twisted_udp.MulticastMixin, Port):
    """A port whose protocol can join multicast groups; `listenMultiple` lets others have the same port."""

    __class__ = twisted_udp.MulticastPort

    def __init__(
        self,
        port: Any,
        proto: Any,
        interface: str = "",
        maxPacketSize: int = 8192,
        reactor: Any = None,
        listenMultiple: bool = False,
    ) -> None:
        Port.__init__(self, port, proto, interface, maxPacketSize, reactor)
        self.listenMultiple = listenMultiple

    def createInternetSocket(self) -> socket.socket:
        """Return a socket that is not bound yet, and that shares its port if it should."""
        sock = Port.createInternetSocket(self)
        if self.listenMultiple:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return sock
