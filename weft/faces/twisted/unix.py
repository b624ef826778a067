"""UNIX sockets for a Twisted program: ports, connectors, and connections that can pass descriptors."""

from __future__ import annotations

import os
import socket
import stat
from typing import Any

from twisted.internet import base, error, interfaces
from twisted.internet import unix as twisted_unix
from twisted.internet.address import UNIXAddress
from twisted.python import log, reflect
from twisted.python.failure import Failure
from twisted.python.filepath import _coerceToFilesystemEncoding
from twisted.python.lockfile import FilesystemLock, isLocked
from zope.interface import implementer

from weft.faces.twisted import connecting, listening, tcp
from weft.faces.twisted.addresses import is_path
from weft.faces.twisted.rights import RightsChannel, RightsStream


@implementer(interfaces.IUNIXTransport)
class Connection(RightsStream):
    """What connections through UNIX sockets have that come in, and that are made."""

    socket: Any

    def protocol_name(self) -> str:
        """Return what the log calls the protocol."""
        return tcp.log_prefix(self.protocol)

    def getTcpNoDelay(self) -> bool:
        """Return False: what TCP has, UNIX sockets have not, as in Twisted."""
        return False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Change nothing, as in Twisted."""


class Server(Connection, tcp.Server):
    """A connection that came in at a port, or was adopted. Whoever asks takes it for one of Twisted's."""

    __class__ = twisted_unix.Server

    def __init__(
        self, sock: socket.socket, protocol: Any, client: Any, server: Any, sessionno: int, reactor: Any, **_: Any
    ) -> None:
        rights = RightsChannel(sock, client)
        tcp.Server.__init__(self, sock, protocol, (client, None), server, sessionno, reactor, channel=rights)
        self.carry(rights)

    @classmethod
    def adopt(cls, sock: socket.socket, factory: Any, reactor: Any) -> Server | None:
        """Return a connection for a socket that is connected, which it owns; None if there is no protocol for it."""
        protocol = factory.buildProtocol(UNIXAddress(sock.getsockname()))
        return None if protocol is None else cls(sock, protocol, sock.getpeername(), None, 0, reactor)

    def __repr__(self) -> str:
        return f"<{type(self.protocol).__name__} #{self.sessionno} on {self.where()}>"

    def where(self) -> str:
        """Return the path of the port, or of the socket that was adopted."""
        return str(shown(self.socket.getsockname()) if self.server is None else self.server._realPortNumber)

    def logPrefix(self) -> str:
        """Return what the log says that a message comes from: the protocol, the connection's number, the path."""
        name = self.where() if self.server is None else self.hostname
        return f"{tcp.log_prefix(self.protocol)},{self.sessionno},{name}"

    def getHost(self) -> UNIXAddress:
        """Return our own address."""
        return UNIXAddress(self.get_extra_info("sockname"))

    def getPeer(self) -> UNIXAddress:
        """Return the peer's address."""
        return UNIXAddress(self.hostname or None)


class Client(Connection, tcp.Client):
    """A connection that a connector made. Whoever asks takes it for one of Twisted's."""

    __class__ = twisted_unix.Client

    def __init__(self, attempt: Attempt, sock: socket.socket, connector: Any) -> None:
        rights = RightsChannel(sock, attempt.address)
        tcp.Client.__init__(self, attempt, sock, connector, channel=rights)
        self.carry(rights)

    def getHost(self) -> UNIXAddress:
        """Return our own address, which has no name."""
        return UNIXAddress(None)

    def getPeer(self) -> UNIXAddress:
        """Return the peer's address."""
        return UNIXAddress(self.addr)


def shown(path: Any) -> str:
    """Return a path as text."""
    return str(_coerceToFilesystemEncoding("", path))


class Port(listening.Port):
    """A port that listens at a path, and what comes in there. Whoever asks takes it for one of Twisted's."""

    __class__ = twisted_unix.Port
    addressFamily = socket.AF_UNIX
    transport = Server
    _type = "UNIX"

    def __init__(
        self,
        fileName: Any,
        factory: Any,
        backlog: int = 50,
        mode: int = 0o666,
        reactor: Any = None,
        wantPID: Any = 0,
    ) -> None:
        listening.Port.__init__(self, 0, factory, backlog, "", reactor)
        self.path: Any = UNIXAddress(fileName).name
        self.mode = mode
        self.wantPID = wantPID
        self.lock: FilesystemLock | None = None

    @classmethod
    def adopt(cls, sock: socket.socket, factory: Any, reactor: Any) -> Port:
        """Return a port for a socket that listens already, which it owns; the mode of its file stays as it is."""
        port = cls(sock.getsockname(), factory, reactor=reactor)
        port.adopted = sock
        return port

    def __repr__(self) -> str:
        where = "(not listening)" if self.socket is None else f"on {shown(self.path)!r}"
        return f"<{reflect.qual(type(self.factory))} {where}>"

    def place(self, sock: socket.socket) -> str:
        """Return what the log calls where the port listens: its path."""
        return shown(self.path)

    def bound_socket(self) -> socket.socket:
        """Return a socket that listens, at a path that is locked if it should be."""
        self.acquire()
        sock: socket.socket | None = None
        try:
            sock = self.createInternetSocket()
            sock.bind(self.path)
            if is_path(self.path):
                os.chmod(self.path, self.mode)
            sock.listen(self.backlog)
        except OSError as reason:
            if sock is not None:
                sock.close()
            self.release()
            raise error.CannotListenError(None, self.path, reason) from None
        return sock

    def acquire(self) -> None:
        """Lock the path, if it should be; what a process left that died with the lock is removed."""
        if not self.wantPID:
            return
        lock = FilesystemLock(self.path + b".lock")
        if not lock.lock():
            raise error.CannotListenError(None, self.path, "Cannot acquire lock")
        self.lock = lock
        try:
            if not lock.clean and stat.S_ISSOCK(os.stat(self.path).st_mode):
                os.remove(self.path)
        except OSError:
            pass  # binding says what is wrong

    def release(self) -> None:
        """Unlock the path."""
        lock = self.lock
        self.lock = None
        if lock is not None:
            lock.unlock()

    def undo(self, sock: socket.socket) -> None:
        """Give back the socket of a port that does not come to listen."""
        listening.Port.undo(self, sock)
        if self.adopted is None:
            self.remove()

    def connectionLost(self, reason: Failure) -> None:
        """Close the listening socket, remove its file and its lock, and tell the factory."""
        if self.listener is not None:
            self.remove()
            listening.Port.connectionLost(self, reason)

    def remove(self) -> None:
        """Remove the path's file and its lock. What fails is logged."""
        try:
            if is_path(self.path):
                os.unlink(self.path)
        except FileNotFoundError:
            pass  # somebody was faster
        except OSError:
            log.err(None, f"removing {shown(self.path)!r}")
        try:
            self.release()
        except (OSError, ValueError):
            log.err(None, f"unlocking {shown(self.path)!r}")

    def build(self, peer: Any) -> Any:
        """Return the factory's protocol for a peer."""
        return self.factory.buildProtocol(UNIXAddress(peer))

    def getHost(self) -> UNIXAddress:
        """Return the address that it listens on."""
        return UNIXAddress(self.path if self.socket is None else self.socket.getsockname())


class Attempt(connecting.Attempt):
    """A connection that is being made, until it stands or fails."""

    transport = Client

    def target(self) -> Any:
        """Return whom to connect to: a path."""
        return UNIXAddress(self.connector.address).name

    def make_socket(self) -> socket.socket:
        """Return a socket, which needs no name."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        return sock

    def resolve(self) -> None:
        """See whether somebody holds the path's lock, if that is asked for, then connect."""
        if self.connector is None:
            return
        if self.connector.checkPID and not isLocked(self.addr + b".lock"):
            self.failIfNotConnected(error.BadFileError(self.addr))
        else:
            self.connect(self.addr)

    def named(self, address: Any) -> Any:
        """Return the peer's address as the connection gives it."""
        return address


class Connector(base.BaseConnector):
    """What connects, for a client's factory, and connects again if that asks for it (IConnector)."""

    def __init__(self, address: Any, factory: Any, timeout: float | None, reactor: Any, checkPID: Any) -> None:
        base.BaseConnector.__init__(self, factory, timeout, reactor)
        self.address = address
        self.checkPID = checkPID

    def _makeTransport(self) -> Any:
        return Attempt(self, self.reactor)

    def getDestination(self) -> UNIXAddress:
        """Return whom it connects to."""
        return UNIXAddress(self.address)
