"""Where a socket of a Twisted program is bound."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import abstract

from weft.faces.twisted.addresses import ipv6_sockaddr


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
