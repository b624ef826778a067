"""Descriptors that were open before this process began: handed over by systemd, or by whoever started it.

systemd's protocol is sd_listen_fds(3): LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES say what lies at 3 and above.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from weft.endpoints.base import Factory, P, TlsClientEndpoint, TlsOptions, TlsServerEndpoint, check_range
from weft.endpoints.port import Port
from weft.errors import EndpointError

FIRST_PASSED = 3
"""The first descriptor that systemd passes: SD_LISTEN_FDS_START."""
LARGEST_DESCRIPTOR = 2**31 - 1


@dataclass(frozen=True)
class Descriptor(TlsServerEndpoint, TlsClientEndpoint):
    """Listens at a listening socket, or takes a connected one, that this process has under a number.

    A listening socket stays open when the port closes: it belongs to who made it. A connection is taken over.
    """

    number: int

    def __post_init__(self) -> None:
        check_range("number", self.number, 0, LARGEST_DESCRIPTOR)

    async def listen_with(self, factory: Factory[asyncio.BaseProtocol], tls: TlsOptions) -> Port:
        """Listen. Raises OSError for a number without a socket, EndpointError for one that does not listen."""
        return await listen_at([self.number], factory, tls)

    async def connect_with(self, factory: Factory[P], tls: TlsOptions) -> tuple[asyncio.Transport, P]:
        """Take the connection. Raises OSError for a number without a socket, EndpointError for one that listens."""
        return await take_connection(self.number, factory, tls)


@dataclass(frozen=True)
class Systemd(TlsServerEndpoint, TlsClientEndpoint):
    """Listens at the sockets that systemd has passed under a name, or at the one at an index; say one of the two.

    With Accept=yes systemd passes a connection (its name is "connection"): connect to that.
    """

    index: int | None = None
    """The place among the sockets that were passed, from 0."""
    name: str | None = None
    """The FileDescriptorName= of the unit; its own name, if it says none. Several sockets may have it."""

    def __post_init__(self) -> None:
        if (self.index is None) == (self.name is None):
            raise EndpointError("either index or name must be given: which of the sockets that systemd passed")
        if self.index is not None:
            check_range("index", self.index, 0, LARGEST_DESCRIPTOR - FIRST_PASSED)

    async def listen_with(self, factory: Factory[asyncio.BaseProtocol], tls: TlsOptions) -> Port:
        """Listen. Raises EndpointError if systemd has passed no such socket, or one that does not listen."""
        return await listen_at(self._descriptors(), factory, tls)

    async def connect_with(self, factory: Factory[P], tls: TlsOptions) -> tuple[asyncio.Transport, P]:
        """Take the connection. Raises EndpointError if systemd has passed no such socket, or one that listens."""
        descriptors = self._descriptors()
        if len(descriptors) > 1:
            raise EndpointError(f"systemd has passed {len(descriptors)} sockets named {self.name!r}: say index")
        return await take_connection(descriptors[0], factory, tls)

    def _descriptors(self) -> list[int]:
        names = passed_names()
        if self.index is not None:
            if self.index >= len(names):
                raise EndpointError(f"systemd has passed {len(names)} sockets: there is no index {self.index}")
            return [FIRST_PASSED + self.index]
        found = [FIRST_PASSED + place for place, name in enumerate(names) if name == self.name]
        if not found:
            raise EndpointError(f"systemd has passed no socket named {self.name!r}, but {', '.join(names)}")
        return found


def passed_names() -> list[str]:
    """Return the name of each descriptor that systemd has passed to this process; none of them is inherited further.

    Raises EndpointError if it has passed none.
    """
    process = os.environ.get("LISTEN_PID")
    advice = "start it by a .socket unit, or try it with: systemd-socket-activate -l 8080 COMMAND"
    if process != str(os.getpid()):
        found = "LISTEN_PID is not set" if process is None else f"LISTEN_PID is {process}, and we are {os.getpid()}"
        raise EndpointError(f"systemd has passed no sockets to this process ({found}): {advice}")
    count = os.environ.get("LISTEN_FDS", "")
    if not (count.isascii() and count.isdigit() and 0 < int(count) < 1_000_000):
        raise EndpointError(f"systemd has passed no sockets to this process (LISTEN_FDS is {count!r}): {advice}")
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    for number in range(FIRST_PASSED, FIRST_PASSED + int(count)):
        os.set_inheritable(number, False)
    return [*names, *["unknown"] * int(count)][: int(count)] if names != [""] else ["unknown"] * int(count)


async def listen_at(numbers: list[int], factory: Factory[asyncio.BaseProtocol], tls: TlsOptions) -> Port:
    """Return the open port of listening sockets that this process has already."""
    loop = asyncio.get_running_loop()
    servers = []
    with ExitStack() as undo:
        for number in numbers:
            sock = undo.enter_context(socket_at(os.dup, number))
            if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                raise EndpointError(f"descriptor {number} does not listen: a connected socket is for connect()")
            # Whoever made it has said how many may wait, and the kernel bounds it: no fewer than that.
            server = await loop.create_server(factory, sock=sock, backlog=socket.SOMAXCONN, **tls)
            undo.callback(server.close)
            servers.append(server)
        undo.pop_all()
    return Port(servers)


async def take_connection(number: int, factory: Factory[P], tls: TlsOptions) -> tuple[asyncio.Transport, P]:
    """Return the transport and the protocol of a connected socket that this process has already."""
    sock = socket_at(int, number)
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.detach()
        raise EndpointError(f"descriptor {number} listens: that is for listen(), connect() takes a connected socket")
    return await asyncio.get_running_loop().create_connection(factory, sock=sock, **tls)


def socket_at(take: Callable[[int], int], number: int) -> socket.socket:
    """Return the stream socket at a descriptor that `take` makes of `number`: itself, or another for the same socket.

    Raises OSError for a number at which there is no socket, EndpointError for a socket that is no stream.
    """
    try:
        taken = take(number)
        try:
            sock = socket.socket(fileno=taken)
        except BaseException:
            if taken != number:
                os.close(taken)
            raise
    except OSError as error:
        raise OSError(error.errno, f"descriptor {number} is no socket of this process: {error.strerror}") from None
    if sock.type != socket.SOCK_STREAM:
        kind = sock.type
        if taken == number:
            sock.detach()
        sock.close()
        raise EndpointError(f"descriptor {number} is a socket of the type {kind!r}, and no stream")
    return sock
