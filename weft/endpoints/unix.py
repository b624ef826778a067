"""UNIX sockets: by a path with its permissions and its lock, or by an abstract name of Linux's.

A socket's file outlives the process that made it. A file to which nobody listens is taken away; one to which somebody
listens is not, so a second server cannot take a first one's clients away unnoticed. A lock beside the file closes the
moment between looking and listening.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import stat
from contextlib import ExitStack
from dataclasses import dataclass

from weft.endpoints.base import (
    Factory,
    P,
    TlsClientEndpoint,
    TlsOptions,
    TlsServerEndpoint,
    check_range,
    check_seconds,
    within,
)
from weft.endpoints.port import Port
from weft.endpoints.tcp import BACKLOG, CONNECT_TIMEOUT_S
from weft.errors import EndpointError


@dataclass(frozen=True)
class UnixServer(TlsServerEndpoint):
    """Listens on a UNIX socket."""

    path: str
    mode: int | None = None
    """The file's permissions, 0o660 say; None: as the umask says. Who may not write may not connect."""
    lockfile: bool = False
    """Whether a lock is held in `path` + ".lock" while listening."""
    abstract: bool = False
    """Whether `path` is an abstract name, which is no file (Linux)."""
    backlog: int = BACKLOG

    def __post_init__(self) -> None:
        check_path(self.path)
        check_range("backlog", self.backlog, 1, 2**31 - 1)
        if self.mode is not None:
            check_range("mode", self.mode, 0, 0o777)
        if self.abstract and (self.mode is not None or self.lockfile):
            raise EndpointError("an abstract name is no file: it can have neither mode nor lockfile")

    async def listen_with(self, factory: Factory[asyncio.BaseProtocol], tls: TlsOptions) -> Port:
        """Listen. Raises OSError where that cannot be done: EADDRINUSE where somebody listens there already."""
        with ExitStack() as undo:
            if self.lockfile:
                undo.callback(unlock, lock(self.path + ".lock"), self.path + ".lock")
            sock = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            sock.setblocking(False)
            if self.abstract:
                sock.bind("\0" + self.path)
                file = None
            else:
                remove_stale(self.path)
                bind(sock, self.path)
                file = SocketFile(self.path)
                undo.callback(file.remove)
                if self.mode is not None:
                    os.chmod(self.path, self.mode)  # before anybody listens, so nobody comes in too early
            server = await asyncio.get_running_loop().create_server(factory, sock=sock, backlog=self.backlog, **tls)
            release = undo.pop_all()
        port = Port([server], release=release)
        if file is not None:
            # As long as this one listens nobody else puts a file there, so it goes first.
            port.on_close(file.remove)
        return port


@dataclass(frozen=True)
class UnixClient(TlsClientEndpoint):
    """Connects to a UNIX socket."""

    path: str
    abstract: bool = False
    """Whether `path` is an abstract name, which is no file (Linux)."""
    timeout_s: float | None = CONNECT_TIMEOUT_S

    def __post_init__(self) -> None:
        check_path(self.path)
        check_seconds("timeout", self.timeout_s)

    async def connect_with(self, factory: Factory[P], tls: TlsOptions) -> tuple[asyncio.Transport, P]:
        """Connect. Raises OSError where nobody listens, TimeoutError (one of them) where that takes too long."""
        path = "\0" + self.path if self.abstract else self.path
        connecting = asyncio.get_running_loop().create_unix_connection(factory, path, **tls)
        return await within(self.timeout_s, self.path, connecting)


class SocketFile:
    """The file of a socket that this process has just bound."""

    def __init__(self, path: str) -> None:
        self.path: str | None = path
        self.identity = identity(os.stat(path))

    def remove(self) -> None:
        """Remove the file, if it is still the one that was bound. Removing twice does nothing."""
        path, self.path = self.path, None
        if path is not None:
            try:
                if identity(os.lstat(path)) == self.identity:
                    os.unlink(path)
            except FileNotFoundError:
                pass


def identity(status: os.stat_result) -> tuple[int, int]:
    """Return what tells a file from every other one that is there."""
    return status.st_dev, status.st_ino


def check_path(path: str) -> None:
    """Raise EndpointError for a name that cannot be a socket's."""
    if not path or "\0" in path:
        raise EndpointError(f"path is {path!r}, and must be a name without zeros, also if it is abstract")


def bind(sock: socket.socket, path: str) -> None:
    """Bind a socket to a path. Raises OSError, which names the path."""
    try:
        sock.bind(path)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OSError(error.errno, f"{path} is in use: something that is no stale socket lies there") from None
        if error.errno is None:  # Python's own check of the length
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path) from None
        raise OSError(error.errno, error.strerror, path) from None


def remove_stale(path: str) -> None:
    """Remove the socket file of a server that is gone; nothing else. Raises OSError (EADDRINUSE) if one listens."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return  # binding will refuse it
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
            knock.setblocking(False)
            knock.connect(path)
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        os.unlink(path)
        return
    except OSError:
        pass  # no room in its queue, no permission, datagrams: somebody is there
    raise OSError(errno.EADDRINUSE, f"{path} is in use: a server listens there already")


def lock(path: str) -> int:
    """Return the descriptor of a lock file that only we hold; it goes with us, however we end.

    Raises OSError (EADDRINUSE) if another process holds it.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_same_file(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, b"%d\n" % os.getpid())
                return descriptor
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode(errors="replace").strip()
            os.close(descriptor)
            raise OSError(errno.EADDRINUSE, f"{path} is locked by process {holder or 'unknown'}") from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder removed it while we asked for it


def unlock(descriptor: int, path: str) -> None:
    """Remove a lock file and let it go."""
    try:
        if is_same_file(descriptor, path):
            os.unlink(path)
    finally:
        os.close(descriptor)


def is_same_file(descriptor: int, path: str) -> bool:
    """Return whether an open file is still the one at `path`."""
    try:
        return identity(os.fstat(descriptor)) == identity(os.stat(path))
    except FileNotFoundError:
        return False
