"""Endpoints in memory: where a program takes an endpoint, a test gives it a name.

They are on the network of the running loop (`WatchedLoop.network`), so they work on the loops of weft.testing alone.
There is no string for them: a program that is not tested has nothing to choose there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, cast

from weft.endpoints import ClientEndpoint, Port, ServerEndpoint
from weft.endpoints.base import Factory, P
from weft.errors import EndpointError
from weft.testing.network import Network
from weft.testing.poller import memory_poller_of


@dataclass(frozen=True)
class MemoryServer(ServerEndpoint):
    """Listens at a name in memory."""

    name: str

    def __post_init__(self) -> None:
        check_name(self.name)

    async def listen(self, factory: Factory[Any]) -> Port:
        """Listen. Raises OSError where a server listens at the name already, TypeError on another kind of loop."""
        server: Any = await running_network().listen(self.name, factory)
        return Port([server], addresses=[self.name])


@dataclass(frozen=True)
class MemoryClient(ClientEndpoint):
    """Connects to a name in memory."""

    name: str

    def __post_init__(self) -> None:
        check_name(self.name)

    async def connect(self, factory: Factory[P]) -> tuple[asyncio.Transport, P]:
        """Connect. Raises ConnectionRefusedError where nobody listens, TypeError on another kind of loop."""
        transport, protocol = await running_network().connect(self.name, factory)
        return cast(asyncio.Transport, transport), protocol


def running_network() -> Network:
    """Return the network of the running loop. Raises TypeError where that knows no memory."""
    loop: Any = asyncio.get_running_loop()
    memory_poller_of(loop)
    return cast(Network, loop.network)


def check_name(name: str) -> None:
    """Raise EndpointError for a name that is empty."""
    if not name:
        raise EndpointError("name is empty, and must be a text, such as 'echo'")
