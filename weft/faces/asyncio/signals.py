"""Handlers of signals, called in the loop's thread between two callbacks."""

from __future__ import annotations

import asyncio
import contextvars
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from weft.core.handle import Handle, make_handle
from weft.core.loop import Core


class Signals(Core):
    """`add_signal_handler` and `remove_signal_handler`."""

    _waker: Any
    _signal_handlers: dict[int, Handle]

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
            self._waker.watch_signals()
        except ValueError as error:
            raise RuntimeError(str(error)) from None
        handle = make_handle(callback, args, contextvars.copy_context())
        self._signal_handlers[sig] = handle
        try:
            signal.signal(sig, do_nothing)
            signal.siginterrupt(sig, False)
        except OSError as error:
            del self._signal_handlers[sig]
            self._unwatch_signals()  # type: ignore[attr-defined]
            raise RuntimeError(f"sig {sig} cannot be caught") from error

    def remove_signal_handler(self, sig: int) -> bool:
        """Take a handler back, and have the signal do what it does by default; return whether there was one."""
        check_signal(sig)
        if self._signal_handlers.pop(sig, None) is None:
            return False
        default = signal.default_int_handler if sig == signal.SIGINT else signal.SIG_DFL
        signal.signal(sig, default)
        if not self._signal_handlers:
            self._unwatch_signals()  # type: ignore[attr-defined]
        return True

    def _forget_signals(self) -> None:
        """Take every handler back, as the loop closes."""
        for sig in list(self._signal_handlers):
            self.remove_signal_handler(sig)


def check_signal(sig: int) -> None:
    """Raise TypeError or ValueError for what is not the number of a signal."""
    if not isinstance(sig, int):
        raise TypeError(f"sig must be an int, not {sig!r}")
    if sig not in signal.valid_signals():
        raise ValueError(f"invalid signal number {sig}")


def do_nothing(number: int, frame: FrameType | None) -> None:
    """Stand in as the interpreter's handler, so that the signal is written to the wake-up descriptor."""
