"""Files sent without passing through the program (sendfile(2)), or by reading and writing where that cannot be.

A stream lends its channel while a file is sent: what was written before leaves first, nothing can be written until
the file has gone, and reading pauses, so that a peer that has said all it has to say does not end it.
"""

from __future__ import annotations

import asyncio
import errno
import io
import os
import socket
from typing import Any

from weft.core.loop import Core
from weft.faces.asyncio.threads import settle
from weft.faces.asyncio.tls import is_tls, refuse_ssl_socket
from weft.transports.stream import Stream

LARGEST_SEND = 1 << 30
"""Bytes asked for with one system call."""
SENDS_A_TURN = 8
"""System calls in a row that take something, before the others have their turn."""
READ_SIZE = 65536
"""Bytes read at a time where the program has to pass the file on itself."""


class Sendfile(Core):
    """`sendfile` and `sock_sendfile`."""

    async def sendfile(
        self, transport: Any, file: Any, offset: int = 0, count: int | None = None, *, fallback: bool = True
    ) -> int:
        """Send a file through a transport; return how many bytes were sent.

        `file` is a regular file opened in binary mode; it is sent from `offset` on, `count` bytes of it or all. Its
        position is after what was sent, also after an error. Where the system cannot send it (TLS, a file in memory)
        it is read and written, unless `fallback` is false. Raises RuntimeError for a transport that is closing or of
        another kind, SendfileNotAvailableError where the system cannot and `fallback` is false.
        """
        if transport.is_closing():
            raise RuntimeError("Transport is closing")
        way = way_to_send(transport)
        if way == "UNSUPPORTED":
            raise RuntimeError(f"sendfile is not supported for transport {transport!r}")
        if way == "TRY_NATIVE":
            try:
                return await self._sendfile_native(transport, file, offset, count)
            except asyncio.SendfileNotAvailableError:
                if not fallback:
                    raise
        if not fallback:
            raise RuntimeError(f"fallback is disabled and the system cannot send a file through {transport!r}")
        return await self._sendfile_fallback(transport, file, offset, count)

    async def _sendfile_native(self, transport: Any, file: Any, offset: int, count: int | None) -> int:
        """Have the system send a file through a stream. Raises SendfileNotAvailableError where it cannot."""
        known = transport.get_extra_info("socket")
        check_sendfile(known, file, offset, count)
        fileno = regular_file(file)
        was_reading = transport.is_reading()
        # A descriptor of its own: the poller watches the stream's already.
        with socket.socket(fileno=os.dup(known.fileno())) as sock:
            sender = FileSender(self, sock, fileno, offset, count, transport.number)
            transport.lend(sender.told)
            try:
                transport.pause_reading()
                await sender.cleared
                return await sender.run()
            finally:
                transport.take_back()
                if was_reading:
                    transport.resume_reading()

    async def _sendfile_fallback(self, transport: Any, file: Any, offset: int, count: int | None) -> int:
        """Read a file and write it to a transport."""
        if offset:
            file.seek(offset)
        sent = 0
        protocol = PausedProtocol(self, transport)
        try:
            while count is None or sent < count:
                data = await self._read(file, count, sent)
                if not data:
                    break
                await protocol.may_write()
                transport.write(data)
                sent += len(data)
            return sent
        finally:
            protocol.restore()
            set_position(file, offset + sent)

    async def sock_sendfile(
        self,
        sock: socket.socket,
        file: Any,
        offset: int = 0,
        count: int | None = None,
        *,
        fallback: bool | None = True,
    ) -> int:
        """Send a file through a non-blocking stream socket of the user's; return how many bytes were sent.

        As `sendfile` does. Raises ValueError or TypeError for arguments that make no sense.
        """
        self._check_nonblocking(sock)  # type: ignore[attr-defined]
        refuse_ssl_socket(sock)
        check_sendfile(sock, file, offset, count)
        try:
            return await self._sock_sendfile_native(sock, file, offset, count)
        except asyncio.SendfileNotAvailableError:
            if not fallback:
                raise
        return await self._sock_sendfile_fallback(sock, file, offset, count)

    async def _sock_sendfile_native(self, sock: socket.socket, file: Any, offset: int, count: int | None) -> int:
        """Have the system send a file through a socket. Raises SendfileNotAvailableError where it cannot."""
        return await FileSender(self, sock, regular_file(file), offset, count).run()

    async def _sock_sendfile_fallback(self, sock: socket.socket, file: Any, offset: int, count: int | None) -> int:
        """Read a file and send it through a socket."""
        if offset:
            file.seek(offset)
        sent = 0
        try:
            while count is None or sent < count:
                data = await self._read(file, count, sent)
                if not data:
                    break
                while data:
                    taken = await self._send_some(sock, data)
                    sent += taken
                    data = data[taken:]
            return sent
        finally:
            set_position(file, offset + sent)

    async def _send_some(self, sock: socket.socket, data: Any) -> int:
        """Send bytes through a socket once it takes any; return how many it took."""
        face: Any = self
        taken: int = await face._when(face.add_writer, face.remove_writer, sock, lambda: sock.send(data))
        return taken

    async def _read(self, file: Any, count: int | None, sent: int) -> Any:
        """Return the next bytes of a file, read in a thread; none at its end. No more than `count - sent` of them."""
        size = READ_SIZE if count is None else min(READ_SIZE, count - sent)
        buffer = bytearray(size)
        face: Any = self
        filled = await face.run_in_executor(None, file.readinto, buffer)
        return memoryview(buffer)[: filled or 0]


class FileSender:
    """Sends a part of a file through a socket with the system's sendfile, as fast as the socket takes it."""

    def __init__(
        self, loop: Any, sock: socket.socket, fileno: int, offset: int, count: int | None, number: int = 0
    ) -> None:
        self.loop = loop
        self.sock = sock
        self.fileno = fileno
        self.offset = offset
        self.count = count
        self.number = number  # of the connection, for the observer; 0 for none
        self.sent = 0
        self.error: BaseException | None = None
        self.cleared: asyncio.Future[None] = loop.create_future()
        self.room: asyncio.Future[None] | None = None

    def told(self, error: BaseException | None) -> None:
        """Hear from the stream that what was written before has left, or that the connection ended."""
        for future in (self.cleared, self.room):
            if future is None or future.done():
                continue
            if error is not None:
                future.set_exception(error)
            elif future is self.cleared:
                future.set_result(None)
        self.error = error

    async def run(self) -> int:
        """Send, and return how many bytes were sent; the file's position is after them, whatever happens.

        Raises SendfileNotAvailableError if the system does not send this file through this socket at all.
        """
        calls = 0
        try:
            while self.count is None or self.sent < self.count:
                try:
                    taken = self.send()
                except (BlockingIOError, InterruptedError):
                    await self.wait_for_room()
                    continue
                if taken == 0:
                    break
                self.sent += taken
                if self.number and self.loop.observer is not None:
                    self.loop.observer.data_sent(self.number, taken)
                calls += 1
                if calls % SENDS_A_TURN == 0:
                    await asyncio.sleep(0)
            return self.sent
        finally:
            if self.sent > 0:
                os.lseek(self.fileno, self.offset + self.sent, os.SEEK_SET)

    def send(self) -> int:
        """Make one system call; return how many bytes it took, 0 at the file's end."""
        if self.error is not None:
            raise self.error
        left = LARGEST_SEND if self.count is None else min(LARGEST_SEND, self.count - self.sent)
        try:
            return os.sendfile(self.sock.fileno(), self.fileno, self.offset + self.sent, left)
        except (BlockingIOError, InterruptedError):
            raise
        except OSError as error:
            if self.sent == 0:
                raise asyncio.SendfileNotAvailableError(f"os.sendfile call failed: {error}") from error
            if error.errno == errno.ENOTCONN:
                raise ConnectionError(errno.ENOTCONN, "socket is not connected") from error
            raise

    async def wait_for_room(self) -> None:
        """Wait until the socket takes more."""
        room: asyncio.Future[None] = self.loop.create_future()
        self.room = room
        fd = self.sock.fileno()
        handle = self.loop.add_writer(fd, settle, room)
        try:
            await room
        finally:
            self.room = None
            if not handle.cancelled():
                self.loop.remove_writer(fd)


class PausedProtocol(asyncio.Protocol):
    """Stands in for a transport's protocol while a file is written: it hears of pauses, and nothing is read."""

    def __init__(self, loop: Any, transport: Any) -> None:
        self.loop = loop
        self.transport = transport
        self.protocol = transport.get_protocol()
        self.was_reading = transport.is_reading()
        self.was_paused = is_held(transport)
        self.room: asyncio.Future[None] | None = loop.create_future() if self.was_paused else None
        transport.pause_reading()
        transport.set_protocol(self)

    async def may_write(self) -> None:
        """Wait until the transport takes more. Raises ConnectionError if it has ended."""
        if self.room is not None:
            await self.room
        if self.transport.is_closing():
            raise ConnectionError("the connection ended while a file was sent")

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell who waits, and the protocol."""
        if self.room is not None and not self.room.done():
            self.room.set_exception(exc or ConnectionError("the connection ended while a file was sent"))
            self.room.exception()  # seen, if nobody waits any more
        self.protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Have the next write wait."""
        if self.room is None:
            self.room = self.loop.create_future()

    def resume_writing(self) -> None:
        """Let the next write go on."""
        if self.room is not None:
            settle(self.room)
            self.room = None

    def restore(self) -> None:
        """Give the transport back to its protocol, which then knows whether it is to pause."""
        self.transport.set_protocol(self.protocol)
        if self.was_reading:
            self.transport.resume_reading()
        if self.transport.is_closing():
            return
        is_paused = is_held(self.transport)
        if self.was_paused and not is_paused:
            self.protocol.resume_writing()
        elif is_paused and not self.was_paused:
            self.protocol.pause_writing()


def way_to_send(transport: Any) -> str:
    """Return how files go through a transport: "TRY_NATIVE", "FALLBACK" or "UNSUPPORTED", as asyncio names them."""
    kind: Any = type(transport)  # `isinstance` asks `__class__`, which says what asyncio is to believe
    if kind is Stream:
        return "TRY_NATIVE"
    if is_tls(transport):
        return "FALLBACK"
    mode: str = getattr(getattr(transport, "_sendfile_compatible", None), "name", "UNSUPPORTED")
    return mode


def is_held(transport: Any) -> bool:
    """Return whether a transport has asked its protocol to write no more for now."""
    if hasattr(transport, "is_protocol_paused"):
        return bool(transport.is_protocol_paused)
    return bool(getattr(transport, "_protocol_paused", False))


def regular_file(file: Any) -> int:
    """Return a file's descriptor. Raises SendfileNotAvailableError for what is no file of the system's."""
    if not hasattr(os, "sendfile"):
        raise asyncio.SendfileNotAvailableError("os.sendfile() is not available")
    try:
        fileno: int = file.fileno()
        os.fstat(fileno)
    except (AttributeError, io.UnsupportedOperation, OSError) as error:
        raise asyncio.SendfileNotAvailableError(f"not a regular file: {file!r}") from error
    return fileno


def check_sendfile(sock: socket.socket, file: Any, offset: int, count: int | None) -> None:
    """Raise ValueError or TypeError for arguments of `sock_sendfile` that make no sense."""
    if "b" not in getattr(file, "mode", "b"):
        raise ValueError("file should be opened in binary mode")
    if sock.type != socket.SOCK_STREAM:
        raise ValueError("only SOCK_STREAM type sockets are supported")
    if count is not None:
        if not isinstance(count, int):
            raise TypeError(f"count must be a positive integer (got {count!r})")
        if count <= 0:
            raise ValueError(f"count must be a positive integer (got {count!r})")
    if not isinstance(offset, int):
        raise TypeError(f"offset must be a non-negative integer (got {offset!r})")
    if offset < 0:
        raise ValueError(f"offset must be a non-negative integer (got {offset!r})")


def set_position(file: Any, position: int) -> None:
    """Set a file's position; one without any (a pipe) is left as it is."""
    if file.seekable() if hasattr(file, "seekable") else hasattr(file, "seek"):
        file.seek(position)
