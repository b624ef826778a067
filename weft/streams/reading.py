# cython: binding=False, embedsignature=True, embedsignature.format=clinic
"""The reading half of a stream: what came and was not read yet, and the one call that waits for more.

A chunk that came when nothing was left is kept as it is, and often is what the next call returns. Only where more
comes behind it are both moved to a bytearray, which is asyncio's `_buffer`: whoever asks for that, asyncio's own
methods above all, finds everything there. The other fields with an underscore are asyncio's as well.
"""

from __future__ import annotations

import asyncio
from typing import Any

from weft.core.handle import make_handle
from weft.core.loop import Core
from weft.protocols import _bytes
from weft.streams import _stepping, states
from weft.streams.awaited import Awaited

METHODS = (
    asyncio.StreamReader.readline,
    asyncio.StreamReader.readuntil,
    asyncio.StreamReader.__anext__,
    asyncio.StreamReader.readexactly,
    asyncio.StreamReader.read,
)
"""What asyncio has under each of these numbers. The first three read up to a separator."""
NEWLINE = b"\n"
BUILTIN = type(len)
"""The type of what a task of asyncio's C is woken by."""
MOST = 1 << 60
"""A limit or a count above this is as good as none, and this times two still fits a machine's integer."""


class ReaderBase:
    """What `weft.streams.StreamReader` has before asyncio's."""

    _loop: Any  # as are all that begin so, it is asyncio's

    def __init__(self, loop: Any) -> None:
        self.core = loop if isinstance(loop, Core) else None
        if self.core is not None and self.core.with_done is None:
            done: asyncio.Future[None] = asyncio.Future(loop=loop)
            done.set_result(None)
            self.core.with_done = (done,)
        self.chunk = b""  # what came and was not read, from `start` on ...
        self.start = 0
        self.buffer = bytearray()  # ... or here; one of them is empty
        self.limit = 0
        self.asked_limit: Any = 0
        self._eof = False
        self._paused = False
        self._waiter: Any = None
        self._exception: Any = None
        self._transport: Any = None
        self.spare: Any = None  # the last call that was made: when it is over and forgotten, it is the next
        self.spare_future: Any = None  # what the last call waited for, still not done: the next waits for it as well
        self.wakeup: Any = None  # what the task that waited last is woken by, in its context
        self.context: Any = None

    @property
    def _limit(self) -> Any:
        return self.asked_limit

    @_limit.setter
    def _limit(self, limit: Any) -> None:
        self.asked_limit = limit
        self.limit = int(min(limit, MOST))

    @property
    def _buffer(self) -> bytearray:
        if self.chunk:
            self.buffer += self.chunk[self.start :]
            self.forget_chunk()
        return self.buffer

    @_buffer.setter
    def _buffer(self, buffer: bytearray) -> None:
        self.buffer = buffer
        self.forget_chunk()

    def forget_chunk(self) -> None:
        """Forget the chunk: it was read, or is in the buffer now."""
        self.chunk = b""
        self.start = 0

    def size(self) -> int:
        """Return how many bytes wait to be read."""
        return len(self.chunk) - self.start if self.chunk else len(self.buffer)

    # -- what the protocol tells

    def feed_data(self, data: Any) -> None:
        """Keep bytes that came, and wake whoever waits for them. Above twice the limit, the transport is paused."""
        self.feed(data)

    def feed(self, data: Any) -> None:
        """Do that, for compiled callers."""
        assert not self._eof, "feed_data after feed_eof"
        if not data:
            return
        if self.chunk or self.buffer or type(data) is not bytes:
            self._buffer.extend(data)
        else:
            self.chunk = data
        if self._waiter is not None:
            waiter = self._waiter
            self._waiter = None
            self.wake(waiter)
        if self._transport is not None and not self._paused and self.size() > 2 * self.limit:
            self.pause()

    def wake(self, waiter: Any) -> None:
        """Have the task go on soon that waits for `waiter`, a future.

        A future that is done is of no more use. So where its only callback is the wake-up of the task that waited
        last time as well, that is taken from it and pushed to the ready queue, and the future stays. The wake-up gets
        another that is done, and a real one: any other would be asked for its result by name, which costs more than
        all the rest.
        """
        core = self.core
        if (
            self.wakeup is not None
            and core is not None
            and not (core.is_over or core.is_debugging or core.inbox_is_filled)
            and waiter.remove_done_callback(self.wakeup)
        ):
            core.push(make_handle(self.wakeup, core.with_done, self.context))
        elif not waiter.done():
            callbacks = getattr(waiter, "_callbacks", None)
            if callbacks is not None and len(callbacks) == 1 and type(callbacks[0][0]) is BUILTIN:
                self.wakeup, self.context = callbacks[0]
            waiter.set_result(None)

    def pause(self) -> None:
        """Have the transport read no more for now, if it can."""
        try:
            self._transport.pause_reading()
        except NotImplementedError:
            self._transport = None  # as asyncio does: it is not asked again
        else:
            self._paused = True

    def resume(self) -> None:
        """Have the transport read again."""
        self._paused = False
        self._transport.resume_reading()

    # -- what a reader asks for

    def readline(self) -> Any:
        """Return a line with its newline; less at the end of the stream, b"" behind it. Await it."""
        return make_read(self, states.LINE, NEWLINE)

    def readuntil(self, separator: Any = b"\n") -> Any:
        """Return all up to and with the separator. Await it."""
        return make_read(self, states.UNTIL, separator)

    def readexactly(self, n: Any) -> Any:
        """Return `n` bytes. Await it."""
        return make_read(self, states.EXACTLY, n)

    def read(self, n: Any = -1) -> Any:
        """Return what is there, at least a byte and at most `n`; b"" at the end. -1: all until the end. Await it."""
        return make_read(self, states.SOME, n)

    def __anext__(self) -> Any:
        return make_read(self, states.NEXT, NEWLINE)

    def take(self, read: Read) -> bytes | None:
        """Return what a call reads, and forget it; None if that is not all there."""
        size = self.size()
        if size == 0:
            return None
        if read.separator is None:
            count = min(read.count, size) if read.kind == states.SOME else read.count
            if count > size:
                return None
        else:
            count = self.find(read.separator, read.searched)
            if count < 0:
                read.searched = max(0, size + 1 - len(read.separator))
                return None
            if count > self.limit:
                return None
            count += len(read.separator)
        return self.cut(count)

    def find(self, separator: bytes, searched: int) -> int:
        """Return how many bytes stand before the separator, -1 if it is not there; it is not in those `searched`."""
        if not self.chunk:
            return self.buffer.find(separator, searched)
        place = _bytes.find(self.chunk, separator, self.start + searched, len(self.chunk))
        return place - self.start if place >= 0 else -1

    def cut(self, count: int) -> bytes:
        """Return the first `count` bytes, which are there, and forget them."""
        if self.chunk:
            end = self.start + count
            size = len(self.chunk)
            data = self.chunk if count == size else _bytes.cut(self.chunk, self.start, end)
            if end == size:
                self.forget_chunk()
            else:
                self.start = end
        else:
            data = bytes(self.buffer[:count])
            del self.buffer[:count]
        if self._paused and self.size() <= self.limit:
            self.resume()
        return data

    def can_wait(self, read: Read) -> bool:
        """Return whether a call that found too little is to wait for more, and nothing else."""
        if self._eof or self._waiter is not None:
            return False
        return read.separator is None or self.size() + 1 - len(read.separator) <= self.limit

    def wait(self) -> Any:
        """Return a future that is done when more comes, or the end, or an error; or is left when more came."""
        if self._paused:
            self.resume()
        if self.start:  # keep the beginning of a message, not the chunk that it came in
            self.chunk = self.chunk[self.start :]
            self.start = 0
        future = self.spare_future
        if future is None:
            future = self._loop.create_future()
        self.spare_future = None
        self._waiter = future
        return future


class Read(Awaited):
    """One call of a reader's method.

    It consumes nothing until it has all that it is to return: whoever cancels it loses no byte.
    """

    __slots__ = ("argument", "count", "future", "kind", "reader", "searched", "separator")

    reader: Any
    kind: int
    argument: Any  # as it was given
    separator: Any  # bytes, for what reads up to one
    count: int
    searched: int  # bytes from the first on that the separator is not in
    future: Any  # that it waits for

    def step(self) -> Any:
        """Return what was to be read and be OVER, or return what is to be waited for."""
        state = self.state
        if state == states.HANDED_ON:
            return self.inner.send(None)
        if state == states.OVER:
            raise RuntimeError("cannot reuse already awaited coroutine")
        if state == states.WAITING:
            self.leave()
        reader = self.reader
        error = reader._exception
        if self.count >= 0 and (error is None or state == states.WAITING):
            data = reader.take(self)
            if data is not None:
                self.finish()
                return data
            if not reader.can_wait(self):
                return self.hand_on_despite(error)
            if error is None:
                self.state = states.WAITING
                self.future = reader.wait()
                self.future._asyncio_future_blocking = True
                return self.future
        reader.spare = None
        return self.hand_on()

    def hand_on_despite(self, error: Any) -> Any:
        """Go over to asyncio's coroutine, which is not to see an error that came while this call waited."""
        reader = self.reader
        reader.spare = None
        reader._exception = None
        try:
            return self.hand_on()
        finally:
            reader._exception = error

    def leave(self) -> None:
        """Wait no more. Raises what the future was told, CancelledError above all."""
        future = self.future
        if future is self.reader._waiter or future.done():
            try:
                if not future.done():
                    raise RuntimeError("await wasn't used with future")
                future.result()
            except BaseException:
                self.finish()
                raise
        else:
            self.reader.spare_future = future
        self.future = None

    def method(self) -> Any:
        """Return asyncio's function that this is a call of."""
        return METHODS[self.kind]

    def coroutine(self) -> Any:
        """Return asyncio's coroutine of the same call."""
        if self.kind == states.LINE or self.kind == states.NEXT:
            return self.method()(self.reader)
        return self.method()(self.reader, self.argument)

    def finish(self) -> None:
        """Be OVER, and let another call wait."""
        self.state = states.OVER
        reader = self.reader
        if self.future is not None:
            if reader._waiter is self.future:
                reader._waiter = None
            self.future = None
        self.reader = None


def make_read(reader: ReaderBase, kind: int, argument: Any) -> Read:
    """Return a call of a reader's method. What is not usual in its argument is asyncio's to judge: a count of -1."""
    read: Read | None = reader.spare
    reader.spare = None
    if read is None or not _stepping.is_only(read):
        read = Read.__new__(Read)
        read.inner = None
        read.future = None
    elif read.state == states.NEW:
        read.warn()
    reader.spare = read
    read.reader = reader
    read.state = states.NEW
    read.kind = kind
    read.argument = argument
    read.separator = None
    read.count = -1
    read.searched = 0
    if kind < states.EXACTLY:
        if type(argument) is bytes and len(argument) > 0:
            read.separator = argument
            read.count = 0
    elif type(argument) is int:
        try:
            read.count = argument
        except OverflowError:  # in the compiled build alone
            return read
        if read.count <= 0 or read.count > MOST:
            read.count = -1
    return read


_stepping.install(Read)


class ProtocolBase:
    """What the protocol of Weft's streams has before asyncio's: the way from the transport to the reader."""

    def __init__(self) -> None:
        self.reader: Any = None
        self._paused = False
        self._connection_lost = False

    def attach(self, reader: Any) -> None:
        """Give what comes to this reader, or to nobody (None)."""
        self.reader = reader

    def data_received(self, data: Any) -> None:
        """Give what came to the reader."""
        if self.reader is not None:
            self.reader.feed(data)
