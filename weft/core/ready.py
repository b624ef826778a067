"""The ready queue: the calls that are to be made, first come, first served.

A ring in a list whose length is a power of two: `count` calls from slot `head` on. Slots that are free hold None.

The calls of a long ring are kept from the garbage collector until their turn has come, or it would go through all of
them again and again. A long ring in which few calls are left is given up: its slots are in nobody's cache.
"""

from __future__ import annotations

from weft.core import _os
from weft.core.handle import Handle

SHORT = 64
LONG = 8192
"""A ring of so many slots is long."""


class ReadyQueue:
    """Handles in the order in which they came."""

    def __init__(self) -> None:
        self.ring: list[Handle | None] = [None] * SHORT
        self.head = 0
        self.count = 0

    def push(self, handle: Handle) -> None:
        """Put a call at the end."""
        if self.count == len(self.ring):
            self.grow()
        self.ring[(self.head + self.count) & (len(self.ring) - 1)] = handle
        self.count += 1
        if len(self.ring) >= LONG:
            _os.untrack(handle, handle.context)

    def pop(self) -> Handle:
        """Take the first call out; there must be one."""
        handle = self.ring[self.head]
        self.ring[self.head] = None
        self.head = (self.head + 1) & (len(self.ring) - 1)
        self.count -= 1
        if len(self.ring) >= LONG:
            _os.track(handle, handle.context)  # type: ignore[union-attr]
        return handle  # type: ignore[return-value]

    def put_behind(self, count: int) -> None:
        """Move the first calls to the end, in order."""
        while count > 0:
            self.push(self.pop())
            count -= 1

    def calls(self) -> list[Handle]:
        """Return the calls in order."""
        return [handle for handle in self.ring[self.head :] + self.ring[: self.head] if handle is not None]

    def grow(self) -> None:
        """Double the ring, its calls in order from slot 0."""
        self.ring = self.ring[self.head :] + self.ring[: self.head] + [None] * len(self.ring)
        self.head = 0

    def trim(self) -> None:
        """Give up a long ring in which few calls are left."""
        if len(self.ring) >= LONG and self.count < SHORT:
            left = []
            while self.count:
                left.append(self.pop())
            self.ring = [None] * SHORT
            self.head = 0
            for handle in left:
                self.push(handle)

    def clear(self) -> None:
        """Forget every call."""
        while self.count:
            self.pop()
        self.trim()
