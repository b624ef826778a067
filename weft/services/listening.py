"""Where a service's ports are opened: in this process, or by the process above it, which shares them among workers.

The services do not notice the difference: they ask `opener()`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any

from weft.endpoints.base import Factory, ServerEndpoint, TlsOptions, TlsServerEndpoint
from weft.endpoints.parsing import server
from weft.endpoints.port import Port
from weft.endpoints.tcp import TcpServer
from weft.endpoints.unix import UnixServer
from weft.services import accepting

BACKLOG = 1024
"""How many connections may wait to be accepted at a shared socket; the kernel's own bound is often lower."""


class Opener:
    """Opens ports in this process, for itself alone."""

    async def open(self, endpoint: ServerEndpoint, factory: Factory[Any]) -> Port:
        """Listen at an endpoint, and return the open port."""
        return await endpoint.listen(factory)

    async def end_accepting(self, port: Port, endpoint: ServerEndpoint) -> None:
        """Close a port, and lose nobody who has connected already."""
        if is_ours(endpoint):
            accepting.refuse_new(port.sockets)
            await accepting.accept_waiting(port.sockets)
        await self.close(port)

    async def close(self, port: Port) -> None:
        """Close a port at once."""
        await port.close()


_OPENER: ContextVar[Opener | None] = ContextVar("weft_opener", default=None)


def opener() -> Opener:
    """Return who opens ports here."""
    return _OPENER.get() or Opener()


def open_with(chosen: Opener) -> None:
    """Have `chosen` open the ports of what is started from here on, in this context."""
    _OPENER.set(chosen)


class SharedOpener(Opener):
    """Opens ports on sockets that another process made and shares among several.

    `ask(endpoint)` returns them; it is asked for what the kernel knows of: a TCP port or a UNIX socket, without the
    TLS and the like around it, which stay in this process. `closed()` is called when the last port closes.
    """

    def __init__(
        self,
        ask: Callable[[TlsServerEndpoint], Awaitable[Sequence[socket.socket] | None]],
        closed: Callable[[], object],
    ) -> None:
        self._ask = ask
        self._closed = closed
        self._count = 0
        self.others_accept = False
        """Whether other processes go on accepting at the same sockets when this one ends."""

    async def open(self, endpoint: ServerEndpoint, factory: Factory[Any]) -> Port:
        """Listen at an endpoint, on shared sockets where it has any."""
        inner = innermost(endpoint)
        sockets = await self._ask(inner) if inner is not None else None
        where = endpoint if sockets is None else with_innermost(endpoint, GivenServer(tuple(sockets)))
        port = await where.listen(factory)
        self._count += 1
        return port

    async def end_accepting(self, port: Port, endpoint: ServerEndpoint) -> None:
        """Close a port; who waits to be accepted is left to others, if there are any."""
        if not self.others_accept and is_ours(endpoint):
            await accepting.accept_waiting(port.sockets)
        await self.close(port)

    async def close(self, port: Port) -> None:
        """Close a port at once; when it was the last one, say so."""
        was_open = port.is_open()
        await port.close()
        self._count -= was_open
        if was_open and not self._count:
            self._closed()

    @property
    def has_ports(self) -> bool:
        """Whether this process accepts connections."""
        return self._count > 0


@dataclasses.dataclass(frozen=True)
class GivenServer(TlsServerEndpoint):
    """Listens on sockets that are bound already; the port that is opened owns them."""

    sockets: tuple[socket.socket, ...]

    async def listen_with(self, factory: Factory[asyncio.BaseProtocol], tls: TlsOptions) -> Port:
        """Listen."""
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(factory, sock=sock, backlog=BACKLOG, **tls) for sock in self.sockets]
        return Port(servers)


def innermost(endpoint: ServerEndpoint) -> TlsServerEndpoint | None:
    """Return the endpoint of the kernel's that others may wrap, None if this one is of another kind."""
    while True:
        inside = wrapped(endpoint)
        if inside is None:
            return endpoint if isinstance(endpoint, TlsServerEndpoint) else None
        endpoint = getattr(endpoint, inside)


def is_ours(endpoint: ServerEndpoint) -> bool:
    """Return whether nobody listens any more where this endpoint does, once its port is closed.

    A socket that systemd, say, has passed goes on listening: who waits there is for the process after this one.
    """
    return isinstance(innermost(endpoint), TcpServer | UnixServer)


def with_innermost(endpoint: ServerEndpoint, inner: ServerEndpoint) -> ServerEndpoint:
    """Return the same endpoint around another innermost one."""
    inside = wrapped(endpoint)
    if inside is None:
        return inner
    around: Any = endpoint
    changed: ServerEndpoint = dataclasses.replace(around, **{inside: with_innermost(getattr(around, inside), inner)})
    return changed


def wrapped(endpoint: ServerEndpoint) -> str | None:
    """Return the name of the field that holds the endpoint which this one wraps."""
    return next((name for name, value in fields_of(endpoint) if isinstance(value, ServerEndpoint)), None)


def fields_of(endpoint: Any) -> list[tuple[str, Any]]:
    """Return the fields of an endpoint and what they hold; none where it is no dataclass, as others' may be."""
    if not dataclasses.is_dataclass(endpoint):
        return []
    return [(field.name, getattr(endpoint, field.name)) for field in dataclasses.fields(endpoint)]


def as_endpoint(where: str | ServerEndpoint) -> ServerEndpoint:
    """Return the endpoint that a string describes. Raises EndpointStringError, which says what is wrong with it."""
    return server(where) if isinstance(where, str) else where


def shown(address: Any) -> str:
    """Return an address as it is read: host:port, or a UNIX socket's path."""
    if isinstance(address, bytes):
        address = address.decode(errors="replace")
    if isinstance(address, str):
        return address.replace("\0", "@", 1)
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
