"""ServerService: listens, counts its connections, and ends without losing one that can be finished."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.endpoints.base import ServerEndpoint
from weft.endpoints.port import Port
from weft.services import listening
from weft.services.connections import Connections, Factory, Handlers, StreamHandler, is_stream_handler
from weft.services.listening import Opener, as_endpoint
from weft.services.service import Service, logger


class ServerService(Service):
    """Listens at an endpoint while it is started, with a protocol from `factory` for each connection.

    `factory` may be a coroutine function instead, which is called with each connection's reader and writer; the
    connection is closed when it returns.

    To drain is to accept no more, to accept nevertheless who had connected already, to call `finish(protocol)` for
    each open connection (`finish(writer)`, where a coroutine function serves them), and to wait until the connections
    have ended. A server whose clients keep their connections open needs a `finish`, which has a connection closed
    when what is under way is answered. Stopping cuts off what is left. Reloading reads the certificates again.
    """

    def __init__(
        self,
        where: str | ServerEndpoint,
        factory: Factory | StreamHandler,
        *,
        finish: Callable[[Any], object] | None = None,
        name: str = "",
    ) -> None:
        super().__init__(name=name)
        self.where = where
        self._finish = finish
        self._handlers = Handlers(factory, self.name) if is_stream_handler(factory) else None
        self._factory: Any = factory if self._handlers is None else self._handlers.make_protocol
        self._connections = Connections()
        self._opener = Opener()
        self._port: Port | None = None
        self._addresses: tuple[Any, ...] = ()

    @property
    def addresses(self) -> tuple[Any, ...]:
        """Where it listens, as sockets say it; none while it is not started."""
        return self._addresses

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    @property
    def note(self) -> str:
        """Where it listens, and how many connections it has."""
        where = ", ".join(map(listening.shown, self._addresses)) or str(self.where)
        count = len(self._connections)
        return f"{where}: {count} connection{'' if count == 1 else 's'} open, {self._connections.total} in all"

    async def start(self) -> None:
        """Begin to listen."""
        endpoint = as_endpoint(self.where)
        self._opener = listening.opener()
        self._port = await self._opener.open(endpoint, self._connections.watched(self._factory))
        self._addresses = tuple(self._port.addresses)
        where = [listening.shown(address) for address in self._addresses]
        logger.info("%s listens on %s", self.path, ", ".join(where) or self.where, extra={"addresses": where})

    async def reload(self) -> None:
        """Read again what the endpoint reads from files."""
        if self._port is not None:
            self._port.reload()

    async def drain(self) -> None:
        """Accept no more, and return when every connection has ended."""
        if self._port is not None:
            port, self._port = self._port, None
            try:
                await self._opener.end_accepting(port, as_endpoint(self.where))
            finally:
                await self._opener.close(port)
        for conversation in self._under_way():
            self.finish(conversation)
        await self._connections.wait_ended()
        if self._handlers is not None:
            await self._handlers.wait_ended()

    def _under_way(self) -> list[Any]:
        """Return what `finish` is called with: the writers of a coroutine function, or else the protocols."""
        if self._handlers is not None:
            return list(self._handlers.writers.values())
        return [watch.protocol for watch in self._connections.watches()]

    def finish(self, conversation: Any) -> None:
        """Have a connection closed when what is under way is answered, given its protocol or its writer."""
        if self._finish is not None:
            self._finish(conversation)

    async def stop(self) -> None:
        """Accept no more, and cut off what is left."""
        if self._port is not None:
            port, self._port = self._port, None
            await self._opener.close(port)
        cut = self._connections.abort()
        if cut:
            logger.warning("%s cuts %d connection%s off", self.path, cut, "" if cut == 1 else "s", extra={"cut": cut})
        if self._handlers is not None:
            await self._handlers.cancel()
        await self._connections.wait_ended()
        self._addresses = ()
