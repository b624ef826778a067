"""The leaf, interpreted: what the compiled build needs pointers for. The compiled twin is _os.pyx, with glue.h.

It owns the calls of the hot path into the operating system and the interpreter: readiness, bytes in and out,
calling within a context, the recorder's ring. It decides nothing.
"""

from __future__ import annotations

import contextvars
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from weft.ports import Channel, Clock, DatagramChannel, Poller, Source

READ = 0x001
WRITE = 0x004
ERROR = 0x008
HANGUP = 0x010
PEER_CLOSED = 0x2000
EDGE = 0x80000000

LONGEST_WAIT_S = 86400.0
MOST_BESIDE = socket.CMSG_SPACE(4096)
"""Bytes that come beside those of a stream at most: room for the 253 descriptors that Linux passes at once."""
OUTBOX_BYTES = 0
"""Room in an outbox; 0: there is none here, where a join at the end costs less than joining piece by piece."""
LARGEST_DATAGRAM = 262144
"""Bytes that a datagram can have at most; of a longer one, which only a UNIX socket can carry, the rest is lost."""

read = os.read
write = os.write
monotonic_ns = time.monotonic_ns
copy_context = contextvars.copy_context
call_one = contextvars.Context.run
"""`call_one(context, callback, argument)` calls `callback(argument)` within `context`."""
call_two = contextvars.Context.run
"""`call_two(context, callback, first, second)` does so with two arguments."""


def check_signals() -> None:
    """Run the handlers of signals that came; the interpreter does so by itself between any two instructions."""


def untrack(handle: object, context: contextvars.Context) -> None:
    """Keep the garbage collector from going through a call and its context; here it cannot be told so."""


def track(handle: object, context: contextvars.Context) -> None:
    """Let the garbage collector go through a call and its context again."""


let_others_run = os.sched_yield
"""`let_others_run()` lets other processes have the core for a moment; other threads come between any instructions."""


def write_zero(fd: int) -> None:
    """Write a zero byte into a pipe. A full pipe is left as it is: its reader is told of what is there already."""
    try:
        os.write(fd, b"\0")
    except OSError:
        pass


def call(context: contextvars.Context, callback: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    """Call `callback(*arguments)` within `context`."""
    try:
        context.run(callback, *arguments)
    finally:
        # An exception's traceback may keep this frame, and the callback may keep the exception: a task's step does.
        del callback, arguments


def name_key(callback: object) -> object:
    """Return what a callback is called by when it is gone: its code, or its type."""
    if isinstance(callback, MethodType):
        callback = callback.__func__
    if isinstance(callback, FunctionType):
        return callback.__code__
    return type(callback)


class EpollSet(Poller):
    """The system's epoll: descriptors watched, the events of the last wait, and whose they are.

    `owners[fd]` is the source that is told of `fd`; the poller in epoll.py keeps it. Its last place stays None: it is
    what -1, the descriptor of an event that is no one's any more, leads to.
    """

    def __init__(self) -> None:
        Poller.__init__(self, True)
        self.epoll = select.epoll()
        self.events: list[tuple[int, int]] = []
        self.owners: list[Source | None] = [None]

    def control_add(self, fd: int, events: int) -> None:
        """Have the system watch `fd` for `events`."""
        self.epoll.register(fd, events)

    def control_modify(self, fd: int, events: int) -> None:
        """Have the system watch `fd` for `events` from now on."""
        self.epoll.modify(fd, events)

    def control_delete(self, fd: int) -> None:
        """Have the system watch `fd` no more."""
        self.epoll.unregister(fd)

    def forget(self, fd: int) -> None:
        """Take the descriptor out of the events of the last wait: they are no longer anyone's."""
        self.events = [(-1, mask) if event_fd == fd else (event_fd, mask) for event_fd, mask in self.events]

    def wait(self, timeout_ns: int) -> int:
        """Wait for events; return how many came. Resolution: a millisecond, rounded up."""
        timeout_s = None if timeout_ns < 0 else min(-(-timeout_ns // 1_000_000) / 1000, LONGEST_WAIT_S)
        self.events = events = self.epoll.poll(timeout_s, 512)
        return len(events)

    def ready_source(self, index: int) -> Source | None:
        """Return whose event it is, None if its descriptor was removed; its mask is in `ready_events`."""
        fd, self.ready_events = self.events[index]
        return self.owners[fd]

    def close(self) -> None:
        """Give the epoll descriptor back."""
        self.owners = [None]
        self.epoll.close()


class FdChannel(Channel):
    """A channel's bytes, through the descriptor of a connected, non-blocking stream socket."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def fileno(self) -> int:
        """Return the descriptor; -1 once closed."""
        return self.fd

    def recv(self, size: int) -> bytes | None:
        """Return up to `size` bytes, b"" at the end, None when it would block. Raises OSError."""
        try:
            return read(self.fd, size)
        except (BlockingIOError, InterruptedError):
            return None

    def recv_into(self, buffer: Any) -> int:
        """Fill `buffer`; return how many bytes came, 0 at the end, -1 when it would block. Raises OSError."""
        try:
            return os.readv(self.fd, [buffer])
        except (BlockingIOError, InterruptedError):
            return -1

    def send(self, data: Any) -> int:
        """Send bytes; return how many the system took, -1 when it would block. Raises OSError."""
        try:
            return write(self.fd, data)
        except (BlockingIOError, InterruptedError):
            return -1

    def send_many(self, chunks: list[Any]) -> int:
        """Send up to 64 pieces with one system call; return how many bytes the system took, -1 if none."""
        try:
            return os.writev(self.fd, chunks[:64])
        except (BlockingIOError, InterruptedError):
            return -1


def recv_beside(fd: int, sock: socket.socket, size: int, came: list[tuple[int, int, bytes] | None]) -> bytes | None:
    """Return up to `size` bytes, b"" at the end, None when it would block. Raises OSError.

    What comes beside them (cmsg(3)) is added to `came`, as (level, type, data), and None where there was no room for
    all of it.
    """
    try:
        data, beside, flags, _ = sock.recvmsg(size, MOST_BESIDE)
    except (BlockingIOError, InterruptedError):
        return None
    came += beside
    if flags & socket.MSG_CTRUNC:
        came.append(None)
    return data


class Ring:
    """A bounded memory of records: the newest are kept, the oldest are overwritten and counted as lost.

    Beside each record stands a key: an object that names what the record is about, or None.
    """

    def __init__(self, capacity: int, clock: Clock | None = None) -> None:
        self.size = 1 << max(0, capacity - 1).bit_length()
        self.records: list[tuple[int, int, int, int, int]] = [(0, 0, 0, 0, 0)] * self.size
        self.keys: list[Any] = [None] * self.size
        self.written = 0
        self.now = monotonic_ns if clock is None else clock.now_ns
        self.first_ns = self.now()

    def put(self, kind: int, thread: int, number: int, value: int, key: object) -> None:
        """Add a record, with the time of now."""
        # The time first: a call is where another thread may come between, and after it there is none.
        at = self.now()
        slot = self.written & (self.size - 1)
        self.written += 1
        self.records[slot] = (at, value, number, kind, thread)
        self.keys[slot] = key

    def snapshot(self) -> tuple[bytes, list[Any], int]:
        """Return (records, keys, lost): packed records, oldest first, times in ns since the ring was made."""
        # All three before anything is called: another thread may be recording.
        records, keys, written = self.records[:], self.keys[:], self.written
        count = min(written, self.size)
        start = written - count
        order = [(start + i) & (self.size - 1) for i in range(count)]
        pack = struct.Struct("<QqIBxH").pack
        packed = b"".join(
            pack(at - self.first_ns, value, number & 0xFFFFFFFF, kind, thread & 0xFFFF)
            for at, value, number, kind, thread in map(records.__getitem__, order)
        )
        return packed, [keys[slot] for slot in order], start


class FdDatagramChannel(DatagramChannel):
    """A datagram channel's bytes, through the descriptor of a non-blocking datagram socket of any family."""

    def __init__(self, sock: socket.socket, is_connected: bool, tells_room: bool) -> None:
        DatagramChannel.__init__(self, is_connected, tells_room)
        self.sock = sock
        self.fd = sock.fileno()

    def fileno(self) -> int:
        """Return the descriptor; -1 once closed."""
        return self.fd

    def recv_from(self) -> bytes | None:
        """Return the next datagram, None if there is none now; `sender` says whose it is. Raises OSError."""
        try:
            data, self.sender = self.sock.recvfrom(LARGEST_DATAGRAM)
        except (BlockingIOError, InterruptedError):
            return None
        return data

    def send_to(self, data: Any, address: Any) -> bool:
        """Send one datagram, to the connected peer if `address` is None; False if none can be taken now."""
        try:
            if address is None:
                self.sock.send(data)
            else:
                self.sock.sendto(data, address)
        except (BlockingIOError, InterruptedError):
            return False
        return True
