"""The sockets that workers share: bound once, by the process above them, and kept while workers come and go."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import Iterable, Sequence
from typing import Any

from weft.endpoints.base import TlsServerEndpoint
from weft.endpoints.port import Port
from weft.errors import ApplicationError
from weft.services import accepting
from weft.services.listening import BACKLOG, fields_of, is_ours

PLAIN = (str, int, float, bool, type(None))


def to_json(endpoint: TlsServerEndpoint) -> dict[str, Any] | None:
    """Return an endpoint as what `json.dumps` takes; None where it holds what cannot be written so."""
    fields = dict(fields_of(endpoint))
    if not fields or not all(isinstance(value, PLAIN) for value in fields.values()):
        return None
    return {"kind": type(endpoint).__name__, "fields": fields}


def from_json(value: dict[str, Any]) -> TlsServerEndpoint | None:
    """Return the endpoint that `to_json` was given; None where this process does not know its kind."""
    kinds: list[type[TlsServerEndpoint]] = [TlsServerEndpoint]
    for kind in kinds:
        if kind.__name__ == value["kind"]:
            make: Any = kind
            made: TlsServerEndpoint = make(**value["fields"])
            return made
        kinds.extend(kind.__subclasses__())
    return None


class SharedPorts:
    """The ports that were opened for workers, each with its bound sockets; nobody accepts at them in this process.

    With `only`, no others may be opened than those: what a worker without rights asks of a process with all of them.
    With `each`, every slot of workers has sockets of its own (SO_REUSEPORT), among which the kernel spreads clients.
    """

    def __init__(self, only: Iterable[TlsServerEndpoint] | None = None, *, each: bool = False) -> None:
        self._only = None if only is None else list(only)
        self._each = each
        self._ports: dict[tuple[TlsServerEndpoint, int], _Bound] = {}
        self._numbers: dict[TlsServerEndpoint, int] = {}
        self._opening = asyncio.Lock()

    async def sockets(self, endpoint: TlsServerEndpoint, slot: int, generation: int) -> Sequence[socket.socket]:
        """Return the sockets of an endpoint for a slot, bound now if they were not before.

        Raises OSError where they cannot be bound, ApplicationError where they may not.
        """
        if self._only is not None and endpoint not in self._only:
            raise ApplicationError(
                f"a worker asks for {endpoint}, which only this process could open, and it was not told so: "
                "name it with --listen as well, since --user is given"
            )
        async with self._opening:
            key = (endpoint, slot if self._each else 0)
            bound = self._ports.get(key)
            if bound is None:
                bound = self._ports[key] = await self._bind(endpoint)
            bound.generation = max(bound.generation, generation)
            return bound.sockets

    async def _bind(self, endpoint: TlsServerEndpoint) -> _Bound:
        actual: Any = endpoint
        if self._each and hasattr(endpoint, "reuse_port"):
            actual = dataclasses.replace(actual, reuse_port=True, port=self._numbers.get(endpoint, actual.port))
        port = await actual.listen_with(asyncio.Protocol, {"start_serving": False})
        bound = _Bound(port, is_ours(endpoint))
        if self._each and hasattr(endpoint, "reuse_port"):
            self._numbers[endpoint] = bound.sockets[0].getsockname()[1]
        return bound

    def refuse_new(self, older_than: int | None = None) -> bool:
        """Let no new connection in at all ports, or at those that no generation asked for since.

        Returns whether there are any.
        """
        found = [bound for bound in self._ports.values() if older_than is None or bound.generation < older_than]
        for bound in found:
            if bound.is_ours:
                accepting.refuse_new(bound.sockets)
        return bool(found)

    async def close(self, older_than: int | None = None) -> None:
        """Close all ports, or those that no generation asked for since."""
        for key, bound in list(self._ports.items()):
            if older_than is None or bound.generation < older_than:
                del self._ports[key]
                await bound.close()


class _Bound:
    """One open port's sockets, listening, and the port, which knows what to undo."""

    def __init__(self, port: Port, is_ours: bool) -> None:
        self.port = port
        self.is_ours = is_ours
        self.generation = 0
        self.sockets = [sock.dup() for sock in port.sockets]
        for sock in self.sockets:
            sock.listen(BACKLOG)

    async def close(self) -> None:
        for sock in self.sockets:
            sock.close()
        await self.port.close()
