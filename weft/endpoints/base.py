"""What an endpoint is: a description of where to listen or to connect, which can do so, as often as it is asked.

A description owns no socket and no state; it can be compared, kept and used again. It works on the running loop,
through asyncio's public methods only, so it works on any loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from weft.endpoints.port import Port
from weft.errors import EndpointError

P = TypeVar("P", bound=asyncio.BaseProtocol)
T = TypeVar("T")
Factory = Callable[[], P]
TlsOptions = Mapping[str, Any]
"""What the loop's methods are told of TLS: `ssl`, and for clients `server_hostname`. Empty for a plain connection."""
PLAIN: TlsOptions = {}


class ServerEndpoint:
    """Where to listen. A subclass overrides `listen`."""

    async def listen(self, factory: Factory[Any]) -> Port:
        """Listen, with a protocol from `factory` for each connection; return the open port."""
        raise EndpointError(f"{self!r} cannot listen")


class ClientEndpoint:
    """Where to connect. A subclass overrides `connect`."""

    async def connect(self, factory: Factory[P]) -> tuple[asyncio.Transport, P]:
        """Connect a protocol from `factory`; return the transport and the protocol."""
        raise EndpointError(f"{self!r} cannot connect")


class TlsServerEndpoint(ServerEndpoint):
    """Where to listen, where the loop itself can put TLS between the socket and the protocol."""

    async def listen(self, factory: Factory[Any]) -> Port:
        """Listen without TLS."""
        return await self.listen_with(factory, PLAIN)

    async def listen_with(self, factory: Factory[Any], tls: TlsOptions) -> Port:
        """Listen, with TLS if `tls` says so."""
        raise NotImplementedError


class TlsClientEndpoint(ClientEndpoint):
    """Where to connect, where the loop itself can put TLS between the socket and the protocol."""

    async def connect(self, factory: Factory[P]) -> tuple[asyncio.Transport, P]:
        """Connect without TLS."""
        return await self.connect_with(factory, PLAIN)

    async def connect_with(self, factory: Factory[P], tls: TlsOptions) -> tuple[asyncio.Transport, P]:
        """Connect, with TLS if `tls` says so."""
        raise NotImplementedError


async def within(seconds: float | None, where: str, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns. Raises TimeoutError if that takes longer than `seconds`; None is for ever."""
    try:
        async with asyncio.timeout(seconds) as limit:
            return await work
    except TimeoutError as error:
        if limit.expired():
            raise TimeoutError(f"{where} did not answer within {seconds} s") from error
        raise


def check_range(name: str, number: int, least: int, most: int) -> None:
    """Raise EndpointError unless `number` lies from `least` to `most`."""
    if not least <= number <= most:
        raise EndpointError(f"{name} is {number}, and must be from {least} to {most}")


def check_seconds(name: str, seconds: float | None) -> None:
    """Raise EndpointError unless `seconds` is None or more than 0."""
    if seconds is not None and not seconds > 0:
        raise EndpointError(f"{name} is {seconds}, and must be more than 0 s; None is for ever")
