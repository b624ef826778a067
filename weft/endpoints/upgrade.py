"""TLS over a connection that is there already, on any loop: for what the loop cannot secure by itself.

That is a connection that begins with something else (a proxy's header), or that is no socket (a child's pipes).

    the wire | Carrier | the loop's TLS | Secured | the protocol
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from weft.endpoints.base import ClientEndpoint, Factory, P, TlsOptions
from weft.protocols.wrapping import WrappingProtocol


class Carrier(WrappingProtocol):
    """What TLS runs over: it begins with a handshake, and whoever is above learns of the connection afterwards.

    `agreed`, if there is one, gets what is above TLS when the two sides agreed, or why they did not.
    """

    _start_tls_compatible = True  # asyncio's mark of a transport that can be upgraded

    def __init__(
        self,
        factory: Factory[Any],
        tls: TlsOptions,
        is_server: bool,
        agreed: asyncio.Future[Secured] | None = None,
    ) -> None:
        super().__init__(factory)
        self._tls = {("sslcontext" if name == "ssl" else name): value for name, value in tls.items()}
        self._is_server = is_server
        self._agreed = agreed
        self._task: asyncio.Task[None] | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection has ended."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake; until it has begun, nothing is read."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._begin())

    def connection_lost(self, error: Exception | None) -> None:
        """Hand the end up; a handshake that has not begun never will."""
        if self.inner is None and self._task is not None:
            self._task.cancel()
        super().connection_lost(error)
        if not self.gone.done():
            self.gone.set_result(None)

    def _force_close(self, error: Exception | None) -> None:
        # How asyncio's TLS aborts the transport below.
        self.abort()

    async def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        secured = Secured(self._factory)
        try:
            transport = await loop.start_tls(self, secured, server_side=self._is_server, **self._tls)
            if transport is None and not secured.has_data():
                # asyncio's answer if the connection ended meanwhile, which Weft's loop answers by an error.
                raise ConnectionResetError("the connection ended during the TLS handshake")
            secured.open(transport or self)
        except BaseException as error:
            self.abort()
            if self._agreed is not None and not self._agreed.done():
                reset = ConnectionResetError("the connection ended before the TLS handshake")
                self._agreed.set_exception(reset if isinstance(error, asyncio.CancelledError) else error)
            elif secured.inner is not None or loop.get_debug():
                # A failed handshake is the client's affair, and anybody can make one fail: in debug mode only.
                loop.call_exception_handler(
                    {"message": "a connection over TLS failed at its start", "exception": error}
                )
            if not isinstance(error, Exception):
                raise
        else:
            if self._agreed is not None and not self._agreed.done():
                self._agreed.set_result(secured)


class Secured(WrappingProtocol):
    """What stands above TLS: it keeps what comes in the same read as the handshake's end until it is opened."""

    def __init__(self, factory: Factory[Any]) -> None:
        super().__init__(factory)
        self._kept: deque[Callable[[], object]] = deque()
        self._holds_back = True
        self._is_lost = False
        self._error: Exception | None = None

    def has_data(self) -> bool:
        """Return whether something came for the protocol above: then the handshake was done."""
        return bool(self._kept) and self._kept[0] != self._lose

    def open(self, transport: asyncio.Transport) -> None:
        """The handshake is done: make the protocol above, and hand up what came for it."""
        self.transport = transport
        self._holds_back = False
        self.open_inner()
        self._hand_kept()

    def data_received(self, data: bytes) -> None:
        """Hand data up, or keep it."""
        self._hand(partial(self.deliver, data))

    def eof_received(self) -> bool | None:
        """Hand the peer's end up, or keep it; over TLS it is the connection's, whatever the protocol answers."""
        self._hand(super().eof_received)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Hand the end up, after all that was kept."""
        self._is_lost = True
        self._error = error
        self._hand(self._lose)

    def pause_reading(self) -> None:
        """Hand nothing up until `resume_reading`."""
        self._holds_back = True
        super().pause_reading()

    def resume_reading(self) -> None:
        """Hand up again, from the next turn of the loop on."""
        self._holds_back = False
        super().resume_reading()
        if self._kept:
            asyncio.get_running_loop().call_soon(self._hand_kept)

    def _lose(self) -> None:
        super().connection_lost(self._error)

    def _hand(self, event: Callable[[], object]) -> None:
        self._kept.append(event)
        self._hand_kept()

    def _hand_kept(self) -> None:
        while self._kept and self.inner is not None and (self._is_lost or not self._holds_back):
            self._kept.popleft()()


def securing(factory: Factory[Any], tls: TlsOptions) -> Factory[Carrier]:
    """Return a factory whose protocols begin TLS, as a server, before those of `factory` learn of a connection."""
    return lambda: Carrier(factory, tls, is_server=True)


async def connect_over(over: ClientEndpoint, factory: Factory[P], tls: TlsOptions) -> tuple[asyncio.Transport, P]:
    """Connect to an endpoint and secure the connection, as a client; return what `connect` returns."""
    agreed: asyncio.Future[Secured] = asyncio.get_running_loop().create_future()
    transport, carrier = await over.connect(lambda: Carrier(factory, tls, is_server=False, agreed=agreed))
    try:
        secured = await agreed
    except BaseException:
        transport.abort()
        await carrier.gone  # so that nothing is left of it: a child process ends a little later
        raise
    return secured, cast(P, secured.inner)
