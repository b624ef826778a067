"""Long work in small pieces: iterators whose steps take turns with everything else in one thread.

A step is one `next` of the iterator. One that yields a Deferred waits for it before its next step, and that is also
how work is bounded: as many iterators over one source, as many things at once (`parallel`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from weft.deferred.combining import gather_results
from weft.deferred.deferred import Deferred
from weft.deferred.failure import Failure
from weft.deferred.making import fail, maybe_deferred, succeed
from weft.errors import CooperationError, FirstError, TaskStoppedError

T = TypeVar("T")
SLICE_S = 0.01
"""How long steps may go on before the loop has its turn: long against a turn, short against what a person notices."""


class CooperativeTask:
    """One iterator in a Cooperator: it can be paused, resumed and stopped."""

    def __init__(self, iterator: Iterator[Any], cooperator: Cooperator) -> None:
        self.iterator = iterator
        self.pauses = 0
        self.end: Failure | None = None
        """Why it runs no more; None while it may."""
        self.is_done = False
        self._cooperator = cooperator
        self._watchers: list[Deferred[Any]] = []

    def when_done(self) -> Deferred[Iterator[Any]]:
        """Return a Deferred: of the iterator, once it is exhausted; of a failure, if it raises or is stopped."""
        if self.is_done:
            return fail(self.end) if self.end is not None else succeed(self.iterator)
        deferred: Deferred[Iterator[Any]] = Deferred()
        self._watchers.append(deferred)
        return deferred

    def pause(self) -> None:
        """Run no step until `resume` was called as often as this was."""
        self._check_not_done()
        self.pauses += 1
        if self.pauses == 1:
            self._cooperator._remove(self)

    def resume(self) -> None:
        """Take one `pause` back. Raises CooperationError if it is not paused."""
        if not self.pauses:
            raise CooperationError("it is not paused")
        self.pauses -= 1
        if not self.pauses and not self.is_done:
            self._cooperator._add(self)

    def stop(self) -> None:
        """Run no step any more; `when_done` fails with TaskStoppedError. Raises CooperationError if it has ended."""
        self._check_not_done()
        self._finish(Failure(TaskStoppedError("this cooperative task was stopped")))

    def step(self) -> None:
        """Run one step."""
        try:
            result = next(self.iterator)
        except StopIteration:
            self._finish(None)
            return
        except BaseException:
            self._finish(Failure())
            return
        if isinstance(result, Deferred):
            self.pause()
            result.add_callbacks(self._go_on, self._fail)

    def _go_on(self, _: object) -> None:
        if not self.is_done:
            self.resume()

    def _fail(self, failure: Failure) -> None:
        if not self.is_done:
            self._finish(failure)

    def _check_not_done(self) -> None:
        if self.is_done:
            raise CooperationError("this cooperative task has ended")

    def _finish(self, end: Failure | None) -> None:
        self.is_done = True
        self.end = end
        if not self.pauses:
            self._cooperator._remove(self)
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher.callback(self.iterator if end is None else end)


class Cooperator:
    """Runs the steps of its tasks, one of each in turn, for at most `slice_s` seconds in a turn of the loop.

    `call_soon(function)` has a function called in the next turn; it is the running loop's, if none is given.
    """

    def __init__(
        self, slice_s: float = SLICE_S, call_soon: Callable[[Callable[[], None]], Any] | None = None
    ) -> None:
        self.slice_s = slice_s
        self.is_stopped = False
        self._call_soon = call_soon
        self._tasks: deque[CooperativeTask] = deque()
        self._is_scheduled = False

    def cooperate(self, iterator: Iterable[Any]) -> CooperativeTask:
        """Run an iterator's steps, in turn with the others'; return its task."""
        task = CooperativeTask(iter(iterator), self)
        self._add(task)
        return task

    def stop(self) -> None:
        """Stop every task, and each that comes later; one that is paused ends when it is resumed."""
        self.is_stopped = True
        for task in list(self._tasks):
            task.stop()

    def _add(self, task: CooperativeTask) -> None:
        if self.is_stopped:
            task._finish(Failure(TaskStoppedError("the Cooperator was stopped")))
            return
        self._tasks.append(task)
        self._schedule()

    def _remove(self, task: CooperativeTask) -> None:
        if task in self._tasks:
            self._tasks.remove(task)

    def _schedule(self) -> None:
        if self._tasks and not self._is_scheduled:
            self._is_scheduled = True
            call_soon = self._call_soon or asyncio.get_running_loop().call_soon
            call_soon(self._turn)

    def _turn(self) -> None:
        self._is_scheduled = False
        end_s = time.monotonic() + self.slice_s
        while self._tasks:
            task = self._tasks[0]
            self._tasks.rotate(-1)
            task.step()
            if time.monotonic() >= end_s:
                break
        self._schedule()


def parallel(function: Callable[[T], Any], items: Iterable[T], limit: int) -> Deferred[list[Any]]:
    """Call a function for each item, at most `limit` at once; return a Deferred of all results.

    The results are in the items' order; the items are taken as they are needed. The function may return a Deferred or
    be a coroutine function. At the first failure no further item is taken, and the Deferred fails with it.
    """
    if limit < 1:
        raise ValueError(f"at least one call must be allowed at once, not {limit}")
    return _Parallel(function, items).start(limit)


class _Parallel:
    def __init__(self, function: Callable[[Any], Any], items: Iterable[Any]) -> None:
        self.function = function
        self.items = enumerate(items)
        self.results: list[Any] = []
        self.cooperator = Cooperator()

    def start(self, limit: int) -> Deferred[list[Any]]:
        tasks = [self.cooperator.cooperate(self.work()).when_done() for _ in range(limit)]
        gathered = gather_results(tasks, consume_errors=True)
        return gathered.add_callbacks(lambda _: self.results, self.fail)

    def work(self) -> Iterator[Deferred[None]]:
        for index, item in self.items:
            self.results.append(None)
            yield maybe_deferred(self.function, item).add_callback(self.keep, index)

    def keep(self, value: Any, index: int) -> None:
        self.results[index] = value

    def fail(self, failure: Failure) -> Failure:
        self.cooperator.stop()
        error = failure.value
        return error.failure if isinstance(error, FirstError) else failure
