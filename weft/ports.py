"""The shapes that the core needs from outside, and that anything outside can replace.

A clock tells the time, a poller tells which descriptors are ready, a source is who it tells, a channel moves bytes,
an observer is told what happens. The real ones talk to the operating system; tests and simulation bring their own
by deriving from these classes. All of them are called from the loop's thread only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weft.core.handle import Handle
    from weft.core.timers import TimerHandle


class Clock:
    """Tells the time; nothing else in Weft does."""

    def now_ns(self) -> int:
        """Return nanoseconds from a fixed, arbitrary moment; never less than what it returned before."""
        raise NotImplementedError


class Source:
    """Whoever a poller tells that a descriptor is ready, and whose output may wait for the callback's end."""

    def ready(self, events: int) -> None:
        """Act on readiness: `events` is a mask of READ, WRITE, ERROR, HANGUP and PEER_CLOSED.

        Readiness is a hint. A source tries, and takes "would block" for an answer.
        """
        raise NotImplementedError

    def flush(self) -> None:
        """Send what was written during the callback that has just returned."""
        raise NotImplementedError

    def fail(self, error: BaseException) -> None:
        """Deal with an exception that `ready` raised."""
        raise NotImplementedError

    def interrupted(self) -> None:
        """SystemExit or KeyboardInterrupt passed through `ready`: an edge is told of once, so look again later."""


class StreamTransport(Source):
    """A connection's transport as compiled code calls it, for each message: asyncio's methods of these names."""

    def write(self, data: Any) -> None:
        """Accept bytes for sending; never waits."""
        raise NotImplementedError

    def takes_pairs(self) -> bool:
        """Return whether `write_pair` spares a joining."""
        return False

    def write_pair(self, first: bytes, second: bytes) -> None:
        """Accept two pieces, as `write(first + second)` does."""
        self.write(first + second)

    def is_closing(self) -> bool:
        """Return whether the connection has ended or is about to."""
        raise NotImplementedError

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""
        raise NotImplementedError


class Poller:
    """Tells which descriptors are ready. Five verbs: add, modify, remove, wait, close.

    And a question, `channel_for`, for one that receives bytes as well.

    After `wait` returned n, events 0 to n-1 are read with `ready_source`, which leaves the mask in `ready_events`.
    An event of a descriptor that was removed meanwhile has the source None.
    """

    is_edge_triggered: bool
    """True: with EDGE in its mask a descriptor is told of once for each change, so an owner reads until it gets
    less than it asked for. False: EDGE is ignored and a descriptor is told of for as long as it is ready."""

    sees_every_turn: bool
    """True: the loop polls in every turn. False: it may leave polls out where many in a row find nothing."""

    def __init__(self, is_edge_triggered: bool) -> None:
        self.is_edge_triggered = is_edge_triggered
        self.sees_every_turn = False
        self.ready_events = 0
        """The mask of the event that `ready_source` was last asked for."""

    def add(self, fd: int, source: Source, events: int) -> None:
        """Watch `fd` for `events`. Raises OSError as the system does: FileExistsError if it is watched already."""
        raise NotImplementedError

    def modify(self, fd: int, events: int) -> None:
        """Watch `fd` for `events` from now on; 0 keeps it registered and tells nothing but errors.

        Raises KeyError if it is not watched.
        """
        raise NotImplementedError

    def remove(self, fd: int) -> None:
        """Stop watching `fd`; no event of it is told from here on. Raises KeyError if it is not watched.

        Call it before closing the descriptor: its number may be another's right after.
        """
        raise NotImplementedError

    def channel_for(self, channel: Channel) -> Channel:
        """Return the channel through which a stream is to move its bytes; asked before the stream is added.

        The same, unless the poller has a way of its own to receive them.
        """
        return channel

    def wait(self, timeout_ns: int) -> int:
        """Wait until a descriptor is ready or `timeout_ns` passed (-1: no limit).

        Returns how many events there are. A wait may be rounded up to the system's resolution, never down, and a
        signal or a limit of the system's may end it early, with no event.
        """
        raise NotImplementedError

    def ready_source(self, index: int) -> Source | None:
        """Return whose event number `index` of the last wait is, None if it was removed; set `ready_events`."""
        raise NotImplementedError

    def close(self) -> None:
        """Give the system's resources back. Closing twice does nothing."""
        raise NotImplementedError


class Channel:
    """Moves bytes in and out without ever blocking. Raises OSError when the connection failed."""

    def fileno(self) -> int:
        """Return the descriptor that the poller watches; -1 once closed."""
        raise NotImplementedError

    def recv(self, size: int) -> bytes | None:
        """Return up to `size` bytes, b"" at the end of the stream, None if there is nothing yet."""
        raise NotImplementedError

    def recv_into(self, buffer: Any) -> int:
        """Fill `buffer` and return how many bytes came: 0 at the end of the stream, -1 if nothing is there yet."""
        raise NotImplementedError

    def send(self, data: Any) -> int:
        """Send bytes; return how many were taken, -1 if none can be taken now. They may change once this returns."""
        raise NotImplementedError

    def send_many(self, chunks: list[Any]) -> int:
        """Send several pieces as if they were one; return how many bytes were taken in all, -1 if none can be."""
        raise NotImplementedError

    def pause(self, is_paused: bool) -> None:
        """Its stream takes nothing more for now, or does again; for a channel that receives before it is asked to."""

    def shutdown(self) -> None:
        """Tell the peer that nothing more will be sent."""
        raise NotImplementedError

    def close(self) -> None:
        """Give the descriptor back. Closing twice does nothing."""
        raise NotImplementedError

    def name(self, which: str) -> Any:
        """Return what is known under "socket", "sockname" or "peername"; None if nothing is."""
        raise NotImplementedError


class DatagramChannel:
    """Moves datagrams in and out without ever blocking.

    An OSError is the system's word on one datagram, perhaps an earlier one; the channel lives on.
    """

    sender: Any
    """Whom the datagram came from that `recv_from` returned last."""
    is_connected: bool
    """True: there is one peer, and `send_to` takes None for its address."""
    tells_room: bool
    """False: the poller may not tell when a send that would block can be tried again."""

    def __init__(self, is_connected: bool, tells_room: bool) -> None:
        self.sender = None
        self.is_connected = is_connected
        self.tells_room = tells_room

    def fileno(self) -> int:
        """Return the descriptor that the poller watches; -1 once closed."""
        raise NotImplementedError

    def recv_from(self) -> bytes | None:
        """Return the next datagram, which may be empty; None if there is none now. `sender` says whose it is."""
        raise NotImplementedError

    def send_to(self, data: Any, address: Any) -> bool:
        """Send one datagram; False if none can be taken now."""
        raise NotImplementedError

    def close(self) -> None:
        """Give the descriptor back. Closing twice does nothing."""
        raise NotImplementedError

    def name(self, which: str) -> Any:
        """Return what is known under "socket", "sockname" or "peername"; None if nothing is."""
        raise NotImplementedError


class Observer:
    """Is told what a loop does, as it does it. Every method may be left as it is: it does nothing.

    An observer must not raise and must not change what it is shown. Numbers are given at creation, in order:
    each timer and each connection has one for itself; tasks are counted by the observer.
    """

    def run_begin(self, loop: Any) -> None:
        """The loop begins to run, in the calling thread."""

    def run_end(self, loop: Any) -> None:
        """The loop stops running."""

    def wait_begin(self, timeout_ns: int) -> None:
        """The loop begins to wait for events: until one comes, or `timeout_ns` passed (-1: no limit)."""

    def wait_end(self, count: int) -> None:
        """The wait is over; `count` events came."""

    def scheduled(self, handle: Handle) -> None:
        """A call joined the ready queue: of a callback, or of a task that was woken."""

    def call_begin(self, handle: Handle) -> None:
        """A call, or a step of a task, begins."""

    def call_end(self, handle: Handle) -> None:
        """That call or step is over."""

    def nested_begin(self, callback: Any) -> None:
        """Within a call, a function that is told of by itself begins: a Deferred's callback."""

    def nested_end(self) -> None:
        """That function is over."""

    def task_made(self, task: Any) -> None:
        """A task was created; its first step is scheduled."""

    def routine_made(self, routine: Any) -> int:
        """A generator or coroutine that is no asyncio task begins; return its number among the tasks."""
        return 0

    def routine_begin(self, number: int) -> None:
        """A step of it begins."""

    def routine_waits(self, number: int, routine: Any) -> None:
        """That step is over, and it waits."""

    def routine_ended(self, number: int, error: BaseException | None) -> None:
        """That step was its last; `error` is what it raised."""

    def job(self, call: Any) -> Any:
        """Return what is to be called in an executor's thread instead of `call`."""
        return call

    def timer_made(self, timer: TimerHandle) -> None:
        """A timer was created."""

    def timer_fired(self, timer: TimerHandle) -> None:
        """A timer's time came; its call joins the ready queue."""

    def channel_opened(self, number: int, owner: Any, name: Any) -> None:
        """A connection was made; `owner` is its protocol, `name` the peer's address."""

    def data_begin(self, number: int, size_bytes: int) -> None:
        """Bytes came in on a connection (0: its end), and are about to be given to its protocol."""

    def data_end(self, number: int) -> None:
        """The protocol has taken them."""

    def data_sent(self, number: int, size_bytes: int) -> None:
        """The system took bytes of a connection's output."""

    def channel_closed(self, number: int, owner: Any, error: BaseException | None) -> None:
        """A connection ended; `error` is None for an orderly end."""
