"""UNIX sockets, as asyncio asks for them: connections and servers by path, by abstract name, by socket.

What happens on a connection is the stream's, as for TCP. This module owns what is peculiar to a name in the file
system: it takes away the socket file that a server of before left there, and the one that its own server leaves.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import stat
import sys
from collections.abc import Callable
from typing import Any

from weft.core.loop import Core
from weft.faces.asyncio.connections import Server
from weft.faces.asyncio.streams import with_streams
from weft.faces.asyncio.tls import asked_security, refuse_bool, refuse_ssl_socket, secured_factory

logger = logging.getLogger("weft")

CLEANS_UP = sys.version_info >= (3, 13)
"""Whether a server's socket file goes with the server where the caller does not say: so does asyncio since 3.13."""


class UnixServer(Server):
    """A server on a UNIX socket, which takes its socket file with it when it closes."""

    def __init__(
        self, loop: Any, sock: socket.socket, factory: Callable[[], Any], backlog: int, cleanup_socket: bool
    ) -> None:
        super().__init__(loop, [sock], factory, backlog)
        self._path: Any = None
        self._inode = 0
        if cleanup_socket:
            path = sock.getsockname()
            if not is_abstract(path):
                try:
                    self._inode = os.stat(path).st_ino
                    self._path = path
                except FileNotFoundError:
                    pass

    def close(self) -> None:
        """Accept no more, and remove the socket file if it is still the one that this server made."""
        super().close()
        path = self._path
        self._path = None
        if path is None:
            return
        try:
            if os.stat(path).st_ino == self._inode:
                os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            logger.error("Unable to remove the socket file %r of a server that closed: %r", path, error)


class UnixSockets(Core):
    """`create_unix_connection` and `create_unix_server`."""

    async def create_unix_connection(
        self,
        protocol_factory: Callable[[], Any],
        path: Any = None,
        *,
        ssl: Any = None,
        sock: socket.socket | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[Any, Any]:
        """Connect to a UNIX socket and return (transport, protocol).

        `path` is a str, bytes or path-like object; one that begins with a zero is an abstract name (Linux). Raises
        OSError when nobody listens there.
        """
        self._check_closed()  # type: ignore[attr-defined]
        if ssl and server_hostname is None:
            raise ValueError("you have to pass server_hostname when using ssl")
        security = asked_security(
            ssl,
            is_server=False,
            server_hostname=server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        if path is None:
            sock = given_socket(sock, "no path and sock were specified")
        elif sock is not None:
            raise ValueError("path and sock can not be specified at the same time")
        else:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                await self.sock_connect(sock, os.fspath(path))  # type: ignore[attr-defined]
            except BaseException:
                sock.close()
                raise
        return await self._begin_stream(sock, protocol_factory, security)  # type: ignore[attr-defined, no-any-return]

    async def create_unix_server(
        self,
        protocol_factory: Callable[[], Any],
        path: Any = None,
        *,
        sock: socket.socket | None = None,
        backlog: int = 100,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        cleanup_socket: bool = CLEANS_UP,
    ) -> UnixServer:
        """Listen on a UNIX socket; a socket file that lies at `path` already is replaced.

        With `cleanup_socket` the file is removed when the server closes. Raises OSError where the path cannot be
        bound: EADDRINUSE if a file lies there that is no socket.
        """
        self._check_closed()  # type: ignore[attr-defined]
        refuse_bool(ssl)
        security = asked_security(
            ssl,
            is_server=True,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        if path is None:
            sock = given_socket(sock, "path was not specified, and no sock specified")
        elif sock is not None:
            raise ValueError("path and sock can not be specified at the same time")
        else:
            sock = bind_path(os.fspath(path))
        sock.setblocking(False)
        factory = secured_factory(self, with_streams(protocol_factory), security)
        server = UnixServer(self, sock, factory, backlog, cleanup_socket)
        if start_serving:
            try:
                await server.start_serving()
            except BaseException:
                server.close()
                raise
        return server


def given_socket(sock: socket.socket | None, missing: str) -> socket.socket:
    """Return a caller's own stream socket of the UNIX family, non-blocking. Raises ValueError for any other."""
    if sock is None:
        raise ValueError(missing)
    refuse_ssl_socket(sock)
    if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM:
        raise ValueError(f"A UNIX Domain Stream Socket was expected, got {sock!r}")
    sock.setblocking(False)
    return sock


def bind_path(path: str | bytes, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """Return a new socket bound to `path`, in place of one that lies there. Raises OSError; it names the path."""
    sock = socket.socket(socket.AF_UNIX, kind)
    try:
        remove_stale(path)
        sock.bind(path)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise OSError(errno.EADDRINUSE, f"Address {path!r} is already in use") from None
        raise
    except BaseException:
        sock.close()
        raise
    return sock


def remove_stale(path: str | bytes) -> None:
    """Remove the socket file at `path`, if there is one; any other file stays. Failures are logged."""
    if is_abstract(path):
        return
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.remove(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        # The folder may allow no more than making a socket: binding decides.
        logger.error("Unable to check or remove the socket file %r: %r", path, error)


def is_abstract(path: str | bytes) -> bool:
    """Return whether a socket's name is no path: an abstract name of Linux's, or none at all."""
    return path[:1] in ("", b"", "\0", b"\0")
