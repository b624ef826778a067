"""Puts a loop under CPython's own asyncio tests, wherever they make one, and counts the loops that they make.

The suites make loops by `asyncio.new_event_loop()`, by `asyncio.SelectorEventLoop(selector)`, by a policy, by
`asyncio.Runner`, by `asyncio.BaseEventLoop()` itself, and by `TestLoop`, whose clock the test moves on. The first
four end in one class attribute and one name; the others are a name each. No file of the suites is touched.

Where a suite turns a loop once, or looks whether calls are ready, it uses private names of asyncio's loop although it
tests something else (gathering, say). The substitutes have those names too, so that such a test runs; Weft has not.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import selectors
import socket
from collections.abc import Callable, Generator
from typing import Any

LOOPS = ("weft", "uvloop", "asyncio")


class Tally:
    """How many loops were made: of the kind under test, and of asyncio's own."""

    def __init__(self) -> None:
        self.ours = 0
        self.others = 0


def install(kind: str) -> Tally:
    """Have the suites make loops of this kind ("weft", "uvloop" or "asyncio") from now on; return the count."""
    tally = Tally()
    stock_init = asyncio.BaseEventLoop.__init__

    def counted_init(self: Any, *args: Any, **options: Any) -> None:
        if kind == "asyncio":
            tally.ours += 1
        else:
            tally.others += 1
        stock_init(self, *args, **options)

    asyncio.BaseEventLoop.__init__ = counted_init  # type: ignore[method-assign]
    # Imported before the names below change, so that its own base class stays asyncio's.
    utils: Any = importlib.import_module("test.test_asyncio.utils")
    if kind == "asyncio":
        return tally
    loop_class = weft_class(tally) if kind == "weft" else uvloop_class(tally)
    names: Any = asyncio
    names.SelectorEventLoop = loop_class
    bare_class = turned_class(loop_class) if kind == "weft" else loop_class
    names.BaseEventLoop = bare_class
    names.base_events.BaseEventLoop = bare_class
    names.selector_events.BaseSelectorEventLoop = loop_class
    names.unix_events.SelectorEventLoop = loop_class
    names.unix_events._UnixDefaultEventLoopPolicy._loop_factory = loop_class
    if hasattr(asyncio, "EventLoop"):
        names.EventLoop = loop_class
    if kind == "weft":
        utils.TestLoop = moved_class(tally, bare_class)
    return tally


def weft_class(tally: Tally) -> type:
    """Return a class of Weft's loops that is called as asyncio's is: with a selector, or with nothing."""
    import weft
    from weft.core import default_poller
    from weft.core.readiness import SelectPoller

    expected = os.environ["WEFT_EXPECT_BUILD"]
    assert expected == weft.BUILD, f"asked for the {expected} build, got the {weft.BUILD} one"

    class WeftLoop(weft.Loop):
        def __init__(self, selector: Any = None) -> None:
            poller = default_poller()
            if isinstance(selector, (selectors.SelectSelector, selectors.PollSelector)):
                poller.close()
                poller = SelectPoller()
            if isinstance(selector, selectors.BaseSelector):
                selector.close()
            super().__init__(poller)
            tally.ours += 1

        _stop_serving = stop_serving

    return WeftLoop


def turned_class(loop_class: Any) -> type:
    """Return a class of such loops that can be turned once by the name that asyncio's own turn has."""

    class TurnedLoop(loop_class):  # type: ignore[misc]
        def _run_once(self) -> None:
            self.stop()
            self.run_forever()

    return TurnedLoop


def uvloop_class(tally: Tally) -> type:
    """Return a class of uvloop's loops that is called as asyncio's is."""
    import uvloop

    class UvLoop(uvloop.Loop):
        _default_executor = None  # the suites' way to close a loop reads it

        def __new__(cls, selector: Any = None) -> Any:
            if isinstance(selector, selectors.BaseSelector):
                selector.close()
            return super().__new__(cls)

        def __init__(self, selector: Any = None) -> None:
            super().__init__()
            tally.ours += 1

        _stop_serving = stop_serving

    return UvLoop


def stop_serving(self: Any, sock: socket.socket) -> None:
    """Stop watching a socket, and close it."""
    self.remove_reader(sock.fileno())
    sock.close()


def moved_class(tally: Tally, loop_class: Any) -> type:
    """Return Weft's counterpart of the suites' `TestLoop`: a loop whose clock a generator moves on.

    After each turn the generator is sent the moment of every timer that was made, and yields by how many seconds the
    clock is to go on. Such a loop never waits.
    """
    import weft
    from weft.core.readiness import SelectPoller
    from weft.ports import Clock

    class MovedClock(Clock):
        def __init__(self) -> None:
            self.now_s = 0.0

        def now_ns(self) -> int:
            return round(self.now_s * 1e9)

    class BusyPoller(SelectPoller):
        before_wait: Callable[[], None] | None = None

        def wait(self, timeout_ns: int) -> int:
            if self.before_wait is not None:
                self.before_wait()
            return super().wait(0)

    class MovedLoop(loop_class):  # type: ignore[misc]
        def __init__(self, make_moves: Callable[[], Generator[float | None, float, None]] | None = None) -> None:
            self._moved_clock = MovedClock()
            poller = BusyPoller()
            weft.Loop.__init__(self, poller, self._moved_clock)
            tally.ours += 1
            self._moments: list[float] = []
            self._must_finish = make_moves is not None
            self._moves = (make_moves or one_move)()
            next(self._moves)
            poller.before_wait = self._move_on
            self._moved_poller = poller

        @property
        def _ready(self) -> range:
            return range(self.ready.count + len(self.inbox))

        def time(self) -> float:
            return self._moved_clock.now_s

        def advance_time(self, by_s: float) -> None:
            self._moved_clock.now_s += by_s

        def _move_on(self) -> None:
            moments, self._moments = self._moments, []
            for moment in moments:
                self._moved_clock.now_s += self._moves.send(moment) or 0

        def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
            return self.call_at(self.time() + delay, callback, *args, context=context)

        def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
            self._moments.append(when)
            return super().call_at(when, callback, *args, context=context)

        def run_forever(self) -> None:
            super().run_forever()
            self._move_on()

        def close(self) -> None:
            was_closed = self.is_closed()
            super().close()
            self._moved_poller.before_wait = None
            if self._must_finish and not was_closed:
                try:
                    self._moves.send(0)
                except StopIteration:
                    return
                raise AssertionError("Time generator is not finished")

    return MovedLoop


def one_move() -> Generator[float | None, float, None]:
    """Move nothing: for a test that makes no timers."""
    yield None
