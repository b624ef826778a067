"""Behind HAProxy: another endpoint whose connections begin with a PROXY header, which says who the client is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from weft.endpoints.base import Factory, ServerEndpoint
from weft.endpoints.port import Port
from weft.endpoints.tls import TlsServer
from weft.protocols.proxied import HEADER_TIMEOUT_S, ProxyHeaders


@dataclass(frozen=True)
class HaproxyServer(ServerEndpoint):
    """Listens at another endpoint, for connections with a PROXY header (version 1 or 2) and no others.

    `weft.protocols.ProxyHeaders` says what protocols are told then. Where there is TLS, too, the header comes before
    it, in the clear, as HAProxy's `send-proxy` has it.
    """

    over: ServerEndpoint
    trusts: Callable[[Any], bool] | None = None
    """Says of a peer's address whether it may send a header; None: all may, so only proxies should reach the port."""
    header_timeout_s: float = HEADER_TIMEOUT_S

    async def listen(self, factory: Factory[Any]) -> Port:
        """Listen. Raises what the endpoint below raises."""
        if isinstance(self.over, TlsServer):
            return await replace(self.over, over=replace(self, over=self.over.over)).listen(factory)
        headers = ProxyHeaders(factory, seconds=self.header_timeout_s, trusts=self.trusts)
        return await self.over.listen(headers)
