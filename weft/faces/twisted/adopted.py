"""Sockets that a program made or was given, and hands to the reactor (IReactorSocket).

A reactor owns a copy of the descriptor: the program's own stays open. Ending only closes that copy of a port, so that
another process which has the socket goes on listening.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet import error

from weft.faces.twisted import listening, tcp, udp, unix

INTERNET = (socket.AF_INET, socket.AF_INET6)


def stream_port(reactor: Any, descriptor: int, family: int, factory: Any) -> listening.Port:
    """Return a port for a socket that listens already. Raises UnsupportedAddressFamily, OSError."""
    check(family, (*INTERNET, socket.AF_UNIX))
    kind = unix.Port if family == socket.AF_UNIX else listening.Port
    sock = copy(descriptor, family, socket.SOCK_STREAM)
    try:
        port = kind.adopt(sock, factory, reactor)
        port.startListening()
    except BaseException:
        sock.close()
        raise
    return port


def stream_connection(reactor: Any, descriptor: int, family: int, factory: Any) -> tcp.Server | None:
    """Return a connection for a socket that is connected already, None if the factory makes no protocol for it.

    Raises UnsupportedAddressFamily, OSError, and what the factory raises.
    """
    check(family, (*INTERNET, socket.AF_UNIX))
    kind = unix.Server if family == socket.AF_UNIX else tcp.Server
    sock = copy(descriptor, family, socket.SOCK_STREAM)
    server = None
    try:
        sock.setblocking(False)
        server = kind.adopt(sock, factory, reactor)
    finally:
        if server is None:
            sock.close()
    if server is not None:
        server.start()
    return server


def datagram_port(reactor: Any, descriptor: int, family: int, protocol: Any, maxPacketSize: int) -> udp.Port:
    """Return a port for a datagram socket that is bound already. Raises UnsupportedAddressFamily, OSError."""
    check(family, INTERNET)
    sock = copy(descriptor, family, socket.SOCK_DGRAM)
    try:
        port = udp.Port.adopt(sock, protocol, maxPacketSize, reactor)
        port.startListening()
    except BaseException:
        sock.close()
        raise
    return port


def check(family: int, known: tuple[int, ...]) -> None:
    """Raise UnsupportedAddressFamily for a family that is not known."""
    if family not in known:
        raise error.UnsupportedAddressFamily(family)


def copy(descriptor: int, family: int, kind: int) -> socket.socket:
    """Return a socket with a copy of a descriptor. Raises OSError for what is no socket."""
    duplicate = os.dup(descriptor)
    try:
        return socket.socket(family, kind, fileno=duplicate)
    except OSError:
        os.close(duplicate)
        raise
