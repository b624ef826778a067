"""An open port: what listening on an endpoint gives, and the one place that knows what to undo when it closes."""

from __future__ import annotations

import asyncio
from asyncio import trsock
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, cast


class Port:
    """An open port. `await port.close()`, or `async with await listen(...) as port`.

    Closing ends the listening only: connections live on until they end by themselves. `release` is what else is to be
    undone then, after the servers were closed.
    """

    def __init__(
        self,
        servers: Sequence[asyncio.Server] = (),
        *,
        addresses: Iterable[Any] | None = None,
        release: ExitStack | None = None,
    ) -> None:
        self.servers = tuple(servers)
        """The loop's servers under this port; none where nothing is accepted, as for stdio."""
        if addresses is None:
            addresses = [sock.getsockname() for server in servers for sock in server.sockets]
        self.addresses: tuple[Any, ...] = tuple(addresses)
        """Where it listens, as sockets say it: (host, port, ...), or a UNIX socket's path. Kept when it closes."""
        self._release = ExitStack()
        if release is not None:
            self._release.push(release.pop_all())
        for server in servers:
            self._release.callback(server.close)
        self._reloads: list[Callable[[], None]] = []
        self._waiters: list[asyncio.Future[None]] | None = []  # None once closed

    def __repr__(self) -> str:
        where = ", ".join(map(str, self.addresses)) or "no address"
        return f"<weft.endpoints.Port {'open' if self.is_open() else 'closed'} at {where}>"

    @property
    def sockets(self) -> tuple[trsock.TransportSocket, ...]:
        """The listening sockets; none once the port is closed."""
        return tuple(cast(trsock.TransportSocket, sock) for server in self.servers for sock in server.sockets)

    def is_open(self) -> bool:
        """Return whether it was not closed yet."""
        return self._waiters is not None

    async def close(self) -> None:
        """Accept no more, and release what listening took: sockets, a socket's file, a lock. Twice does nothing."""
        if self._waiters is None:
            return
        waiters, self._waiters = self._waiters, None
        try:
            self._release.close()
        finally:
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    async def wait_closed(self) -> None:
        """Wait until somebody closes the port: a server's main coroutine has nothing else to do."""
        if self._waiters is not None:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def on_close(self, callback: Callable[[], object]) -> None:
        """Have `close` call `callback` first of all, before what it does already."""
        self._release.callback(callback)

    def on_reload(self, callback: Callable[[], None]) -> None:
        """Have `reload` call `callback`, after those that it calls already."""
        self._reloads.append(callback)

    def reload(self) -> None:
        """Read again what the endpoint reads from files: certificates. Connections do not notice.

        Raises what is wrong with them; what was in use before stays in use then.
        """
        for callback in self._reloads:
            callback()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
