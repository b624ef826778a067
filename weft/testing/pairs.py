"""Two connected transports in memory: Weft's own streams, over channels that no system knows."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterator
from typing import Any

from weft.faces.asyncio import Loop
from weft.streams import StreamReader, StreamReaderProtocol, StreamWriter
from weft.testing.poller import memory_poller_of
from weft.testing.wire import Link, MemoryChannel, connect_channels
from weft.transports.stream import Stream

STREAM_LIMIT = 65536
"""Bytes that a StreamReader keeps before it stops reading, as asyncio has it."""


class Pair:
    """Two connected transports: `left, right = pair`; and what can befall the connection between them."""

    def __init__(self, left: Stream, right: Stream, channels: tuple[MemoryChannel, MemoryChannel]) -> None:
        self.left = left
        self.right = right
        self._there = channels[0].outgoing
        self._back = channels[1].outgoing

    def __iter__(self) -> Iterator[Stream]:
        return iter((self.left, self.right))

    def reset(self) -> None:
        """Break the connection: both find it reset, what is on its way is lost."""
        self._there.break_off()
        self._back.break_off()

    def hold(self) -> None:
        """Let nothing arrive any more, in either direction: the peer falls silent, and nobody is told why."""
        self._there.hold()
        self._back.hold()

    def release(self) -> None:
        """Let arrive what was held, and what comes from now on."""
        self._there.release()
        self._back.release()

    def close(self) -> None:
        """Close both, in good order."""
        self.left.close()
        self.right.close()

    def abort(self) -> None:
        """End both at once."""
        self.left.abort()
        self.right.abort()


def connect_pair(loop: Loop, left: Any, right: Any, there: Link | None = None, back: Link | None = None) -> Pair:
    """Connect two protocols through memory and return their transports as a `Pair`.

    `there` is what the way from the left one to the right one is like, `back` the other way (None: like `there`, but
    without its faults). Both protocols have had their `connection_made` when this returns; a loop that does not run
    is run for that. Raises TypeError where the loop knows no memory.
    """
    poller = memory_poller_of(loop)
    there = there or Link()
    back = back or Link(there.fragments, there.capacity, there.latency_s)
    channels = connect_channels(poller, there, back, ("left", "right"))
    context = contextvars.copy_context()
    streams = [
        Stream(loop, channel, protocol, context.copy())
        for channel, protocol in zip(channels, (left, right), strict=True)
    ]

    def start() -> None:
        for stream in streams:
            stream.start()

    run_inside(loop, start)
    return Pair(streams[0], streams[1], channels)


def run_inside(loop: Loop, call: Any) -> None:
    """Call `call()` where the loop is the running one; if it does not run, it is run for as long as that takes."""
    if loop.is_running():
        call()
        return

    async def inside() -> None:
        call()

    loop.run_until_complete(inside())


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def open_pair(there: Link | None = None, back: Link | None = None) -> tuple[Streams, Streams]:
    """Connect two pairs of streams through memory; return ((reader, writer), (reader, writer)).

    Call it on the loop that they are for.
    """
    loop: Any = asyncio.get_running_loop()
    readers: list[Any] = [StreamReader(STREAM_LIMIT, loop) for _ in range(2)]
    protocols = [StreamReaderProtocol(reader, loop=loop) for reader in readers]
    transports: list[Any] = list(connect_pair(loop, protocols[0], protocols[1], there, back))
    writers = [StreamWriter(*each, loop) for each in zip(transports, protocols, readers, strict=True)]
    return (readers[0], writers[0]), (readers[1], writers[1])
