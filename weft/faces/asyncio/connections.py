"""Connections and servers, as asyncio asks for them: sockets made, options set, streams handed out."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import os
import socket
import sys
from asyncio import trsock
from collections.abc import Callable, Iterable
from typing import Any

from weft.core.loop import Core
from weft.faces.asyncio.eyeballs import bind_error, connect_first, interleaved
from weft.faces.asyncio.streams import with_streams
from weft.faces.asyncio.tls import (
    asked_security,
    begin_secured,
    outermost,
    refuse_bool,
    refuse_ssl_socket,
    secured_factory,
)
from weft.transports.channel import SocketChannel
from weft.transports.listener import OUT_OF_RESOURCES, Listener, SocketAcceptor, no_delay
from weft.transports.security import Security
from weft.transports.stream import Stream

PASSES_OVER_UNAVAILABLE = sys.version_info >= (3, 13)
"""Whether a server passes over an address that this machine does not have, as long as another can be bound."""


class Server(asyncio.AbstractServer):
    """Listeners that share a protocol factory, and the connections that they accepted."""

    def __init__(self, loop: Any, sockets: list[socket.socket], factory: Callable[[], Any], backlog: int) -> None:
        self._loop = loop
        self._sockets: list[socket.socket] | None = sockets  # None once closed
        self._listeners: list[Listener] | None = None
        self._factory = factory
        self._backlog = backlog
        self._streams: dict[Stream, None] = {}  # a set that keeps the order
        self._waiters: list[asyncio.Future[None]] | None = []  # None once closed and every connection gone
        self._serving_forever: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<weft.Server sockets={self.sockets!r}>"

    def attach(self, stream: Stream) -> None:
        """Count a connection in."""
        self._streams[stream] = None

    def detach(self, stream: Stream) -> None:
        """Count a connection out."""
        del self._streams[stream]
        self._wake_if_gone()

    def get_loop(self) -> Any:
        """Return the loop that the server runs on."""
        return self._loop

    def is_serving(self) -> bool:
        """Return whether connections are accepted."""
        return self._listeners is not None

    @property
    def sockets(self) -> tuple[trsock.TransportSocket, ...]:
        """The listening sockets, as asyncio.trsock.TransportSocket; none once the server is closed."""
        return tuple(map(trsock.TransportSocket, self._sockets or ()))

    async def start_serving(self) -> None:
        """Begin to accept connections. Doing so twice does nothing."""
        self._start()
        await asyncio.sleep(0)

    def _start(self) -> None:
        if self._sockets is None:
            raise RuntimeError(f"server {self!r} is closed")
        if self._listeners is not None:
            return
        self._listeners = []
        for sock in self._sockets:
            sock.listen(self._backlog)
            self._listeners.append(Listener(self._loop, SocketAcceptor(sock), self._factory, self))

    async def serve_forever(self) -> None:
        """Accept connections until cancelled; the server is closed then."""
        if self._serving_forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        self._start()
        self._serving_forever = self._loop.create_future()
        try:
            await self._serving_forever
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise
        finally:
            self._serving_forever = None

    def close(self) -> None:
        """Accept no more; connections that are open live on. Closing twice does nothing."""
        if self._sockets is None:
            return
        for listener in self._listeners or ():
            listener.close()
        self._listeners = None
        for sock in self._sockets:  # those that no listener owns yet, too
            sock.close()
        self._sockets = None
        if self._serving_forever is not None and not self._serving_forever.done():
            self._serving_forever.cancel()
        self._wake_if_gone()

    def close_clients(self) -> None:
        """Close every connection that was accepted, in good order."""
        for stream in list(self._streams):
            outermost(stream).close()

    def abort_clients(self) -> None:
        """End every connection that was accepted, at once."""
        for stream in list(self._streams):
            outermost(stream).abort()

    async def wait_closed(self) -> None:
        """Wait until the server is closed and every connection that it accepted has ended."""
        if self._waiters is None:
            return
        # Before Python 3.12.1, asyncio did not wait for the connections of a server that was closed.
        if self._sockets is None and sys.version_info < (3, 12, 1):
            return
        gone = self._loop.create_future()
        self._waiters.append(gone)
        await gone

    def _wake_if_gone(self) -> None:
        if self._sockets is None and not self._streams:
            for gone in self._waiters or ():
                if not gone.done():
                    gone.set_result(None)
            self._waiters = None


class Connections(Core):
    """`create_connection`, `create_server` and `connect_accepted_socket`."""

    async def create_connection(
        self,
        protocol_factory: Callable[[], Any],
        host: str | None = None,
        port: Any = None,
        *,
        ssl: Any = None,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        sock: socket.socket | None = None,
        local_addr: tuple[str, int] | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        happy_eyeballs_delay: float | None = None,
        interleave: int | None = None,
        all_errors: bool = False,
    ) -> tuple[Any, Any]:
        """Connect by TCP and return (transport, protocol).

        The addresses of `host` are tried one after another; with `happy_eyeballs_delay`, the next one begins after
        that many seconds already (RFC 8305; 0.25 is its advice), and the families take turns. Raises OSError when
        none answers; with `all_errors`, an ExceptionGroup of what each said.
        """
        self._check_closed()  # type: ignore[attr-defined]
        if happy_eyeballs_delay is not None and interleave is None:
            interleave = 1
        if ssl and server_hostname is None:
            if not host:
                raise ValueError("You must set server_hostname when using ssl without a host")
            server_hostname = host
        security = asked_security(
            ssl,
            is_server=False,
            server_hostname=server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        if sock is not None:
            if host is not None or port is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            check_stream_socket(sock)
        elif host is None and port is None:
            raise ValueError("host and port was not specified and no sock specified")
        else:
            infos = await self._resolve(host, port, family=family, type=socket.SOCK_STREAM, proto=proto, flags=flags)
            sources = None
            if local_addr is not None:
                sources = await self._resolve(
                    *local_addr, family=family, type=socket.SOCK_STREAM, proto=proto, flags=flags
                )
            if interleave:
                infos = interleaved(infos, interleave)
            sock = await connect_first(self, infos, sources, delay_s=happy_eyeballs_delay, all_errors=all_errors)
        return await self._begin_stream(sock, protocol_factory, security)

    async def connect_accepted_socket(
        self,
        protocol_factory: Callable[[], Any],
        sock: socket.socket,
        *,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[Any, Any]:
        """Give a connection that was accepted elsewhere to a protocol; return (transport, protocol)."""
        self._check_closed()  # type: ignore[attr-defined]
        security = asked_security(
            ssl,
            is_server=True,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        check_stream_socket(sock)
        return await self._begin_stream(sock, protocol_factory, security)

    async def _begin_stream(
        self, sock: socket.socket, factory: Callable[[], Any], security: Security | None = None
    ) -> tuple[Any, Any]:
        """Start a stream on a connected socket, with TLS if asked; if that fails, the socket is closed."""
        try:
            sock.setblocking(False)
            no_delay(sock)
        except BaseException:
            sock.close()
            raise
        if security is not None:
            return await begin_secured(self, sock, factory, security)
        try:
            protocol = factory()
            stream = Stream(self, SocketChannel(sock), protocol, contextvars.copy_context())
        except BaseException:
            sock.close()
            raise
        try:
            stream.start()
        except (SystemExit, KeyboardInterrupt):
            stream.abort()  # nobody will get hold of it
            raise
        try:
            await asyncio.sleep(0)
        except BaseException:
            stream.close()  # cancelled: nobody will get hold of it
            raise
        return stream, protocol

    async def create_server(
        self,
        protocol_factory: Callable[[], Any],
        host: Any = None,
        port: Any = None,
        *,
        family: int = socket.AF_UNSPEC,
        flags: int = socket.AI_PASSIVE,
        sock: socket.socket | None = None,
        backlog: int = 100,
        ssl: Any = None,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        keep_alive: bool | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
    ) -> Server:
        """Listen by TCP on every address of `host` (None: all interfaces; or a sequence of hosts).

        Raises OSError where an address cannot be bound; nothing is left listening then.
        """
        self._check_closed()  # type: ignore[attr-defined]
        refuse_bool(ssl)
        security = asked_security(
            ssl,
            is_server=True,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        if sock is not None:
            if host is not None or port is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            check_stream_socket(sock)
            sock.setblocking(False)
            sockets = [sock]
        elif host is None and port is None:
            raise ValueError("Neither host/port nor sock were specified")
        else:
            infos = await self._listening_addresses(host, port, family, flags)
            sockets = bind_all(infos, reuse_address, reuse_port, keep_alive)
        factory = secured_factory(self, with_streams(protocol_factory), security)
        server = Server(self, sockets, factory, backlog)
        if start_serving:
            try:
                await server.start_serving()
            except BaseException:
                server.close()
                raise
        return server

    async def _listening_addresses(self, host: Any, port: Any, family: int, flags: int) -> list[Any]:
        """Return every distinct address to listen on, in the order in which they were named."""
        if host == "":
            hosts: list[Any] = [None]
        elif isinstance(host, str) or not isinstance(host, Iterable):
            hosts = [host]
        else:
            hosts = list(host)
        found: dict[Any, None] = {}
        for each in hosts:
            for info in await self._resolve(each, port, family=family, type=socket.SOCK_STREAM, flags=flags):
                found[info] = None
        return list(found)

    async def _resolve(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        """Return the addresses of a host, by `getaddrinfo`; not for one that is written in numbers."""
        infos: list[Any] = []
        if host is not None:
            try:
                infos = socket.getaddrinfo(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)
            except socket.gaierror:
                pass
        if not infos:
            infos = await self.getaddrinfo(  # type: ignore[attr-defined]
                host, port, family=family, type=type, proto=proto, flags=flags
            )
        if not infos:
            raise OSError(f"getaddrinfo({host!r}) returned empty list")
        return infos


def check_stream_socket(sock: socket.socket) -> None:
    """Raise ValueError for a socket that is not a stream."""
    refuse_ssl_socket(sock)
    if sock.type != socket.SOCK_STREAM:
        raise ValueError(f"A Stream Socket was expected, got {sock!r}")


def bind_all(
    infos: list[Any], reuse_address: bool | None, reuse_port: bool | None, keep_alive: bool | None
) -> list[socket.socket]:
    """Return a bound socket for each address; when one fails, none is left open. Raises OSError."""
    if reuse_address is None:
        reuse_address = os.name == "posix"
    sockets: list[socket.socket] = []
    try:
        for family, kind, proto, _, address in infos:
            try:
                sock = socket.socket(family, kind, proto)
            except OSError as error:
                if error.errno in OUT_OF_RESOURCES:
                    raise
                continue  # the host has an address of a family that this machine does not know
            sockets.append(sock)
            sock.setblocking(False)
            if reuse_address:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if keep_alive:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                sock.bind(address)
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL and PASSES_OVER_UNAVAILABLE:
                    sockets.pop().close()
                    continue
                raise bind_error(address, error) from None
        if not sockets:
            raise OSError(f"could not bind on any address out of {[info[4] for info in infos]!r}")
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets
