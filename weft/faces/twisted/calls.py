"""Calls that Twisted's interfaces make: with a moment, which can be moved, and from other threads.

What a call raises is logged by Twisted, and disturbs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import error
from twisted.logger import Logger
from twisted.python import reflect

from weft.core import _os
from weft.core.loop import Core
from weft.core.timers import TimerHandle

log = Logger()
FAR_NS = 1 << 61
"""Later than any program runs: 73 years."""


class DelayedCall(TimerHandle):
    """A call that `reactor.callLater` returns (IDelayedCall): a timer of the loop's, its own callback.

    `time` is its moment on the reactor's clock, which is the wall's; the loop's timers run on the monotonic one, so a
    clock that is set changes nothing about when it comes.
    """

    __slots__ = ("called", "creator", "func", "kw", "owner", "seconds", "time")

    owner: Core
    func: Any
    kw: Any
    called: bool
    seconds: Callable[[], float]  # the reactor's clock, which a program's tests may replace
    time: float
    creator: Any  # in Twisted's debug mode, the lines of the stack of where the call was made; else None

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self)

    @property
    def __wrapped__(self) -> Any:
        """What is called: recordings name it."""
        return self.func

    @property
    def args(self) -> Any:
        """The call's arguments."""
        return self.arguments

    @property
    def cancelled(self) -> bool:  # type: ignore[override]
        """Whether the call was taken back."""
        return self.is_cancelled

    def __call__(self, *args: Any) -> None:
        """Make the call, once its moment came; not if it was given another while it stood in the ready queue."""
        if self.heap is not None:
            return
        self.called = True
        self.callback = None
        try:
            if self.kw:
                self.func(*args, **self.kw)
            else:
                self.func(*args)
        except KeyboardInterrupt:
            raise
        except BaseException:
            log.failure(f"while handling timed call{self.made_here()}")

    def getTime(self) -> float:
        """Return the moment of the call, in seconds on the reactor's clock."""
        return self.time

    def active(self) -> bool:
        """Return whether the call is still to come."""
        return not self.called and not self.is_cancelled

    def cancel(self) -> None:
        """Take the call back. Raises AlreadyCalled or AlreadyCancelled."""
        self.check_active()
        if self.heap is not None:
            self.heap.remove(self)
        self.is_cancelled = True
        self.callback = None
        self.arguments = None
        self.func = None
        self.kw = None

    def reset(self, secondsFromNow: float) -> None:
        """Have the call come in so many seconds from now. Raises AlreadyCalled or AlreadyCancelled."""
        self.check_active()
        self.move(self.seconds() + secondsFromNow)

    def delay(self, secondsLater: float) -> None:
        """Have the call come so many seconds later than was said. Raises AlreadyCalled or AlreadyCancelled."""
        self.check_active()
        self.move(self.time + secondsLater)

    def check_active(self) -> None:
        """Raise for a call that was made or taken back."""
        if self.is_cancelled:
            raise error.AlreadyCancelled
        if self.called:
            raise error.AlreadyCalled

    def move(self, moment: float) -> None:
        """Have the call come at another moment; one that is in the past comes in the next turn."""
        self.time = float(moment)
        if self.heap is not None:
            self.heap.remove(self)
        self.when_ns = self.owner.clock.now_ns() + wait_ns(moment - self.seconds())
        self.owner.push_timer(self)

    def made_here(self) -> str:
        """Return where the call was made, in Twisted's debug mode."""
        if self.creator is None:
            return ""
        return "\n C: from a DelayedCall created here:\n C:" + "".join(self.creator).rstrip().replace("\n", "\n C:")

    def __repr__(self) -> str:
        name = "" if self.func is None else f" {name_of(self.func)}({self.written_arguments()})"
        left = self.time - self.seconds()
        creator = "" if self.creator is None else "\n\ntraceback at creation: \n\n" + "    ".join(self.creator)
        state = f"called={int(self.called)} cancelled={int(self.is_cancelled)}"
        return f"<DelayedCall 0x{id(self):x} [{left}s] {state}{name}{creator}>"

    def written_arguments(self) -> str:
        """Return the arguments as they are written in a call."""
        named = self.kw or {}
        parts = [reflect.safe_repr(argument) for argument in self.arguments or ()]
        return ", ".join([*parts, *(f"{name}={reflect.safe_repr(value)}" for name, value in named.items())])


class ThreadCalls:
    """The calls that other threads want made in the reactor's.

    Twisted makes them before the timers that are due, but leaves those that are asked for while it makes some until
    these timers had their turn. So such a call lets one turn go by, and those behind it do as well.
    """

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        self.is_making_one = False
        self.waiting = 0
        """How many let a turn go by."""

    def ask(self, function: Callable[..., object], args: tuple[Any, ...], kw: Any) -> None:
        """Have a call made; from any thread, or a signal's handler."""
        self.loop.call_soon_threadsafe(ThreadCall(self, function, kw), *args)


class ThreadCall:
    """A function that another thread wants called in the reactor's."""

    __slots__ = ("__wrapped__", "calls", "has_waited", "is_to_wait", "kw")

    def __init__(self, calls: ThreadCalls, function: Callable[..., object], kw: Any) -> None:
        self.calls = calls
        self.__wrapped__ = function
        self.kw = kw
        self.is_to_wait = self.calls.is_making_one
        self.has_waited = False

    def __call__(self, *args: Any) -> None:
        """Make the call, or let a turn go by."""
        calls = self.calls
        if self.has_waited:
            calls.waiting -= 1
        elif self.is_to_wait or calls.waiting:
            self.has_waited = True
            calls.waiting += 1
            calls.loop.call_soon(self, *args)
            return
        calls.is_making_one = True
        try:
            self.__wrapped__(*args, **self.kw)
        except KeyboardInterrupt:
            raise
        except BaseException:
            log.failure("while handling call from thread")
        finally:
            calls.is_making_one = False


def make_call(
    core: Core, delay_s: float, function: Any, args: Any, kw: Any, seconds: Any, creator: Any
) -> DelayedCall:
    """Return a call of `function` that comes in `delay_s` seconds; `seconds` is the reactor's clock."""
    call = DelayedCall.__new__(DelayedCall)
    call.owner = core
    call.func = function
    call.kw = kw
    call.called = False
    call.seconds = seconds
    call.time = float(seconds() + delay_s)
    call.creator = creator
    call.callback = call
    call.arguments = args
    call.context = _os.copy_context()
    call.is_cancelled = False
    call.origin = None
    call.when_ns = core.clock.now_ns() + wait_ns(delay_s)
    call.number = 0
    call.heap = None
    call.index = -1
    core.push_timer(call)
    return call


def wait_ns(seconds: float) -> int:
    """Return seconds in nanoseconds, rounded up to the next; nothing for a time that has passed."""
    if seconds <= 0:
        return 0
    return int(seconds * 1e9) + 1 if seconds < 1e9 else FAR_NS


def name_of(function: Any) -> str:
    """Return what a call's function is called."""
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    return name if isinstance(name, str) else str(reflect.safe_repr(function))
