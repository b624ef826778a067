"""TLS as asyncio asks for it: the options checked, the handshake awaited, plain connections upgraded."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import socket
from collections.abc import Callable
from typing import Any

from weft.core.loop import Core
from weft.transports.channel import SocketChannel
from weft.transports.security import HAS_SSL, Security, require_ssl, secure
from weft.transports.security import ssl as ssl_module
from weft.transports.stream import Stream
from weft.transports.tls import TLSStream


class TLS(Core):
    """`start_tls`."""

    async def start_tls(
        self,
        transport: Any,
        protocol: Any,
        sslcontext: ssl_module.SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Any:
        """Upgrade a connection to TLS and return the transport that `protocol` uses from then on.

        `protocol` is not told `connection_made` again. When the handshake fails or the wait for it is cancelled, the
        connection ends. Raises TypeError for a context or a transport of the wrong kind, ConnectionResetError if the
        connection has ended, RuntimeError where Python has no ssl module, and what the handshake raises.
        """
        require_ssl()
        if not isinstance(sslcontext, ssl_module.SSLContext):
            raise TypeError(f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}")
        if not getattr(transport, "_start_tls_compatible", False):
            raise TypeError(f"transport {transport!r} is not supported by start_tls()")
        security = secure(
            sslcontext,
            is_server=server_side,
            hostname=server_hostname,
            handshake_timeout_s=ssl_handshake_timeout,
            shutdown_timeout_s=ssl_shutdown_timeout,
        )
        if transport.is_closing():
            raise ConnectionResetError(f"{transport!r} has ended: it cannot be upgraded to TLS")
        agreed: asyncio.Future[None] = self.create_future()  # type: ignore[attr-defined]
        stream = TLSStream(self, protocol, security, functools.partial(settle, agreed), is_connected=True)
        transport.set_protocol(stream)
        # In the next turn, so that what was written in plain leaves by itself, before the handshake.
        begin = self.call_soon(begin_over, stream, transport)
        try:
            await agreed
        except BaseException:
            begin.cancel()
            stream.abort()
            transport.abort()
            raise
        return stream


def asked_security(
    ssl: Any,
    *,
    is_server: bool,
    server_hostname: str | None = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
) -> Security | None:
    """Return how the caller wants a connection secured; None for a plain one.

    Raises ValueError for an option that means nothing without TLS, or has no sensible value; TypeError for what is
    no context.
    """
    if ssl is None or ssl is False:
        alone = {
            "server_hostname": server_hostname,
            "ssl_handshake_timeout": ssl_handshake_timeout,
            "ssl_shutdown_timeout": ssl_shutdown_timeout,
        }
        for name, value in alone.items():
            if value is not None:
                raise ValueError(f"{name} is only meaningful with ssl")
        return None
    return secure(
        ssl,
        is_server=is_server,
        hostname=server_hostname,
        handshake_timeout_s=ssl_handshake_timeout,
        shutdown_timeout_s=ssl_shutdown_timeout,
    )


def refuse_bool(ssl: Any) -> None:
    """Raise TypeError where a server is given True or False for a context."""
    if isinstance(ssl, bool):
        raise TypeError("ssl argument must be an SSLContext or None")


def refuse_ssl_socket(sock: Any) -> None:
    """Raise TypeError for a socket that does TLS by itself: it would block the loop."""
    if HAS_SSL and isinstance(sock, ssl_module.SSLSocket):
        raise TypeError("Socket cannot be of type SSLSocket: give the plain socket, and ssl=")


def secured_factory(loop: Any, factory: Callable[[], Any], security: Security | None) -> Callable[[], Any]:
    """Return a factory that puts TLS between an accepted stream and the protocol that `factory` makes."""
    if security is None:
        return factory
    accepted = functools.partial(report_refused, loop)
    return lambda: TLSStream(loop, factory(), security, accepted)


def report_refused(loop: Any, error: BaseException | None) -> None:
    """Tell of a client whose handshake failed, in debug mode: anybody can make one fail."""
    if error is not None and loop.get_debug():
        message = "Error on transport creation for incoming connection"
        loop.call_exception_handler({"message": message, "exception": error})


async def begin_secured(
    loop: Any, sock: socket.socket, factory: Callable[[], Any], security: Security
) -> tuple[Any, Any]:
    """Start TLS on a connected, non-blocking socket and return (transport, protocol) when both sides agreed.

    If that fails or is cancelled, the socket is closed.
    """
    try:
        protocol = factory()
        agreed = loop.create_future()
        secured = TLSStream(loop, protocol, security, functools.partial(settle, agreed))
        stream = Stream(loop, SocketChannel(sock), secured, contextvars.copy_context())
    except BaseException:
        sock.close()
        raise
    stream.start()
    try:
        await agreed
    except BaseException:
        secured.abort()
        raise
    return secured, protocol


def outermost(transport: Any) -> Any:
    """Return the transport that an application's protocol has: the topmost TLS stream over this one, or itself."""
    while True:
        protocol = transport.get_protocol()
        if not is_tls(protocol):
            return transport
        transport = protocol


def is_tls(transport: Any) -> bool:
    """Return whether a transport is a TLS stream of Weft's."""
    return type(transport) is TLSStream  # `isinstance` asks `__class__`, which says what asyncio is to believe


def begin_over(stream: TLSStream, transport: Any) -> None:
    """Begin the handshake over a transport that was connected before."""
    stream.connection_made(transport)
    transport.resume_reading()


def settle(agreed: asyncio.Future[None], error: BaseException | None) -> None:
    """Give a future that nobody cancelled the handshake's outcome."""
    if agreed.done():
        return
    if error is None:
        agreed.set_result(None)
    else:
        agreed.set_exception(error)
