"""ClientService: keeps a connection, and makes it again when it is lost."""

from __future__ import annotations

import asyncio
from typing import Any

from weft.endpoints.base import ClientEndpoint
from weft.endpoints.parsing import client
from weft.errors import ServiceStateError
from weft.services.backoff import Backoff
from weft.services.connections import Connections, Factory, Handlers, StreamHandler, Watch, is_stream_handler
from weft.services.lifecycle import IS_UP
from weft.services.service import Service, logger, said

STABLE_S = 10.0
"""A connection that lasted so long was a good one: the next failure begins with the first delay again."""
CLOSE_S = 2.0
"""How long a connection has to send what was written to it, when the service stops."""


class ClientService(Service):
    """Connects to an endpoint, and again whenever the connection is lost or cannot be made, until it is stopped.

    `factory` makes a protocol for each connection, or is a coroutine function that is called with its reader and
    writer; when that returns, the connection is closed, and made again. The service counts as started at once;
    `await connected()` waits for a connection. Between the attempts it waits as `backoff` says. With `most_failures`,
    so many in a row break the service with what the last one raised.
    """

    def __init__(
        self,
        where: str | ClientEndpoint,
        factory: Factory | StreamHandler,
        *,
        backoff: Backoff | None = None,
        most_failures: int | None = None,
        name: str = "",
    ) -> None:
        super().__init__(name=name)
        self.where = where
        self.backoff = backoff or Backoff()
        self.most_failures = most_failures
        self._handlers = Handlers(factory, self.name) if is_stream_handler(factory) else None
        self._connections = Connections()
        self._make: Any = factory if self._handlers is None else self._handlers.make_protocol
        self._watch: Watch | None = None
        self._waiters: list[asyncio.Future[Any]] = []
        self._trouble = ""
        self._endpoint: ClientEndpoint | None = None

    @property
    def note(self) -> str:
        """Where it is connected to, or what keeps it from that."""
        if self.protocol is not None:
            return f"connected to {self.where}"
        return f"not connected to {self.where}" + (f": {self._trouble}" if self._trouble else "")

    @property
    def protocol(self) -> Any:
        """The protocol of the connection, None while there is none."""
        watch = self._watch
        return None if watch is None or watch.over.is_set() else watch.protocol

    async def connected(self) -> Any:
        """Return the protocol, as soon as there is a connection.

        Raises ServiceStateError when the service ends first.
        """
        if self.protocol is not None:
            return self.protocol
        if self.state not in IS_UP or (self._task is not None and self._task.done()):
            raise ServiceStateError(f"{self.path} is {self.state.value} and will not connect: start it", self.path)
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    async def start(self) -> None:
        """Read where to connect to. Raises EndpointStringError, which says what is wrong with it."""
        self._endpoint = client(self.where) if isinstance(self.where, str) else self.where
        self.backoff.reset()

    async def run(self) -> None:
        """Connect, wait until the connection is lost, and do so again."""
        assert self._endpoint is not None
        attempts = 0
        time = asyncio.get_running_loop().time
        try:
            while True:
                began = time()
                try:
                    await self._connect_once(self._endpoint)
                except (OSError, EOFError) as error:
                    self._trouble = said(error)
                    attempts += 1
                    if self.most_failures is not None and attempts >= self.most_failures:
                        raise
                else:
                    attempts = 0
                    self._trouble = "the connection was lost"
                    if time() - began >= STABLE_S:
                        self.backoff.reset()
                delay_s = self.backoff.next_s()
                logger.info("%s: %s; it connects again in %.2f s", self.path, self._trouble, delay_s)
                await asyncio.sleep(delay_s)
        finally:
            self._give_up_waiters()

    async def _connect_once(self, where: ClientEndpoint) -> None:
        """Connect, tell those who wait, and return when the connection is lost."""
        watched = self._connections.watched(self._make)
        _, watch = await where.connect(watched)
        logger.info("%s is connected to %s", self.path, self.where)
        self._watch = watch
        try:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(watch.protocol)
            await watch.wait_over()
        finally:
            self._watch = None

    def _give_up_waiters(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(
                    ServiceStateError(f"{self.path} ended before it was connected to {self.where}", self.path)
                )

    async def stop(self) -> None:
        """Close the connection: what was written is sent, for a short time at most; then it is cut off."""
        if self._handlers is not None:
            await self._handlers.cancel()
        for watch in self._connections.watches():
            watch.transport.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._connections.wait_ended()
        except TimeoutError:
            self._connections.abort()
            await self._connections.wait_ended()
