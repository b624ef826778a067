"""Connections through a proxy that says whom it speaks for: the protocol inside sees the real peer.

The specification demands that nobody guesses whether there is a header: a factory wrapped here takes connections with
one and no others. Let only the proxies reach its port, or say with `trusts` who they are: whoever may send a header
can claim to be anybody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from weft.errors import ProxyHeaderError
from weft.protocols.proxy_header import MAX_HEADER_BYTES, ProxyHeader, ProxyHeaderParser
from weft.protocols.timeouts import Alarm, check_delay
from weft.protocols.wrapping import ProtocolFactory, WrappingFactory, WrappingProtocol

logger = logging.getLogger("weft")

HEADER_TIMEOUT_S = 5.0
"""How long the header may take: the specification asks for at least 3 s, the time of a repeated TCP segment."""


class ProxyHeaders(WrappingFactory):
    """Reads HAProxy's PROXY header (versions 1 and 2) from each connection, and then hands it to its protocol.

    That protocol's transport says who the real peers are in `get_extra_info("peername")` and `"sockname"`, and the
    whole header in `get_extra_info("proxy_header")`; the proxy's own address stands in `"proxy_peername"`. It is made
    once the header is there. A connection without a valid one within `seconds`, or from a peer that `trusts` says no
    to (it is given the peername), is cut, and that is logged.
    """

    def __init__(
        self,
        factory: ProtocolFactory,
        versions: tuple[int, ...] = (1, 2),
        seconds: float = HEADER_TIMEOUT_S,
        max_length: int = MAX_HEADER_BYTES,
        trusts: Callable[[Any], bool] | None = None,
    ) -> None:
        super().__init__(factory)
        check_delay(seconds)
        ProxyHeaderParser(versions, max_length)  # a wrong argument is better known now
        self.versions = versions
        self.seconds = seconds
        self.max_length = max_length
        self.trusts = trusts

    def __call__(self) -> WrappingProtocol:
        """Return a wrapping that reads its connection's header."""
        return ProxiedProtocol(self)


class ProxiedProtocol(WrappingProtocol):
    """Reads one connection's header, and hands everything after it on; `ProxyHeaders` makes it."""

    def __init__(self, headers: ProxyHeaders) -> None:
        super().__init__(headers.factory)
        self._headers = headers
        self._parser: ProxyHeaderParser | None = ProxyHeaderParser(headers.versions, headers.max_length)
        self._header: ProxyHeader | None = None
        self._alarm: Alarm | None = None
        self._rest = b""  # what came with the header, while the protocol above does not want to read
        self._is_inner_reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the header."""
        self.transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        if self._headers.trusts is not None and not self._headers.trusts(peer):
            logger.warning("A connection from %s was cut: it is not trusted to send a PROXY header", peer)
            self.transport.abort()
            return
        self._alarm = Alarm(self._headers.seconds, self._time_is_over)

    def data_received(self, data: bytes) -> None:
        """Read the header; then hand up what comes."""
        if self.transport.is_closing():
            return
        if self._parser is None:
            if self._rest:
                self._rest += data
            else:
                self.deliver(data)
            return
        try:
            for header in self._parser.feed(data):
                self._begin(header, self._parser.take())
                return
        except ProxyHeaderError as error:
            self._cut(str(error))

    def eof_received(self) -> bool | None:
        """Hand the end up; before the header is complete, cut the connection."""
        if self._parser is not None:
            self._cut("it ended before its PROXY header was complete")
            return False
        return super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """Hand the end up, if the header had come."""
        self._end_waiting()
        super().connection_lost(error)

    def pause_reading(self) -> None:
        """Hand nothing up until `resume_reading`."""
        self._is_inner_reading = False
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Hand up again: first what came with the header, if it still waits."""
        self._is_inner_reading = True
        if self._rest:
            asyncio.get_running_loop().call_soon(self._hand_rest)
        else:
            self.transport.resume_reading()

    def is_reading(self) -> bool:
        """Return whether what comes is handed up."""
        return self._is_inner_reading and not self.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the header says of `name`, or else what the transport below knows."""
        header = self._header
        if name == "proxy_header":
            return header or default
        if header is not None and header.source is not None:
            if name == "peername":
                return header.source
            if name == "sockname":
                return header.destination
        return self.transport.get_extra_info(name.removeprefix("proxy_"), default)

    def _begin(self, header: ProxyHeader, rest: bytes) -> None:
        self._header = header
        self._end_waiting()
        self._rest = rest
        self.open_inner()
        self._hand_rest()

    def _hand_rest(self) -> None:
        """Hand up what came with the header, unless the protocol above does not want to read."""
        if self._is_inner_reading and not self.is_closing() and self._rest:
            rest, self._rest = self._rest, b""
            try:
                self.deliver(rest)
            except BaseException:
                self.transport.abort()
                raise
            if self._is_inner_reading and not self.is_closing():
                self.transport.resume_reading()

    def _end_waiting(self) -> None:
        self._parser = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _time_is_over(self) -> None:
        self._cut(f"its PROXY header did not come within {self._headers.seconds} s")

    def _cut(self, reason: str) -> None:
        peer = self.transport.get_extra_info("peername")
        logger.warning("A connection from %s was cut: %s", peer, reason)
        self.transport.abort()
