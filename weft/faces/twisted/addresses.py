"""Socket addresses as Twisted's address objects, and what they are made from."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address


def internet_address(sockaddr: Any, kind: str = "TCP") -> IPv4Address | IPv6Address:
    """Return the address object for what a socket of IPv4 or IPv6 calls an address."""
    if len(sockaddr) == 2:
        return IPv4Address(kind, *sockaddr)
    return IPv6Address(kind, *scoped(sockaddr))


def scoped(sockaddr: Any) -> tuple[Any, ...]:
    """Return an address whose host says its scope (fe80::1%eth0), which the socket module leaves out."""
    if len(sockaddr) == 4:
        host = socket.getnameinfo(sockaddr, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
        return (host, *sockaddr[1:])
    return tuple(sockaddr)


def ipv6_sockaddr(host: str, port: Any) -> tuple[Any, ...]:
    """Return what a socket is bound or connected to for an IPv6 address, which may say its scope."""
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    found = socket.getaddrinfo(host, 1, 0, 0, 0, flags)[0][4]
    return (found[0], port, *found[2:])


def is_path(name: Any) -> bool:
    """Return whether a UNIX socket's name is a file's path, and none of Linux's abstract names."""
    return name[:1] not in (b"\0", "\0")
