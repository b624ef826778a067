"""A connection in memory: two channels, and between them two wires, one for each direction.

A wire carries what the sender's channel takes, for as long as its latency, and lays it before the reader's channel
one fragment at a time: the next fragment lands at the poll after the last one was read. It holds `capacity` bytes,
sent and not yet read; a sender that offers more is told that it would block, as by the system. An end of the stream,
a close and a reset travel behind the bytes that were sent before.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from weft.core import _os
from weft.ports import Channel
from weft.testing.clock import elapsed_ns
from weft.testing.poller import End, MemoryPoller

Fragments = int | Iterable[int] | random.Random | None

ENDED = "ended"
RESET = "reset"
LARGEST_FRAGMENT_BITS = 14
"""Fragments of a random source have up to so many bits in their length, each number of bits as often."""


@dataclass(frozen=True)
class Link:
    """What one direction of a connection is like.

    `fragments` says how many bytes arrive at once: a number; a list, used in turn and again from its beginning; any
    other iterable, after whose end everything arrives at once; a `random.Random`, for lengths from 1 to 16384, of
    each magnitude as many; None, for everything that is there. `capacity` is how many bytes can be on their way:
    beyond that, writes wait. `latency_s` is how long they take, on the loop's clock. After `reset_at` bytes the
    connection is reset, after `end_at` bytes the stream ends, whatever else was sent.
    """

    fragments: Fragments = None
    capacity: int = 65536
    latency_s: float = 0.0
    reset_at: int | None = None
    end_at: int | None = None

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise ValueError(f"capacity is {self.capacity}: a link must have room for at least 1 byte")
        elapsed_ns(self.latency_s)
        sizes(self.fragments)


def sizes(fragments: Fragments) -> Iterator[int] | None:
    """Return the lengths of the fragments, one after another; None for no limit. Raises ValueError below 1."""
    if fragments is None:
        return None
    if isinstance(fragments, random.Random):
        return random_sizes(fragments)
    if isinstance(fragments, int):
        fragments = (fragments,)
    if isinstance(fragments, (list, tuple)):
        if not fragments or not all(size >= 1 for size in fragments):
            raise ValueError(f"fragments are {fragments!r}: each must have at least 1 byte")
        return itertools.cycle(fragments)
    return iter(fragments)


def random_sizes(source: random.Random) -> Iterator[int]:
    """Yield random lengths, small ones as likely as large ones."""
    while True:
        yield source.randint(1, 1 << source.randint(0, LARGEST_FRAGMENT_BITS))


class Wire:
    """One direction: from a sender's channel to a reader's."""

    def __init__(self, poller: MemoryPoller, link: Link) -> None:
        self.poller = poller
        self.link = link
        self.latency_ns = elapsed_ns(link.latency_s)
        self.sizes = sizes(link.fragments)
        self.sender: MemoryChannel | None = None
        self.reader: MemoryChannel | None = None
        self.flying: deque[tuple[int, memoryview | str]] = deque()
        """(when it arrives, bytes or how the stream ends), in the order in which it was sent."""
        self.landed = b""
        """What the reader can read now."""
        self.ending = ""
        """How the stream ended for its reader; "" while it did not."""
        self.size = 0
        """Bytes sent and not yet read."""
        self.passed = 0
        """Bytes that have landed, in all."""
        self.is_held = False
        self.is_refusing = False

    # -- the sender's side

    def send(self, data: memoryview) -> int:
        """Take as many bytes as there is room for; return how many, -1 for none. What comes after an end is lost."""
        if self.ending:
            return len(data)
        taken = bytes(data[: self.link.capacity - self.size])
        self.is_refusing = len(taken) < len(data)
        if not taken:
            return -1
        self.size += len(taken)
        self.put(memoryview(taken))
        return len(taken)

    def has_room(self) -> bool:
        """Return whether it is worth telling a sender to go on: a third is free, as Linux has it."""
        return 3 * (self.link.capacity - self.size) >= self.link.capacity

    def put(self, what: memoryview | str) -> None:
        """Send something on its way."""
        self.flying.append((self.poller.clock.now_ns() + self.latency_ns, what))
        self.later(self.land)

    def later(self, land: Callable[[], None]) -> None:
        """Have `land()` called when the latency is over."""
        if self.latency_ns:
            self.poller.arrive(self.poller.clock.now_ns() + self.latency_ns, land)
        else:
            self.poller.land_soon(land)

    # -- on the way

    def land(self) -> None:
        """Lay the next fragment before the reader, if it has read the last one, and the end behind the last byte."""
        if self.is_held or self.landed or self.ending:
            return
        arrived = self.arrived()
        if arrived:
            size = arrived if self.sizes is None else min(arrived, self.next_size(arrived))
            self.landed = self.take(size)
            self.passed += len(self.landed)
        self.end_as_arranged()
        if not self.ending and self.flying:
            moment_ns, what = self.flying[0]
            if isinstance(what, str) and self.poller.has_come(moment_ns):
                self.ending = what
                self.flying.clear()
        if (self.landed or self.ending) and self.reader is not None:
            self.poller.stir(self.reader.number)

    def arrived(self) -> int:
        """Return how many bytes have come to the reader's end and may land."""
        count = 0
        for moment_ns, what in self.flying:
            if isinstance(what, str) or not self.poller.has_come(moment_ns):
                break
            count += len(what)
        for bound in (self.link.reset_at, self.link.end_at):
            if bound is not None:
                count = min(count, bound - self.passed)
        return count

    def next_size(self, most: int) -> int:
        """Return the length of the next fragment."""
        assert self.sizes is not None
        size = next(self.sizes, None)
        if size is None:
            self.sizes = None
            return most
        if size < 1:
            raise ValueError(f"a fragment of {size} bytes was asked for: each must have at least 1")
        return size

    def take(self, size: int) -> bytes:
        """Take the first `size` bytes off the way."""
        pieces = []
        while size:
            moment_ns, what = self.flying.popleft()
            assert isinstance(what, memoryview)
            if len(what) > size:
                self.flying.appendleft((moment_ns, what[size:]))
                what = what[:size]
            pieces.append(what)
            size -= len(what)
        return b"".join(pieces)

    def end_as_arranged(self) -> None:
        """Reset the connection, or end the stream, if as many bytes have passed as the link says."""
        if self.link.reset_at is not None and self.passed >= self.link.reset_at:
            if self.sender is not None:
                self.sender.incoming.break_off()
            self.break_off()
        elif self.link.end_at is not None and self.passed >= self.link.end_at:
            self.flying.clear()
            self.size = len(self.landed)
            self.ending = ENDED

    def break_off(self) -> None:
        """Drop what is on the way: the reader finds the connection reset behind what has landed."""
        self.flying.clear()
        self.ending = RESET
        for channel in (self.reader, self.sender):
            if channel is not None:
                self.poller.stir(channel.number)

    def hold(self) -> None:
        """Let nothing arrive until `release`: silence, while the sender goes on until the wire is full."""
        self.is_held = True

    def release(self) -> None:
        """Let what was held arrive."""
        self.is_held = False
        self.poller.land_soon(self.land)

    # -- the reader's side

    def recv(self, size: int) -> bytes | None:
        """Return up to `size` bytes, b"" at the end, None if there is nothing yet. Raises ConnectionResetError."""
        if self.landed:
            data, self.landed = self.landed[:size], self.landed[size:]
            self.size -= len(data)
            if not self.landed:
                self.poller.land_soon(self.land)
            if self.is_refusing and self.has_room() and self.sender is not None:
                self.poller.stir(self.sender.number)
            return data
        if self.ending == RESET:
            raise os_error(errno.ECONNRESET)
        return b"" if self.ending else None


class MemoryChannel(Channel, End):
    """One end of a connection in memory."""

    def __init__(self, incoming: Wire, outgoing: Wire, names: dict[str, Any]) -> None:
        self.incoming = incoming
        self.outgoing = outgoing
        incoming.reader = self
        outgoing.sender = self
        self.poller = incoming.poller
        self.number = self.poller.enroll(self)
        self._names = names
        self._sends = True
        self._is_peer_gone = False

    def fileno(self) -> int:
        """Return the number that the poller watches; -1 once closed."""
        return self.number

    def readiness(self) -> int:
        """Return the mask of what it is ready for."""
        ending = self.incoming.ending
        mask = _os.READ if self.incoming.landed or ending else 0
        if ending:
            mask |= _os.PEER_CLOSED
        if ending == RESET or self._is_peer_gone:
            mask |= _os.HANGUP | _os.WRITE
        if ending == RESET:
            mask |= _os.ERROR
        if self.outgoing.has_room():
            mask |= _os.WRITE
        return mask

    def recv(self, size: int) -> bytes | None:
        """Return up to `size` bytes, b"" at the end, None if there is nothing yet. Raises OSError."""
        self._check_open()
        return self.incoming.recv(size)

    def recv_into(self, buffer: Any) -> int:
        """Fill `buffer`; return how many bytes came, 0 at the end, -1 if nothing is there yet. Raises OSError."""
        view = memoryview(buffer).cast("B")
        data = self.recv(len(view))
        if data is None:
            return -1
        view[: len(data)] = data
        return len(data)

    def send(self, data: Any) -> int:
        """Send bytes; return how many were taken, -1 if none can be now. Raises OSError."""
        self._check_open()
        if self.incoming.ending == RESET:
            raise os_error(errno.ECONNRESET)
        if self._is_peer_gone or not self._sends:
            raise os_error(errno.EPIPE)
        if self.outgoing.reader is None:
            return len(data)  # the peer has closed; that news is on its way
        return self.outgoing.send(memoryview(data).cast("B"))

    def send_many(self, chunks: list[Any]) -> int:
        """Send several pieces as if they were one; return how many bytes were taken in all, -1 if none can be."""
        count = 0
        for chunk in chunks:
            sent = self.send(chunk)
            count += max(0, sent)
            if sent < len(chunk):
                return count or -1
        return count

    def shutdown(self) -> None:
        """Tell the peer that nothing more will be sent."""
        self._check_open()
        if self._sends:
            self._sends = False
            self.outgoing.put(ENDED)

    def close(self) -> None:
        """End both directions; the peer finds its connection reset if it sent what was not read."""
        if self.number < 0:
            return
        self.poller.dismiss(self.number)
        self.number = -1
        self.outgoing.put(RESET if self.incoming.size else ENDED)
        if self.outgoing.reader is not None:
            self.outgoing.later(self.outgoing.reader.lose_peer)
        self.outgoing.sender = None
        self.incoming.reader = None
        self.incoming.flying.clear()

    def lose_peer(self) -> None:
        """Learn that the peer has closed both directions: nothing can be sent any more."""
        if self.number >= 0:
            self._is_peer_gone = True
            self.poller.stir(self.number)

    def name(self, which: str) -> Any:
        """Return what is known under "sockname" or "peername"; there is no socket."""
        return self._names.get(which)

    def _check_open(self) -> None:
        if self.number < 0:
            raise os_error(errno.EBADF)


def os_error(number: int) -> OSError:
    """Return the exception that the system would give."""
    return OSError(number, os.strerror(number))


def connect_channels(
    poller: MemoryPoller, there: Link, back: Link, names: tuple[Any, Any]
) -> tuple[MemoryChannel, MemoryChannel]:
    """Return both ends of a new connection: `there` leads from the first to the second, `back` the other way."""
    outgoing, incoming = Wire(poller, there), Wire(poller, back)
    left, right = names
    return (
        MemoryChannel(incoming, outgoing, {"sockname": left, "peername": right}),
        MemoryChannel(outgoing, incoming, {"sockname": right, "peername": left}),
    )
