"""Pipes: streams that go one way only.

A read pipe is a stream that was half-closed by us from its beginning, a write pipe one that was half-closed by the
peer: they are the stream of stream.py, in the states that lifecycle.py already has. What differs is here: how bytes
move (read and write, since recv and send are for sockets alone), that the end of one direction is the end of all, and
that a write pipe watches for its reader's going away.

Taken are pipes and FIFOs, sockets, and character devices. A regular file is always ready, and reading it blocks all
the same: it is refused.
"""

from __future__ import annotations

import asyncio
import contextvars
import io
import os
import select
import stat
from typing import Any

from weft.core import _os
from weft.core.loop import Core
from weft.ports import Channel, Source
from weft.transports import lifecycle
from weft.transports.stream import Stream


class PipeChannel(Channel):
    """Moves bytes through a file object's descriptor. It owns the file object: closing the channel closes it."""

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        self.fd: int = pipe.fileno()

    def fileno(self) -> int:
        """Return the descriptor; -1 once closed."""
        return self.fd

    def recv(self, size: int) -> bytes | None:
        """Return up to `size` bytes, b"" when every writer is gone, None if there is nothing yet."""
        try:
            return os.read(self.fd, size)
        except (BlockingIOError, InterruptedError):
            return None

    def recv_into(self, buffer: Any) -> int:
        """Fill `buffer` and return how many bytes came: 0 when every writer is gone, -1 if nothing is there yet."""
        try:
            return os.readv(self.fd, [buffer])
        except (BlockingIOError, InterruptedError):
            return -1

    def send(self, data: Any) -> int:
        """Send bytes; return how many were taken, -1 if none can be taken now."""
        try:
            return os.write(self.fd, data)
        except (BlockingIOError, InterruptedError):
            return -1

    def send_many(self, chunks: list[Any]) -> int:
        """Send several pieces with one system call; return how many bytes were taken in all."""
        try:
            return os.writev(self.fd, chunks)
        except (BlockingIOError, InterruptedError):
            return -1

    def shutdown(self) -> None:
        """Do nothing: a write pipe's end is its closing, and a read pipe has nothing to end."""

    def close(self) -> None:
        """Close the file object. Closing twice does nothing."""
        if self.fd >= 0:
            self.fd = -1
            self.pipe.close()

    def name(self, which: str) -> Any:
        """Return the file object under "pipe"; a pipe has no addresses."""
        return self.pipe if which == "pipe" else None


class UnpolledChannel(PipeChannel):
    """A channel for a device that epoll refuses because it never blocks (/dev/null, /dev/zero).

    The poller watches an event counter in its stead, which is rung after each read and each write that was not
    taken whole, so that an edge-triggered poller tells of it again.
    """

    def __init__(self, pipe: Any) -> None:
        super().__init__(pipe)
        self.bell = io.FileIO(os.eventfd(1, os.EFD_NONBLOCK | os.EFD_CLOEXEC), "r+")

    def fileno(self) -> int:
        """Return the descriptor of the event counter; -1 once closed."""
        return -1 if self.bell.closed else self.bell.fileno()

    def recv(self, size: int) -> bytes | None:
        """Return up to `size` bytes, b"" at the end."""
        data = super().recv(size)
        self.ring()
        return data

    def recv_into(self, buffer: Any) -> int:
        """Fill `buffer` and return how many bytes came: 0 at the end."""
        count = super().recv_into(buffer)
        self.ring()
        return count

    def send(self, data: Any) -> int:
        """Send bytes; return how many were taken."""
        sent = super().send(data)
        if sent < len(data):
            self.ring()
        return sent

    def send_many(self, chunks: list[Any]) -> int:
        """Send several pieces with one system call; return how many bytes were taken in all."""
        sent = super().send_many(chunks)
        if sent < sum(map(len, chunks)):
            self.ring()
        return sent

    def ring(self) -> None:
        """Make an edge; the counter stays at 1, far from where it would no longer be writable."""
        os.eventfd_read(self.bell.fileno())
        os.eventfd_write(self.bell.fileno(), 1)

    def close(self) -> None:
        """Close the file object and the event counter. Closing twice does nothing."""
        self.bell.close()
        super().close()


class ReadPipe(Stream):
    """A pipe's read end, with asyncio's ReadTransport interface. It is over when every writer is gone."""

    def __init__(self, loop: Core, channel: Channel, protocol: Any, context: contextvars.Context) -> None:
        Stream.__init__(self, loop, channel, protocol, context)
        # A terminal gives one line to a read, a datagram socket one message: less than was asked for is not all.
        self.reads_on = not is_fifo(channel.name("pipe").fileno())

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return asyncio.ReadTransport

    def __repr__(self) -> str:
        return f"<weft.ReadPipe {self.number} fd={self.channel.fileno()} {state_word(self.state)}>"

    def change(self, event: int) -> None:
        """Go to the next state of the table; nothing is ever accepted for sending."""
        self.state = lifecycle.TRANSITIONS[self.state, event]
        if event == lifecycle.CONNECTED:
            self.state = lifecycle.TRANSITIONS[self.state, lifecycle.WRITE_ENDED]

    def ready(self, events: int) -> None:
        """Read, and give each piece to the protocol."""
        if self.reads_on:
            events |= _os.PEER_CLOSED
        Stream.ready(self, events)

    def peer_ended(self) -> None:
        """Every writer is gone: tell the protocol, and close, whatever it answers."""
        try:
            self.context.run(self.protocol.eof_received)
        finally:
            self.close()

    def resume_reading(self) -> None:
        """Read again; what came meanwhile is read soon."""
        if self.is_reading_paused and self.state < lifecycle.CLOSING:
            self.is_reading_paused = False
            self.watch()
            self.interrupted()

    def interrupted(self) -> None:
        """Have the poller tell again; not tried: a FIFO without a writer yet reads as one whose writers are gone."""
        if self.loop.poller.is_edge_triggered and self.state < lifecycle.CLOSING and not self.loop.is_over:
            self.loop.poller.modify(self.channel.fileno(), self.interest)

    def refuse_write(self) -> None:
        """Say that this is the wrong end."""
        raise RuntimeError(f"Cannot write to {self!r}: it is the read end of a pipe")

    def can_write_eof(self) -> bool:
        """Return False: there is nothing to end."""
        return False


class WritePipe(Stream):
    """A pipe's write end, with asyncio's WriteTransport interface. It is over when every reader is gone."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return asyncio.WriteTransport

    def __repr__(self) -> str:
        state = state_word(self.state)
        return f"<weft.WritePipe {self.number} fd={self.channel.fileno()} {state} pending={self.pending}>"

    def set_protocol(self, protocol: Any) -> None:
        """Tell another protocol from now on; it needs no `data_received`."""
        self.protocol = protocol

    def change(self, event: int) -> None:
        """Go to the next state of the table; nothing ever comes in."""
        self.state = lifecycle.TRANSITIONS[self.state, event]
        if event == lifecycle.CONNECTED:
            self.state = lifecycle.TRANSITIONS[self.state, lifecycle.PEER_ENDED]

    def watch(self) -> None:
        """Tell the poller what to watch for."""
        interest = self.interest
        if self.loop.poller.is_edge_triggered:
            if self.is_blocked:
                interest |= _os.WRITE
        else:
            interest = (interest & _os.READ) | (_os.WRITE if self.is_blocked else 0)
        self.watch_for(interest)

    def watch_for(self, interest: int) -> None:
        """Tell the poller if the interest changed."""
        if interest != self.interest and not self.loop.is_over:
            self.interest = interest
            self.loop.poller.modify(self.channel.fileno(), interest)

    def ready(self, events: int) -> None:
        """Send what waits; end if the events say that nobody reads any more."""
        if self.is_blocked and events & (_os.WRITE | _os.ERROR | _os.HANGUP):
            self.flush()
        if self.state == lifecycle.CLOSED or not events & ~_os.WRITE:
            return
        if events & (_os.ERROR | _os.HANGUP | _os.PEER_CLOSED) or is_reader_gone(self.channel.name("pipe").fileno()):
            self.lose(BrokenPipeError("the reader closed its end") if self.pending else None)
        elif not self.loop.poller.is_edge_triggered:
            # A socket or terminal with bytes that are not ours to read: a level would be told of for ever.
            self.watch_for(self.interest & ~_os.READ)

    def write_eof(self) -> None:
        """Close: that is how a pipe's reader learns of the end."""
        self.close()


def read_pipe(loop: Core, pipe: Any, protocol: Any, context: contextvars.Context) -> ReadPipe:
    """Return a read pipe over a file object, not started yet. Raises ValueError for what is no pipe."""
    channel = channel_of(loop, pipe)
    try:
        return ReadPipe(loop, channel, protocol, context)
    except BaseException:
        channel.close()
        raise


def write_pipe(loop: Core, pipe: Any, protocol: Any, context: contextvars.Context) -> WritePipe:
    """Return a write pipe over a file object, not started yet. Raises ValueError for what is no pipe."""
    return WritePipe(loop, channel_of(loop, pipe), protocol, context)


def channel_of(loop: Core, pipe: Any) -> PipeChannel:
    """Return the channel for a file object, which is made non-blocking. Raises ValueError for a regular file."""
    fd = pipe.fileno()
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)):
        raise ValueError(f"{pipe!r} is no pipe, socket or character device: read and write a file in a thread")
    os.set_blocking(fd, False)
    if stat.S_ISCHR(mode) and not is_polled(loop, fd):
        return UnpolledChannel(pipe)
    return PipeChannel(pipe)


def is_polled(loop: Core, fd: int) -> bool:
    """Return whether the poller takes a descriptor: epoll refuses what is always ready."""
    try:
        loop.poller.add(fd, Source(), 0)
    except PermissionError:
        return False
    loop.poller.remove(fd)
    return True


def state_word(state: int) -> str:
    """Return what a pipe's state is called: half a stream is a whole pipe."""
    if lifecycle.CONNECTING < state < lifecycle.CLOSING:
        state = lifecycle.OPEN
    return lifecycle.STATES[state][0]


def is_fifo(fd: int) -> bool:
    """Return whether a descriptor is a pipe's or a FIFO's."""
    return stat.S_ISFIFO(os.fstat(fd).st_mode)


def is_reader_gone(fd: int) -> bool:
    """Return whether nobody reads what is written to `fd`, for a poller that says only "readable"."""
    poll = select.poll()
    poll.register(fd, getattr(select, "POLLRDHUP", 0))
    return bool(poll.poll(0))
