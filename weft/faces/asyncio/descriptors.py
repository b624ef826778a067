"""Readiness of the user's own descriptors: `add_reader` and its kin, and the `sock_*` coroutines on top of them."""

from __future__ import annotations

import asyncio
import contextvars
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from weft.core import _os
from weft.core.handle import Handle, make_handle
from weft.core.loop import Core
from weft.faces.asyncio.debugging import stack_of_caller
from weft.ports import Source
from weft.transports.connector import Connector

T = TypeVar("T")


class Watch(Source):
    """One descriptor of the user's, with what to call when it is readable and when it is writable."""

    def __init__(self, loop: Core, fd: int) -> None:
        self.loop = loop
        self.fd = fd
        self.reader: Handle | None = None
        self.writer: Handle | None = None

    def interest(self) -> int:
        """Return what the poller is to watch for."""
        return (_os.READ if self.reader else 0) | (_os.WRITE if self.writer else 0)

    def ready(self, events: int) -> None:
        """Put what is to be called on the ready queue; errors and the peer's end wake both sides."""
        broken = events & (_os.ERROR | _os.HANGUP | _os.PEER_CLOSED)
        for handle, event in ((self.reader, _os.READ), (self.writer, _os.WRITE)):
            if handle is not None and not handle.cancelled() and events & (event | broken):
                self.loop.schedule(handle)

    def fail(self, error: BaseException) -> None:
        """Report what scheduling raised."""
        self.loop.report({"message": "Watching a descriptor failed", "exception": error})


class Descriptors(Core):
    """`add_reader`, `add_writer` and the `sock_*` coroutines."""

    _watches: dict[int, Watch]

    def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> Handle:
        """Call `callback(*args)` whenever `fd` is readable, until `remove_reader`; replaces an earlier callback."""
        return self._watch(fd, "reader", self._watcher(callback, args))

    def add_writer(self, fd: Any, callback: Callable[..., object], *args: Any) -> Handle:
        """Call `callback(*args)` whenever `fd` is writable, until `remove_writer`; replaces an earlier callback."""
        return self._watch(fd, "writer", self._watcher(callback, args))

    def remove_reader(self, fd: Any) -> bool:
        """Stop watching for readability; return whether anything was watched for."""
        return self._unwatch(fd, "reader")

    def remove_writer(self, fd: Any) -> bool:
        """Stop watching for writability; return whether anything was watched for."""
        return self._unwatch(fd, "writer")

    def _watcher(self, callback: Callable[..., object], arguments: tuple[Any, ...]) -> Handle:
        handle = make_handle(callback, arguments, contextvars.copy_context())
        if self.is_debugging:
            handle.origin = stack_of_caller()
        return handle

    def _watch(self, fileobj: Any, side: str, handle: Handle) -> Handle:
        self._check_closed()  # type: ignore[attr-defined]
        fd = descriptor_of(fileobj)
        watch = self._watches.get(fd)
        if watch is None:
            watch = Watch(self, fd)
            setattr(watch, side, handle)
            try:
                self.poller.add(fd, watch, watch.interest())
            except FileExistsError:
                raise used_by_transport(fd) from None
            self._watches[fd] = watch
            return handle
        old = getattr(watch, side)
        setattr(watch, side, handle)
        if old is not None:
            old.cancel()
        else:
            self.poller.modify(fd, watch.interest())
        return handle

    def _unwatch(self, fileobj: Any, side: str) -> bool:
        if self.is_closed():  # type: ignore[attr-defined]
            return False
        fd = descriptor_of(fileobj)
        watch = self._watches.get(fd)
        if watch is None:
            self._refuse_transport(fd)
            return False
        if getattr(watch, side) is None:
            return False
        getattr(watch, side).cancel()
        setattr(watch, side, None)
        if watch.interest():
            self.poller.modify(fd, watch.interest())
        else:
            del self._watches[fd]
            self.poller.remove(fd)
        return True

    def _refuse_transport(self, fd: int) -> None:
        """Raise RuntimeError for a descriptor that a transport watches. Another one is left as it was."""
        try:
            self.poller.add(fd, Watch(self, fd), 0)
        except FileExistsError:
            raise used_by_transport(fd) from None
        except (OSError, ValueError):
            return  # closed, or not one that can be watched
        self.poller.remove(fd)

    # -- sockets of the user's own

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        """Return up to `n` bytes from a non-blocking socket; b"" at its end."""
        return await self._when(self.add_reader, self.remove_reader, sock, lambda: sock.recv(n))

    async def sock_recv_into(self, sock: socket.socket, buf: Any) -> int:
        """Fill `buf` from a non-blocking socket; return how many bytes came, 0 at its end."""
        return await self._when(self.add_reader, self.remove_reader, sock, lambda: sock.recv_into(buf))

    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        """Return the next connection of a listening non-blocking socket, and the peer's address."""
        connection, address = await self._when(self.add_reader, self.remove_reader, sock, sock.accept)
        connection.setblocking(False)
        return connection, address

    async def sock_sendall(self, sock: socket.socket, data: Any) -> None:
        """Send all of `data` to a non-blocking socket: an empty datagram, too."""
        left = memoryview(data).cast("B")
        while True:
            sent = await self._when(self.add_writer, self.remove_writer, sock, partial(sock.send, left))
            left = left[sent:]
            if not left:
                return

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a non-blocking socket; a host's name is looked up first."""
        self._check_closed()  # type: ignore[attr-defined]
        self._check_nonblocking(sock)
        if sock.family in (socket.AF_INET, socket.AF_INET6) and not is_written_in_numbers(sock.family, address):
            infos = await self._resolve(  # type: ignore[attr-defined]
                *address[:2], family=sock.family, type=sock.type, proto=sock.proto
            )
            found = infos[0][4]
            address = found if len(address) == 2 else (*found[:2], *address[2:])  # IPv6: flow and scope are kept
        await self._connect(sock, address)

    async def _connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a socket to an address that needs no look-up."""
        connected: asyncio.Future[None] = asyncio.Future(loop=self)  # type: ignore[arg-type]

        def done(error: BaseException | None) -> None:
            if connected.done():
                return
            if error is None:
                connected.set_result(None)
            else:
                connected.set_exception(error)

        connector = Connector(self, sock, address, done)
        connector.start()
        try:
            await connected
        finally:
            connector.cancel()

    async def _when(
        self, add: Any, remove: Callable[[Any], bool], sock: socket.socket, attempt: Callable[[], T]
    ) -> T:
        """Return what `attempt()` does once it no longer raises BlockingIOError."""
        self._check_nonblocking(sock)
        try:
            return attempt()
        except (BlockingIOError, InterruptedError):
            pass
        future: asyncio.Future[T] = asyncio.Future(loop=self)  # type: ignore[arg-type]

        def try_again() -> None:
            if future.done():
                return
            try:
                result = attempt()
            except (BlockingIOError, InterruptedError):
                return
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        fd = sock.fileno()
        handle = add(fd, try_again)
        try:
            return await future
        finally:
            if not handle.cancelled():
                remove(fd)

    def _check_nonblocking(self, sock: socket.socket) -> None:
        if self.is_debugging and sock.gettimeout() != 0:
            raise ValueError("the socket must be non-blocking")


def is_written_in_numbers(family: int, address: Any) -> bool:
    """Return whether an internet address needs no look-up; so does what is no address, which connecting refuses."""
    if not isinstance(address, tuple) or len(address) < 2:
        return True
    try:
        socket.inet_pton(family, address[0])
    except (OSError, TypeError):
        return False
    return isinstance(address[1], int)


def used_by_transport(fd: int) -> RuntimeError:
    """Return the exception for a descriptor that is not the user's to watch."""
    return RuntimeError(f"File descriptor {fd} is used by transport: use the transport's methods, not the loop's")


def descriptor_of(fileobj: Any) -> int:
    """Return the descriptor of an int or of anything with a `fileno()`. Raises ValueError."""
    fd = fileobj
    if not isinstance(fd, int):
        try:
            fd = int(fileobj.fileno())
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"Invalid file object: {fileobj!r}") from None
    if fd < 0:
        raise ValueError(f"Invalid file descriptor: {fd}")
    return fd
