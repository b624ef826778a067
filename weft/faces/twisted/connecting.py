"""Connections that are being made, and the connectors that make them, for a Twisted program."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet import abstract, base, error
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import succeed
from twisted.python import log
from twisted.python.failure import Failure

from weft.faces.twisted.addresses import ipv6_sockaddr, scoped
from weft.faces.twisted.binding import Binding
from weft.faces.twisted.tcp import Client
from weft.transports.connector import Connector as SocketConnector


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
