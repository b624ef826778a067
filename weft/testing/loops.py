"""Loops for tests: one that remembers what was made on it and where, and one on a clock that tests move."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from weft.core.clock import MonotonicClock
from weft.core.timers import TimerHandle
from weft.core.waker import Waker
from weft.faces.asyncio import Loop
from weft.faces.asyncio.threads import settle
from weft.ports import Clock, Poller, Source
from weft.testing.clock import ManualClock, elapsed_ns
from weft.testing.network import Network
from weft.testing.origins import Origin, where_it_waits
from weft.testing.poller import MOST_TURNS, MemoryPoller, StillPoller

T = TypeVar("T")


class WatchedLoop(Loop):
    """A loop in real time that knows channels in memory, and where its tasks, timers and transports were made.

    What its exception handler is told is kept in `reports` too, unless a handler was set: then it is that one's.
    """

    def __init__(self, poller: MemoryPoller | None = None, clock: Clock | None = None) -> None:
        clock = clock or MonotonicClock()
        self._memory = poller or MemoryPoller(clock)
        super().__init__(self._memory, clock)
        self.network = Network(self)
        """Names at which servers listen in memory: what the memory endpoints and the fixture `weft_network` use."""
        self.reports: list[dict[str, Any]] = []
        self._tasks_made: weakref.WeakKeyDictionary[asyncio.Task[Any], Origin | None] = weakref.WeakKeyDictionary()
        self._timers_made: weakref.WeakKeyDictionary[TimerHandle, Origin | None] = weakref.WeakKeyDictionary()

    # -- what was made

    def origin_of(self, task: asyncio.Task[Any]) -> Origin | None:
        """Return where a task was made."""
        return self._tasks_made.get(task)

    def timers_set(self) -> list[tuple[TimerHandle, Origin | None]]:
        """Return the timers that wait for their moment and where each was made, soonest first."""
        now = self.time()
        waiting = [
            (timer, origin)
            for timer, origin in list(self._timers_made.items())
            if not timer.cancelled() and timer.when() > now
        ]
        return sorted(waiting, key=lambda each: (each[0].when_ns, each[0].number))

    def sources(self) -> list[tuple[int, Source, Origin | None]]:
        """Return what is open: (descriptor or number, transport or listener or watch, where it began), in order."""
        poller: Any = self.poller
        return [
            (fd, source, poller.origins[fd]) for fd, source in poller.sources.items() if not isinstance(source, Waker)
        ]

    def take_reports(self) -> list[dict[str, Any]]:
        """Return what the exception handler was told, and forget it: a test that expects it calls this."""
        reports, self.reports = self.reports, []
        return reports

    # -- asyncio's verbs, remembered

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        """Call `callback(*args)` after `delay` seconds."""
        timer = super().call_later(delay, callback, *args, context=context)
        self._timers_made[timer] = self._memory.origin_now()
        return timer

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        """Call `callback(*args)` when the loop's clock shows `when` seconds."""
        timer = super().call_at(when, callback, *args, context=context)
        self._timers_made[timer] = self._memory.origin_now()
        return timer

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """Return a new task that runs `coro`."""
        task = super().create_task(coro, **options)
        self._tasks_made[task] = self._memory.origin_now()
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep a report that no handler was set for, and show it as any loop does."""
        if self.get_exception_handler() is None:
            self.reports.append(context)
        super().call_exception_handler(context)

    def describe_tasks(self) -> str:
        """Return a line for each task that is not done: what it is, where it waits, where it was made."""
        tasks = sorted(asyncio.all_tasks(self), key=lambda task: task.get_name())
        return "".join(f"\n  {describe_task(self, task)}" for task in tasks)


def describe_task(loop: WatchedLoop, task: asyncio.Task[Any]) -> str:
    """Return what a task is, where it waits and where it was made."""
    coro: Any = task.get_coro()
    words = [f"task {task.get_name()!r} running {getattr(coro, '__qualname__', coro)}"]
    waits, made = where_it_waits(task), loop.origin_of(task)
    if waits is not None:
        words.append(f"waits at {waits}")
    if made is not None:
        words.append(f"made at {made}")
    return ", ".join(words)


class ManualLoop(WatchedLoop):
    """A loop whose clock stands still while anything is ready, and never waits in real time.

    A test moves it, between runs, with `advance`; a coroutine with `elapse`. While it runs and everything waits, it
    goes by itself to the next moment at which something is to happen (not with `jumps=False`: then StuckError is
    raised). A call in another thread is waited for before that, in real time, for `patience_s` seconds at most; so
    is the outside (real sockets, child processes, threads) where nothing else is to happen. Where nothing will ever
    happen, StuckError names the tasks and where they wait; so it does after `most_turns` turns without rest.
    """

    def __init__(
        self,
        start_s: float = 0.0,
        *,
        jumps: bool = True,
        patience_s: float = 5.0,
        most_turns: int = MOST_TURNS,
        outside: Poller | None = None,
    ) -> None:
        self._hands = ManualClock(start_s)
        self._still = StillPoller(self._hands, jumps, patience_s, most_turns, outside)
        super().__init__(self._still, self._hands)
        self._still.is_outside_alive = self._is_outside_alive
        self._still.describe_tasks = self.describe_tasks

    def advance(self, seconds: float) -> None:
        """Move the clock on, and run everything that becomes due, each at its moment and in order.

        First what is ready already; at the end nothing is left but what is due later. The loop must not be running.
        """
        target_ns = self._hands.now_ns() + elapsed_ns(seconds)
        self.run_until_idle()
        while self._still.next_ns is not None and self._still.next_ns <= target_ns:
            self._hands.move_to(self._still.next_ns)
            self.run_until_idle()
        self._hands.move_to(target_ns)

    def run_until_idle(self) -> None:
        """Run what is ready and what that makes ready, until everything waits; no time passes. Not while running."""
        is_idle = False

        def rest() -> None:
            nonlocal is_idle
            is_idle = True
            self.stop()

        self._check_idle()
        self._still.when_resting.append(rest)
        try:
            while not is_idle:
                self.run_forever()
        finally:
            if not is_idle:
                self._still.when_resting.remove(rest)

    async def idle(self) -> None:
        """Wait until every other task waits and nothing is ready; no time passes."""
        idle = self.create_future()
        self._still.when_resting.append(lambda: settle(idle))
        await idle

    async def elapse(self, seconds: float) -> None:
        """Move the clock on from within the loop: like `advance`, for a coroutine that must not sleep itself."""
        target_ns = self._hands.now_ns() + elapsed_ns(seconds)
        await self.idle()
        while self._still.next_ns is not None and self._still.next_ns <= target_ns:
            self._hands.move_to(self._still.next_ns)
            await self.idle()
        self._hands.move_to(target_ns)

    def run_in_executor(  # type: ignore[override]
        self, executor: concurrent.futures.Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Call `func(*args)` in a thread; time stands still until it returns, for `patience_s` at most."""
        future = super().run_in_executor(executor, func, *args)
        self._still.jobs += 1
        future.add_done_callback(self._job_is_done)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait until the loop's own pool has done its work; time stands still meanwhile, as for each call in it."""
        self._still.jobs += 1
        try:
            await super().shutdown_default_executor(timeout)
        finally:
            self._still.jobs -= 1

    def _job_is_done(self, future: asyncio.Future[Any]) -> None:
        self._still.jobs -= 1

    def _is_outside_alive(self) -> bool:
        """Return whether anything could happen that this loop does not make: descriptors, threads, signals."""
        has_descriptors = any(not isinstance(source, Waker) for source in self._still.sources.values())
        return has_descriptors or threading.active_count() > 1 or bool(self._signal_handlers)
