"""Datagrams over UNIX sockets for a Twisted program: ports with a path, and those that have one peer."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet import error, interfaces, protocol
from twisted.internet import unix as twisted_unix
from twisted.internet.address import UNIXAddress
from twisted.python import log, reflect
from twisted.python.failure import Failure
from zope.interface import implementedBy, implementer_only

from weft.faces.twisted import udp
from weft.faces.twisted.addresses import is_path


@implementer_only(
    interfaces.IListeningPort,
    interfaces.IUNIXDatagramTransport,
    interfaces.ISystemHandle,
    interfaces.ILoggingContext,
)
class DatagramPort(udp.Port):
    """A port that receives datagrams at a path. The path's file outlives the port, as in Twisted."""

    __class__ = twisted_unix.DatagramPort
    waits_to_end = False  # a receiver that reads nothing would keep the port for ever

    def __init__(
        self, addr: Any, proto: Any, maxPacketSize: int = 8192, mode: int = 0o666, reactor: Any = None
    ) -> None:
        udp.Port.__init__(self, addr, proto, "", maxPacketSize, reactor)
        self.addressFamily = socket.AF_UNIX
        self.mode = mode

    def __repr__(self) -> str:
        where = f"on {self.port!r}" if self.connected else "(not listening)"
        return f"<{reflect.qual(type(self.protocol))} {where}>"

    def describe(self) -> str:
        """Return what the log says that a message comes from."""
        return f"{reflect.qual(type(self.protocol))} (UDP)"

    def startListening(self) -> None:
        """Begin to receive. Raises CannotListenError, and what the protocol raises as it starts."""
        self.begin(self.bound_socket())

    def bound_socket(self) -> socket.socket:
        """Return a socket that is bound to the port's path, if it has one, and whose file has the port's mode."""
        log.msg(f"{type(self.protocol)} starting on {self.port!r}")
        sock = None
        try:
            sock = self.createInternetSocket()
            sock.setblocking(False)
            if self.port:
                sock.bind(self.port)
                if is_path(self.port):
                    os.chmod(self.port, self.mode)
        except OSError as reason:
            if sock is not None:
                sock.close()
            raise error.CannotListenError(None, self.port, reason) from None
        return sock

    def tell_end(self) -> None:
        """Tell the protocol that it is over."""
        log.msg(f"(Port {self.port!r} Closed)")
        self.protocol.doStop()

    def write(self, datagram: Any, address: Any) -> None:  # type: ignore[override]
        """Send a datagram to the socket at a path; never waits. Where too many wait for a receiver, it is dropped.

        Raises MessageLengthError, and the system's OSError.
        """
        self.send(datagram, address)

    def overflow(self) -> None:
        """Drop a datagram for which there is no room among those that wait. Twisted drops any that would wait."""

    def refused(self, error: OSError) -> None:
        """Raise that nobody receives at a path."""
        raise error

    def getHost(self) -> UNIXAddress:
        """Return the address that it listens on."""
        return UNIXAddress(self.socket.getsockname())


@implementer_only(
    interfaces.IUNIXDatagramConnectedTransport,
    *(one for one in implementedBy(DatagramPort) if one is not interfaces.IUNIXDatagramTransport),
)
class ConnectedDatagramPort(DatagramPort):
    """A port whose datagrams go to one peer's path, and come from there."""

    __class__ = twisted_unix.ConnectedDatagramPort

    def __init__(
        self,
        addr: Any,
        proto: Any,
        maxPacketSize: int = 8192,
        mode: int = 0o666,
        bindAddress: Any = None,
        reactor: Any = None,
    ) -> None:
        assert isinstance(proto, protocol.ConnectedDatagramProtocol), f"{proto} is no ConnectedDatagramProtocol"
        DatagramPort.__init__(self, bindAddress, proto, maxPacketSize, mode, reactor)
        self.tells_sender = False
        self.remoteaddr = addr

    def startListening(self) -> None:
        """Begin to receive; what fails is told to the protocol's `connectionFailed`."""
        sock = None
        try:
            sock = self.bound_socket()
            sock.connect(self.remoteaddr)
            self.begin(sock)
        except Exception:
            if sock is not None:
                sock.close()
            self.protocol.connectionFailed(Failure())

    def refused(self, error: OSError) -> None:
        """Tell the protocol that its peer refused what it was sent."""
        self.protocol.connectionRefused()

    def write(self, data: Any) -> None:  # type: ignore[override]
        """Send a datagram to the peer; never waits. Where too many wait for it, it is dropped.

        Raises MessageLengthError, and the system's OSError.
        """
        self.send(data, None)

    def getPeer(self) -> UNIXAddress:
        """Return the peer's address."""
        return UNIXAddress(self.remoteaddr)
