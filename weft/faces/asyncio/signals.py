"""Signals, told to the loop's thread between two callbacks.

While the loop watches, signals are written to its own descriptor. Whoever had them written to another before it, such
as Twisted's asyncio reactor, is told of each as well.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from weft.core.handle import Handle, make_handle
from weft.core.loop import Core


class Signals(Core):
    """`add_signal_handler`, and waking a waiting loop when any signal comes (so that Ctrl-C ends it at once)."""

    _waker: Any

    def __init__(self) -> None:
        self._signal_handlers: dict[int, Handle] = {}
        self._watches_signals = False
        self._wakeup_before = -1

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        """Call `callback(*args)` in the loop when the signal comes. From the main thread only.

        Raises TypeError for a coroutine function, ValueError for no signal, RuntimeError for one that cannot be
        caught or from another thread.
        """
        if asyncio.iscoroutine(callback) or asyncio.iscoroutinefunction(callback):
            raise TypeError("coroutines cannot be used with add_signal_handler()")
        check_signal(sig)
        self._check_closed()  # type: ignore[attr-defined]
        try:
            self._watch_signals()
        except ValueError as error:
            raise RuntimeError(str(error)) from None
        handle = make_handle(callback, args, contextvars.copy_context())
        self._signal_handlers[sig] = handle
        try:
            signal.signal(sig, do_nothing)
            signal.siginterrupt(sig, False)
        except OSError as error:
            del self._signal_handlers[sig]
            self._unwatch_signals()
            raise RuntimeError(f"sig {sig} cannot be caught") from error

    def remove_signal_handler(self, sig: int) -> bool:
        """Take a handler back, and have the signal do what it does by default; return whether there was one."""
        check_signal(sig)
        if self._signal_handlers.pop(sig, None) is None:
            return False
        default = signal.default_int_handler if sig == signal.SIGINT else signal.SIG_DFL
        signal.signal(sig, default)
        if not self._signal_handlers:
            self._unwatch_signals()
        return True

    def _signal_came(self, number: int) -> None:
        handle = self._signal_handlers.get(number)
        if handle is not None and not handle.cancelled():
            self.schedule(make_handle(handle.callback, handle.arguments, handle.get_context()))
        if self._wakeup_before >= 0:
            pass_on(self._wakeup_before, number)

    def _watch_signals(self) -> None:
        ours = self._waker.wakeup_fd()
        before = signal.set_wakeup_fd(ours, warn_on_full_buffer=False)
        self._watches_signals = True
        if before != ours:
            self._wakeup_before = before

    def _unwatch_signals(self) -> None:
        if self._watches_signals and not self._signal_handlers and not self.is_running():  # type: ignore[attr-defined]
            self._watches_signals = False
            before, self._wakeup_before = self._wakeup_before, -1
            signal.set_wakeup_fd(before)

    def _begin_signals(self) -> None:
        """Have signals wake the loop while it runs in the main thread."""
        if threading.current_thread() is threading.main_thread():
            self._watch_signals()

    def _end_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._unwatch_signals()

    def _forget_signals(self) -> None:
        """Take every handler back, as the loop closes."""
        if threading.current_thread() is threading.main_thread():
            for sig in list(self._signal_handlers):
                self.remove_signal_handler(sig)


def check_signal(sig: int) -> None:
    """Raise TypeError or ValueError for what is not the number of a signal."""
    if not isinstance(sig, int):
        raise TypeError(f"sig must be an int, not {sig!r}")
    if sig not in signal.valid_signals():
        raise ValueError(f"invalid signal number {sig}")


def pass_on(descriptor: int, number: int) -> None:
    """Write a signal's number to another's descriptor, as the interpreter would have done."""
    try:
        os.write(descriptor, bytes((number,)))
    except BlockingIOError:
        pass  # it is full: whoever reads it has been woken


def do_nothing(number: int, frame: FrameType | None) -> None:
    """Stand in as the interpreter's handler, so that the signal is written to the wake-up descriptor."""
