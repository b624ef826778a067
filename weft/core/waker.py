"""Waking a loop that waits: from another thread, or from a signal.

A pair of connected sockets: a byte written at one end makes the other readable, which ends the wait. A zero byte
only wakes; any other is the number of a signal, as `signal.set_wakeup_fd` writes it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from weft.core import _os
from weft.ports import Source

if TYPE_CHECKING:
    from weft.core.loop import Core


class Waker(Source):
    """Ends the wait of `loop`; `wake` may be called from any thread and from a signal's handler."""

    def __init__(self, loop: Core, on_signal: Callable[[int], None]) -> None:
        self.loop = loop
        self.on_signal = on_signal
        self.is_awake = False
        self.inner, self.outer = socket.socketpair()
        self.inner.setblocking(False)
        self.outer.setblocking(False)
        loop.poller.add(self.inner.fileno(), self, _os.READ)

    def wake(self) -> None:
        """End the wait; one byte serves for every call until the loop has seen it."""
        if self.is_awake:
            return
        self.is_awake = True
        try:
            self.outer.send(b"\0")
        except OSError:
            pass  # the pair is full of bytes that wake as well; or the loop was closed this very moment

    def wakeup_fd(self) -> int:
        """Return the descriptor that signals are to be written to."""
        return self.outer.fileno()

    def ready(self, events: int) -> None:
        """Take the bytes, and tell of the signals among them.

        The loop empties its inbox after this, in the same turn: a call that is left there from now on wakes again.
        """
        try:
            data = self.inner.recv(4096)
        except (BlockingIOError, InterruptedError):
            return
        self.is_awake = False
        for number in data:
            if number:
                self.on_signal(number)

    def fail(self, error: BaseException) -> None:
        """Report what telling of a signal raised."""
        self.loop.report({"message": "Taking a signal failed", "exception": error})

    def close(self) -> None:
        """Give both descriptors back. Closing twice does nothing."""
        if self.inner.fileno() >= 0:
            self.loop.poller.remove(self.inner.fileno())
            self.inner.close()
            self.outer.close()
            del self.loop, self.on_signal  # so that a closed loop is freed as soon as nobody holds it
