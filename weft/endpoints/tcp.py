"""TCP: ports to listen on, hosts to connect to, by Happy Eyeballs (RFC 8305)."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import ClassVar

from weft.endpoints.base import (
    Factory,
    P,
    TlsClientEndpoint,
    TlsOptions,
    TlsServerEndpoint,
    check_range,
    check_seconds,
    within,
)
from weft.endpoints.port import Port

BACKLOG = 128
"""Connections that may wait to be accepted: the kernel itself takes no more on many systems."""
CONNECT_TIMEOUT_S = 30.0
"""How long connecting may take in all, with the look-up of the name and TLS."""
HAPPY_EYEBALLS_DELAY_S = 0.25
"""How long one address has before the next is tried beside it, as RFC 8305 advises."""


@dataclass(frozen=True)
class TcpServer(TlsServerEndpoint):
    """Listens on a TCP port; of all IPv4 interfaces, unless `interface` names an address or a host of this machine.

    Port 0 is any free one: the open port's `addresses` say which.
    """

    port: int
    interface: str = "0.0.0.0"
    backlog: int = BACKLOG
    reuse_port: bool = False
    """Whether other processes may listen on the same port, too, and share its connections (SO_REUSEPORT)."""
    family: ClassVar[socket.AddressFamily] = socket.AF_UNSPEC

    def __post_init__(self) -> None:
        check_range("port", self.port, 0, 65535)
        check_range("backlog", self.backlog, 1, 2**31 - 1)

    async def listen_with(self, factory: Factory[asyncio.BaseProtocol], tls: TlsOptions) -> Port:
        """Listen. Raises OSError where that cannot be done."""
        server = await asyncio.get_running_loop().create_server(
            factory,
            self.interface,
            self.port,
            family=self.family,
            backlog=self.backlog,
            reuse_port=self.reuse_port or None,
            **tls,
        )
        return Port([server])


@dataclass(frozen=True)
class Tcp6Server(TcpServer):
    """Listens on a TCP port of IPv6 interfaces alone; of all, unless `interface` names one."""

    interface: str = "::"
    family: ClassVar[socket.AddressFamily] = socket.AF_INET6


@dataclass(frozen=True)
class TcpClient(TlsClientEndpoint):
    """Connects to a host's TCP port, whichever of its addresses answers first."""

    host: str
    port: int
    timeout_s: float | None = CONNECT_TIMEOUT_S
    happy_eyeballs_delay_s: float | None = HAPPY_EYEBALLS_DELAY_S
    """None: one address after another, each until it fails."""
    bind_address: str | None = None
    """The address of this machine to connect from."""
    family: ClassVar[socket.AddressFamily] = socket.AF_UNSPEC

    def __post_init__(self) -> None:
        check_range("port", self.port, 1, 65535)
        check_seconds("timeout", self.timeout_s)
        check_seconds("happy_eyeballs_delay", self.happy_eyeballs_delay_s)

    async def connect_with(self, factory: Factory[P], tls: TlsOptions) -> tuple[asyncio.Transport, P]:
        """Connect. Raises OSError where nobody answers, TimeoutError (one of them) where that takes too long."""
        connecting = asyncio.get_running_loop().create_connection(
            factory,
            self.host,
            self.port,
            family=self.family,
            happy_eyeballs_delay=self.happy_eyeballs_delay_s,
            local_addr=None if self.bind_address is None else (self.bind_address, 0),
            **tls,
        )
        return await within(self.timeout_s, f"{self.host} port {self.port}", connecting)


@dataclass(frozen=True)
class Tcp6Client(TcpClient):
    """Connects to a host's TCP port by IPv6 alone."""

    family: ClassVar[socket.AddressFamily] = socket.AF_INET6
