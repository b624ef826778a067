"""Waking a loop that waits: from another thread, or from a signal.

A pipe: a byte written at one end makes the other readable, which ends the wait. A zero byte only wakes; any other is
the number of a signal, as `signal.set_wakeup_fd` writes it. Whoever had signals written to a descriptor before, such
as Twisted's asyncio reactor, is told of each as well.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from weft.core import _os
from weft.core.loop import Core
from weft.ports import Source


class Waker(Source):
    """Ends the wait of `loop`; `wake` may be called from any thread and from a signal's handler."""

    def __init__(self, loop: Core, on_signal: Callable[[int], None]) -> None:
        self.loop: Any = loop
        self.on_signal: Any = on_signal
        self.is_awake = False
        self.watches_signals = False
        self.wakeup_before = -1
        self.inner, self.outer = os.pipe()
        os.set_blocking(self.inner, False)
        os.set_blocking(self.outer, False)
        self.loop.poller.add(self.inner, self, _os.READ)

    def wake(self) -> None:
        """End the wait; one byte serves for every call until the loop has seen it."""
        if not self.is_awake:
            self.is_awake = True
            _os.write_zero(self.outer)

    def watch_signals(self) -> None:
        """Have every signal end the wait. Raises ValueError in any thread but the main one."""
        before = signal.set_wakeup_fd(self.outer, warn_on_full_buffer=False)
        self.watches_signals = True
        if before != self.outer:
            self.wakeup_before = before

    def unwatch_signals(self) -> None:
        """Give signals back to whom they were written before."""
        if self.watches_signals:
            self.watches_signals = False
            before, self.wakeup_before = self.wakeup_before, -1
            signal.set_wakeup_fd(before)

    def ready(self, events: int) -> None:
        """Take the bytes, and tell of the signals among them.

        A call that another thread leaves meanwhile need not wake: the loop looks into its inbox before it waits.
        """
        try:
            data = os.read(self.inner, 4096)
        except BlockingIOError:
            return
        self.is_awake = False
        for number in data:
            if number:
                self.on_signal(number)
                if self.wakeup_before >= 0:
                    pass_on(self.wakeup_before, number)

    def fail(self, error: BaseException) -> None:
        """Report what telling of a signal raised."""
        self.loop.report({"message": "Taking a signal failed", "exception": error})

    def close(self) -> None:
        """Give both descriptors back. Closing twice does nothing."""
        if self.loop is None:
            return
        inner, outer = self.inner, self.outer
        self.loop.poller.remove(inner)
        self.is_awake = True  # who still wakes a loop that is closed writes nothing, to no one's descriptor
        self.inner = self.outer = -1
        os.close(inner)
        os.close(outer)
        self.loop = self.on_signal = None  # so that a closed loop is freed as soon as nobody holds it


def pass_on(descriptor: int, number: int) -> None:
    """Write a signal's number to another's descriptor, as the interpreter would have done."""
    try:
        os.write(descriptor, bytes((number,)))
    except BlockingIOError:
        pass  # it is full: whoever reads it has been woken
