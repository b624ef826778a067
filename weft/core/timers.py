"""The timers: handles with a moment, in a binary heap on a nanosecond clock.

Soonest first; equal moments in the order in which they were made. Each timer knows its place in the heap, so a
cancelled one leaves at once and holds no memory until its moment.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

from weft.core import _os
from weft.core.handle import Handle

MANY = 8192
"""From so many timers on, the garbage collector is kept from those that are made until they leave: it would go
through all of them again and again."""


class TimerHandle(Handle):
    """A call with a moment: `call_later` and `call_at` return one. A cancelled timer leaves the heap at once."""

    __slots__ = ("heap", "index", "number", "when_ns")

    when_ns: int
    number: int
    heap: TimerHeap | None
    index: int

    def cancel(self) -> None:
        """Take the call back, and leave the timers."""
        if self.heap is not None:
            self.heap.remove(self)
        self.is_cancelled = True
        self.callback = None
        self.arguments = None

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return asyncio.TimerHandle

    def when(self) -> float:
        """Return the moment, in seconds on the loop's clock."""
        return self.when_ns / 1e9


class TimerHeap:
    """Timers by their moment. `heap[0]` is the soonest; the children of `heap[i]` are at 2i+1 and 2i+2."""

    def __init__(self) -> None:
        self.heap: list[TimerHandle] = []
        self.made = 0

    def push(self, timer: TimerHandle) -> None:
        """Put a timer in; it gets the next number."""
        self.made += 1
        timer.number = self.made
        timer.heap = self
        self.heap.append(timer)
        if len(self.heap) >= MANY:
            _os.untrack(timer, timer.context)
        self.rise(len(self.heap) - 1, timer)

    def remove(self, timer: TimerHandle) -> None:
        """Take a timer out, wherever it stands."""
        index = timer.index
        last = self.heap.pop()
        timer.heap = None
        timer.index = -1
        _os.track(timer, timer.context)
        if last is timer:
            return
        if index > 0 and is_sooner(last, self.heap[(index - 1) >> 1]):
            self.rise(index, last)
        else:
            self.sink(index, last)

    def rise(self, index: int, timer: TimerHandle) -> None:
        """Put `timer` at `index` or above: up while it is sooner than its parent."""
        heap = self.heap
        while index > 0:
            parent = heap[(index - 1) >> 1]
            if not is_sooner(timer, parent):
                break
            heap[index] = parent
            parent.index = index
            index = (index - 1) >> 1
        heap[index] = timer
        timer.index = index

    def sink(self, index: int, timer: TimerHandle) -> None:
        """Put `timer` at `index` or below: down while a child is sooner."""
        heap = self.heap
        size = len(heap)
        child_index = 2 * index + 1
        while child_index < size:
            child = heap[child_index]
            if child_index + 1 < size and is_sooner(heap[child_index + 1], child):
                child_index += 1
                child = heap[child_index]
            if not is_sooner(child, timer):
                break
            heap[index] = child
            child.index = index
            index = child_index
            child_index = 2 * index + 1
        heap[index] = timer
        timer.index = index


def is_sooner(a: TimerHandle, b: TimerHandle) -> bool:
    """Return whether `a` comes before `b`."""
    return a.when_ns < b.when_ns or (a.when_ns == b.when_ns and a.number < b.number)


def make_timer(
    when_ns: int, callback: Callable[..., object], arguments: tuple[Any, ...], context: contextvars.Context | None
) -> TimerHandle:
    """Return a timer that is in no heap yet."""
    timer = TimerHandle.__new__(TimerHandle)
    timer.callback = callback
    timer.arguments = arguments
    timer.context = _os.copy_context() if context is None else context
    timer.is_cancelled = False
    timer.origin = None
    timer.when_ns = when_ns
    timer.number = 0
    timer.heap = None
    timer.index = -1
    return timer
