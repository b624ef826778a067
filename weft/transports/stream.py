"""The stream transport: a connection's bytes, from a channel to a protocol and back.

Its life is the table in lifecycle.py, its place in it the one field `state`. Beside that it keeps what it still has
to send, and whether either side asked for a pause.

Reading: an event is read until less came than was asked for, within a bound, so that an edge-triggered poller misses
nothing and one busy peer does not starve the others. Writing: what is written during one callback leaves together
when the callback returns, small pieces joined as they come in an outbox that all streams of the loop take turns in;
what the system does not take waits until the descriptor is writable, and above the high watermark the protocol is
asked to pause.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from types import MethodDescriptorType, MethodType
from typing import Any

from weft.core import _os
from weft.core.handle import make_handle
from weft.core.loop import Core
from weft.ports import Channel, StreamTransport
from weft.transports import lifecycle

logger = logging.getLogger("weft")

# What an event's path needs of the table: looked up here once, for the interpreted build.
OPEN = lifecycle.OPEN
READ_CLOSED = lifecycle.READ_CLOSED
WRITE_CLOSED = lifecycle.WRITE_CLOSED
READ = _os.READ
BROKEN = _os.ERROR | _os.HANGUP
ENDED = BROKEN | _os.PEER_CLOSED
READABLE = READ | ENDED
WRITABLE = _os.WRITE | BROKEN
LEAST_READ = 16384
"""Bytes asked for by a read, at first. Reads of up to this size go through a buffer that is used again."""
MOST_READ = 122880
"""Bytes asked for at most: just under the size from which glibc maps fresh memory for each allocation."""
READS_AN_EVENT = 8
"""Full reads of one connection before the others have their turn."""
SMALL_READS = 8
"""Reads that fill less than a quarter, with none between them that fills all, before the next ask for half."""
HIGH_WATER = 65536
"""Bytes waiting to be sent from which on the protocol is asked to pause; also sent without further delay."""
MOST_JOINED = 16384
"""Bytes of several pieces that are joined before they are sent: copying these costs less than listing the pieces."""
SMALL_PIECE = 256
"""Bytes of a piece, or of all pieces on average, that is joined to the others whatever they come to."""
PIECES = 64
"""Pieces given to the system at once."""
WARN_AFTER = 5
"""Dropped writes to a closing stream before a warning is logged, once."""


class Stream(StreamTransport):
    """A connected transport with asyncio's Transport interface, over any channel."""

    _start_tls_compatible = True  # asyncio's and aiohttp's question whether TLS can run over this

    def __init__(
        self, loop: Core, channel: Channel, protocol: Any, context: contextvars.Context, listener: Any = None
    ) -> None:
        self.loop = loop
        self.channel = channel
        self.context = context
        self.listener = listener
        self.state = lifecycle.CONNECTING
        self.number = self.loop.next_connection_number()
        self.read_size = LEAST_READ
        self.small_reads = 0
        self.is_reading_paused = False
        self.interest = 0
        # To be sent: `first`, then `others`; `pending` bytes in all.
        self.first: Any = None
        self.others: Any = None  # a deque, once there are any
        self.outbox: Any = None  # what is `first` while several small pieces are joined in it
        self.pending = 0
        self.is_blocked = False  # the system takes no more for now
        self.is_receiving = False  # `data_received` runs; what it writes leaves when it returns
        self.borrower: Any = None  # who sends through the channel for now, instead of `write`
        self.is_protocol_paused = False
        self.high = HIGH_WATER
        self.low = HIGH_WATER // 4
        self.dropped_writes = 0
        self.data_received: Any = None
        self.set_protocol(protocol)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # A real base would give a layout conflict in the compiled build.
        return asyncio.Transport

    def __repr__(self) -> str:
        state = lifecycle.STATES[self.state][0]
        return f"<weft.Stream {self.number} fd={self.channel.fileno()} {state} pending={self.pending}>"

    # -- beginning

    def start(self) -> None:
        """Tell the protocol that it is connected, and begin to read. If the poller refuses, the channel is closed."""
        self.interest = _os.READ | _os.PEER_CLOSED | _os.EDGE
        self.channel = self.loop.poller.channel_for(self.channel)
        try:
            self.loop.poller.add(self.channel.fileno(), self, self.interest)
        except BaseException:
            self.channel.close()
            raise
        self.change(lifecycle.CONNECTED)
        observer = self.loop.observer
        if observer is not None:
            observer.channel_opened(self.number, self.owner(), self.channel.name("peername"))
        if self.listener is not None:
            self.listener.attach(self)
        try:
            self.greet()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.fail(error)

    def greet(self) -> None:
        """Tell the protocol that it is connected."""
        _os.call_one(self.context, self.protocol.connection_made, self)

    def change(self, event: int) -> None:
        """Go to the next state of the table."""
        self.state = lifecycle.TRANSITIONS[self.state, event]

    def watch(self) -> None:
        """Tell the poller what to watch for. An edge that nobody needs is told once, so it is left as it is."""
        interest = self.interest
        if not self.loop.poller.is_edge_triggered:
            interest = (_os.READ if self.is_reading() else 0) | (_os.WRITE if self.is_blocked else 0)
        elif self.is_blocked:
            interest |= _os.WRITE
        if interest != self.interest and not self.loop.is_over:
            self.interest = interest
            self.loop.poller.modify(self.channel.fileno(), interest)

    # -- reading

    def ready(self, events: int) -> None:
        """Read until less comes than is asked for, and give each piece to the protocol; then send what waits.

        What came before the connection broke is there to be read, but not after an error of sending.
        """
        if events != READ:
            if self.is_blocked and events & WRITABLE and not self.loop.write_later(self):
                self.flush()
            if not events & READABLE:
                return
        left = READS_AN_EVENT
        while not self.is_reading_paused and (self.state == OPEN or self.state == WRITE_CLOSED):
            if self.data_received is None:
                filled = self.read_into_buffer()
                if filled < 0 or (filled == 0 and not events & ENDED):
                    return
            else:
                size = self.read_size
                try:
                    data = self.channel.recv(size)
                except OSError as error:
                    self.lose(error)
                    return
                if not data:
                    if data is not None:
                        self.peer_ended()
                    return
                self.is_receiving = True
                try:
                    if self.loop.observer is None:
                        _os.call_two(self.context, self.data_received, self.protocol, data)
                    else:
                        self.receive_observed(data, len(data))
                finally:
                    self.is_receiving = False
                if self.first is not None and not self.is_blocked:
                    self.flush()
                if len(data) == size:
                    self.note_full()
                else:
                    if size > LEAST_READ and len(data) < size >> 2:
                        self.note_small()
                    if events == READ or not events & ENDED:
                        return
            left -= 1
            if left == 0:
                self.read_again(events)
                return

    def read_again(self, events: int) -> None:
        """Go on reading in the next turn: an edge is told of only once."""
        if not self.loop.is_over:
            self.loop.push(make_handle(self.ready_again, (events,), None))

    def ready_again(self, events: int) -> None:
        """Act on readiness that was told of earlier."""
        try:
            self.ready(events)
        except (SystemExit, KeyboardInterrupt):
            self.interrupted()
            raise
        except BaseException as error:
            self.fail(error)

    def interrupted(self) -> None:
        """Go on in the next turn: what the interrupted call was to read, or had written, is still there."""
        if self.first is not None and not self.is_blocked:
            self.loop.write_later(self)
        if self.loop.poller.is_edge_triggered:
            self.read_again(_os.READ | _os.PEER_CLOSED)

    def note_full(self) -> None:
        """Ask for more after a read that filled all that it might."""
        self.small_reads = 0
        self.read_size = min(self.read_size * 2, MOST_READ)

    def note_small(self) -> None:
        """Ask for less after several reads that filled little."""
        self.small_reads += 1
        if self.small_reads >= SMALL_READS:
            self.small_reads = 0
            self.read_size = max(self.read_size >> 1, LEAST_READ)

    def receive_observed(self, data: bytes | None, count: int) -> None:
        """Give what came to the protocol (None: its buffer has it); the observer is told of the begin and the end."""
        observer: Any = self.loop.observer
        observer.data_begin(self.number, count)
        try:
            if data is None:
                _os.call_one(self.context, self.protocol.buffer_updated, count)
            else:
                _os.call_two(self.context, self.data_received, self.protocol, data)
        finally:
            observer.data_end(self.number)

    def read_into_buffer(self) -> int:
        """Read into the protocol's own buffer (asyncio.BufferedProtocol).

        Return 1 if that filled it, 0 if less came, -1 if nothing did or the stream is at its end.
        """
        buffer = self.context.run(self.protocol.get_buffer, -1)
        size = len(buffer)  # in items: never more than its bytes
        if size == 0:
            raise RuntimeError("get_buffer() returned an empty buffer")
        try:
            count = self.channel.recv_into(buffer)
        except OSError as error:
            self.lose(error)
            return -1
        if count == 0:
            self.peer_ended()
        if count <= 0:
            return -1
        if self.loop.observer is None:
            _os.call_one(self.context, self.protocol.buffer_updated, count)
        else:
            self.receive_observed(None, count)
        return 1 if count >= size else 0

    def peer_ended(self) -> None:
        """The peer sends no more: the protocol says whether the stream goes on half open."""
        if self.context.run(self.protocol.eof_received):
            if self.state == lifecycle.OPEN or self.state == lifecycle.WRITE_CLOSED:
                self.change(lifecycle.PEER_ENDED)
                self.watch()
        else:
            self.close()

    def pause_reading(self) -> None:
        """Read nothing more until `resume_reading`; pausing twice does nothing."""
        if self.state < lifecycle.CLOSING:
            self.is_reading_paused = True
            self.channel.pause(True)
            self.watch()

    def resume_reading(self) -> None:
        """Read again; what came meanwhile is read soon."""
        if self.is_reading_paused and self.state < lifecycle.CLOSING:
            self.is_reading_paused = False
            self.channel.pause(False)
            self.watch()
            if self.loop.poller.is_edge_triggered:
                self.read_again(_os.READ | _os.PEER_CLOSED)

    def is_reading(self) -> bool:
        """Return whether bytes that come are given to the protocol."""
        return not self.is_reading_paused and (self.state == lifecycle.OPEN or self.state == lifecycle.WRITE_CLOSED)

    # -- writing

    def write(self, data: Any) -> None:
        """Accept bytes for sending; never waits. They leave when the running callback returns.

        Raises TypeError for anything but bytes-like objects, RuntimeError after `write_eof`.
        """
        if type(data) is not bytes:
            data = frozen(data)
        if self.state != OPEN and self.state != READ_CLOSED:
            self.refuse_write()
            return
        if self.borrower is not None:
            raise RuntimeError("unable to write; sendfile is in progress")
        size = len(data)
        if not size:
            return
        if self.first is None:
            self.first = data
            self.pending = size
            if size >= HIGH_WATER or not (self.is_receiving or self.loop.write_later(self)):
                self.flush()
            return
        if _os.OUTBOX_BYTES and self.use_outbox(size):
            self.outbox.add(data)
        elif self.others is None:
            self.others = deque((data,))
        else:
            self.others.append(data)
        self.note_written(size)

    def takes_pairs(self) -> bool:
        """Return whether `write_pair` spares a joining."""
        return _os.OUTBOX_BYTES > 0

    def write_pair(self, first: bytes, second: bytes) -> None:
        """Accept the two as `write(first + second)` does."""
        size = len(first) + len(second)
        if self.state != OPEN or self.borrower is not None or not self.use_outbox(size):
            self.write(first + second)
            return
        self.outbox.add(first)
        self.outbox.add(second)
        self.note_written(size)

    def use_outbox(self, size: int) -> bool:
        """Return whether `size` bytes more go to the outbox, joined to what was written before: small pieces do."""
        if self.is_blocked or self.others is not None:
            return False
        after = self.pending + size
        if after > _os.OUTBOX_BYTES or (after > MOST_JOINED and (self.outbox is None or size > SMALL_PIECE)):
            return False
        if self.outbox is None:
            self.outbox = self.loop.take_outbox()
            if self.first is not None:
                self.outbox.add(self.first)
            self.first = self.outbox
        return True

    def note_written(self, size: int) -> None:
        """Count `size` bytes more that wait, and see to it that they are sent, or that the protocol pauses."""
        is_first = self.pending == 0
        self.pending += size
        if self.is_blocked:
            if self.pending > self.high:
                self.hold_protocol(True)
        elif self.pending >= HIGH_WATER or (is_first and not (self.is_receiving or self.loop.write_later(self))):
            self.flush()

    def leave_outbox(self) -> None:
        """Let others have the outbox: what was in it was sent, or waits as bytes of its own from now on."""
        if self.first is self.outbox:
            self.first = bytes(self.outbox)
        self.outbox.clear()
        self.loop.outbox = self.outbox
        self.outbox = None

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Accept several pieces for sending; they leave together."""
        for data in list_of_data:
            self.write(data)

    def refuse_write(self) -> None:
        """Say that nothing more is accepted: an error after `write_eof`, else a warning once it repeats."""
        if self.state == lifecycle.WRITE_CLOSED or self.state == lifecycle.BOTH_CLOSED:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self.dropped_writes == WARN_AFTER:
            return
        self.dropped_writes += 1
        if self.dropped_writes == WARN_AFTER:
            logger.warning("%r: %d writes after its end were dropped; check is_closing()", self, WARN_AFTER)

    def flush(self) -> None:
        """Send what the system takes of what was written; wait for writability with the rest."""
        while self.first is not None:
            offered = self.pending
            try:
                if self.others is None or self.join_others():
                    sent = self.channel.send(self.first)
                else:
                    chunks = [self.first, *islice(self.others, PIECES - 1)]
                    offered = sum(map(len, chunks))
                    sent = self.channel.send_many(chunks)
            except OSError as error:
                self.lose(error)
                return
            if self.loop.observer is not None and sent > 0:
                self.loop.observer.data_sent(self.number, sent)
            if sent == self.pending:
                self.pending = 0
                self.first = None
                self.others = None
                if self.outbox is not None:
                    self.leave_outbox()
                if self.is_blocked or self.state != OPEN:
                    self.all_sent()
                return
            if self.outbox is not None:
                self.leave_outbox()
            if sent > 0:
                self.pending -= sent
                self.drop(sent)
                if sent == offered:
                    continue
            self.wait_writable()
            return

    def join_others(self) -> bool:
        """Make one piece of all that waits if that costs less than listing the pieces; return whether it did."""
        if self.pending > max(MOST_JOINED, SMALL_PIECE * len(self.others)):
            return False
        self.first = b"".join([self.first, *self.others])
        self.others = None
        return True

    def drop(self, sent: int) -> None:
        """Forget the first `sent` bytes of what is to be sent; some remain."""
        while sent >= len(self.first):
            sent -= len(self.first)
            self.first = self.others.popleft()
        if sent:
            self.first = memoryview(self.first)[sent:]
        if not self.others:
            self.others = None

    def wait_writable(self) -> None:
        """Ask to be told when the system takes more, and hold the protocol to the watermarks."""
        if not self.is_blocked:
            self.is_blocked = True
            self.watch()
        if self.pending > self.high:
            self.hold_protocol(True)
        elif self.pending <= self.low:
            self.hold_protocol(False)

    def all_sent(self) -> None:
        """Everything accepted has left: let the protocol go on, and end what was waiting to end."""
        self.is_blocked = False
        self.watch()
        if self.state == lifecycle.WRITE_CLOSED or self.state == lifecycle.BOTH_CLOSED:
            self.shut_down()
        self.hold_protocol(False)
        if self.state == lifecycle.CLOSING and self.first is None:
            self.end(lifecycle.FLUSHED, None)
        if self.borrower is not None:
            self.borrower(None)

    def hold_protocol(self, is_held: bool) -> None:
        """Ask the protocol to write no more for now, or let it write again. What it raises is reported."""
        if self.is_protocol_paused == is_held:
            return
        self.is_protocol_paused = is_held
        method = "pause_writing" if is_held else "resume_writing"
        try:
            getattr(self.protocol, method)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.report(f"protocol.{method}() failed", error)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the watermarks, in bytes; without `low` it is a quarter of `high`. Raises ValueError."""
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self.high = high
        self.low = low
        if self.pending > high and self.is_blocked:
            self.hold_protocol(True)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the watermarks (low, high), in bytes."""
        return (self.low, self.high)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""
        return self.pending

    def can_write_eof(self) -> bool:
        """Return True: a stream can be half closed."""
        return True

    def write_eof(self) -> None:
        """Half close: what was accepted is sent, then the peer is told that nothing more comes."""
        if self.state != lifecycle.OPEN and self.state != lifecycle.READ_CLOSED:
            return
        if self.borrower is not None:
            raise RuntimeError("unable to write; sendfile is in progress")
        self.change(lifecycle.WRITE_ENDED)
        if self.pending == 0:
            self.shut_down()

    def lend(self, borrower: Callable[[BaseException | None], None]) -> None:
        """Let another send through the channel: nothing can be written until `take_back`.

        `borrower(None)` is called once what was written before has left, and `borrower(error)` if the stream ends.
        Raises RuntimeError where nothing can be sent any more, or the channel is lent already.
        """
        if self.borrower is not None:
            raise RuntimeError("unable to lend a stream twice; sendfile is in progress")
        if self.state != lifecycle.OPEN and self.state != lifecycle.READ_CLOSED:
            raise RuntimeError(f"unable to send through a stream that is {lifecycle.STATES[self.state][0]}")
        self.send_now()
        if self.state >= lifecycle.CLOSING:
            borrower(ConnectionResetError("the connection ended before the file could be sent"))
            return
        self.borrower = borrower
        if self.pending == 0:
            borrower(None)

    def take_back(self) -> None:
        """Let `write` send again. Doing so twice does nothing."""
        self.borrower = None

    def shut_down(self) -> None:
        """Tell the peer that nothing more will be sent."""
        try:
            self.channel.shutdown()
        except OSError as error:
            self.lose(error)

    # -- ending

    def is_closing(self) -> bool:
        """Return whether the stream has ended or is about to."""
        return self.state >= lifecycle.CLOSING

    def close(self) -> None:
        """End in good order: what was accepted is sent first. Closing twice does nothing."""
        if self.state == lifecycle.CONNECTING:
            self.lose(None)
        elif self.state < lifecycle.CLOSING:
            self.change(lifecycle.CLOSE_ASKED)
            if self.pending == 0 or self.loop.is_over:
                self.end(lifecycle.FLUSHED, None)
            else:
                self.watch()

    def abort(self) -> None:
        """End at once; what the system does not take now is dropped."""
        self.send_now()
        self.lose(None)

    def send_now(self) -> None:
        """Have the system take what the running callback wrote, as if it had done so at once."""
        if self.first is not None and not self.is_blocked:
            self.flush()

    def lose(self, error: BaseException | None) -> None:
        """End at once because of an error of the connection; the protocol is told of it."""
        if self.state != lifecycle.CLOSED:
            self.end(lifecycle.LOST, error)

    def fail(self, error: BaseException) -> None:
        """End at once because the protocol raised; report it."""
        self.report("Fatal error: the protocol raised", error)
        self.send_now()
        self.lose(error)

    def end(self, event: int, error: BaseException | None) -> None:
        """Reach CLOSED, and have the protocol told in the next turn."""
        was_started = self.state != lifecycle.CONNECTING
        self.change(event)
        if self.loop.is_over:
            self.channel.close()  # no turn will come in which the protocol could be told
            return
        self.first = None
        self.others = None
        self.outbox = None
        self.pending = 0
        self.is_blocked = False
        if was_started:
            self.loop.poller.remove(self.channel.fileno())
        if self.borrower is not None:
            self.borrower(error or ConnectionAbortedError("the transport was closed while a file was sent"))
            self.borrower = None
        self.finish_soon(error)

    def finish_soon(self, error: BaseException | None) -> None:
        """Have `finish` called behind what is ready now."""
        self.loop.push(make_handle(self.finish, (error,), self.context))

    def finish(self, error: BaseException | None) -> None:
        """Tell the protocol that the connection is over, and let go of everything."""
        observer = self.loop.observer
        if observer is not None:
            observer.channel_closed(self.number, self.owner(), error)
        try:
            self.protocol.connection_lost(error)
        finally:
            self.channel.close()
            if self.listener is not None:
                self.listener.detach(self)
                self.listener = None
            self.data_received = None

    def report(self, message: str, error: BaseException) -> None:
        """Report an exception that the protocol raised."""
        self.loop.report({"message": message, "exception": error, "transport": self, "protocol": self.protocol})

    # -- what it is

    def set_protocol(self, protocol: Any) -> None:
        """Give the bytes to another protocol from now on."""
        self.protocol = protocol
        # Looked up once, not for each event; None stands for a protocol with its own buffer.
        self.data_received = None if isinstance(protocol, asyncio.BufferedProtocol) else unbound(protocol)

    def owner(self) -> Any:
        """Return what recordings name the connection by."""
        return self.protocol

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self.protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return "socket", "sockname" or "peername"; `default` for anything else, or where it is not known."""
        found = self.channel.name(name)
        return default if found is None else found


def unbound(protocol: Any) -> Callable[[Any, bytes], object]:
    """Return what a protocol takes data by, to be called with the protocol and the data.

    That is its class's function, which takes no memory of a connection's; a bound method would.
    """
    method = protocol.data_received
    if type(method) is MethodType and method.__self__ is protocol:
        return method.__func__
    function = getattr(type(protocol), "data_received", None)
    if type(function) is MethodDescriptorType and function.__get__(protocol) == method:
        return function  # of a compiled class
    return partial(give, method)


def give(take: Callable[[bytes], object], protocol: Any, data: bytes) -> None:
    """Give data to a callable that is not a method of the protocol."""
    take(data)


def frozen(data: Any) -> bytes:
    """Return a copy of bytes-like data that its owner cannot change any more. Raises TypeError."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"data must be bytes, bytearray or memoryview, not {type(data).__name__}")
    return bytes(data)
