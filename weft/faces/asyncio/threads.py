"""Jobs: calls that run in another thread, whose outcome the loop is told of; and the loop's own threads for them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from weft.faces.asyncio.tasks import Tasks

LINGER_S = 0.05
"""How long a thread that has nothing to do stays for the next job before it goes back to its pool. For so long
the interpreter's exit waits if nobody closes the loop; programs that use threads at all give them jobs more often."""


class Job:
    """A call for a thread pool, with a future of the loop for what comes of it.

    asyncio chains that future to the pool's own, which costs a fifth of the way to the thread and back. Here the
    pool's is left alone: whoever runs the job tells the loop. A job whose future is cancelled before it begins does
    not run, and the future of a job that its pool drops is cancelled.
    """

    __slots__ = ("call", "future", "loop")

    def __init__(self, loop: Tasks, call: Callable[[], Any]) -> None:
        self.loop = loop
        self.call: Callable[[], Any] | None = call
        self.future: asyncio.Future[Any] | None = loop.create_future()
        """None once the job has begun."""

    def __del__(self) -> None:
        if self.future is not None and not self.loop.is_over:
            self.loop.call_soon_threadsafe(self.future.cancel)

    def __call__(self) -> None:
        """Run it, in the pool's thread."""
        future, call = self.future, self.call
        self.future = self.call = None
        assert future is not None
        assert call is not None
        result: Any = None
        error: BaseException | None = None
        try:
            if future.cancelled():
                return
            try:
                result = call()
            except BaseException as raised:
                error = raised
            try:
                self.loop.call_soon_threadsafe(settle, future, result, error)
            except RuntimeError:
                if not self.loop.is_over:  # or else nobody waits any more
                    raise
        finally:
            del call, error, future, result  # the error's traceback keeps this frame, and the future the error


class Threads:
    """A loop's own threads, which do its jobs in the order of their coming.

    They are a ThreadPoolExecutor's, as many as that has by default, so that Python's promise holds: what was given to
    them is done before the interpreter ends. But the pool makes a future, a condition and more for whatever it is
    given, and so it is given no jobs, but workers: each does jobs until none is left and none comes for a while.

    No job is left lying, though nobody holds a lock: who submits puts the job down first, and then looks for a worker
    that waits, or for a place for one more; a worker says first that it waits, or that its place is free, and then
    looks for jobs once more.
    """

    def __init__(self) -> None:
        count: Callable[[], int | None] = getattr(os, "process_cpu_count", os.cpu_count)  # new in Python 3.13
        most = min(32, (count() or 1) + 4)
        self._executor = concurrent.futures.ThreadPoolExecutor(most, thread_name_prefix="asyncio")
        self._jobs: deque[Job] = deque()
        self._places: list[None] = [None] * most  # one for each worker that the pool may still be given
        self._waiting: dict[threading.Lock, None] = {}  # what wakes each worker that waits, the last one last
        self._is_ending = False

    def submit(self, job: Job) -> None:
        """Have the job done. Raises RuntimeError, and it is not done, if it needs a thread and none can start."""
        self._jobs.append(job)
        if self._wake_one() or not take_one(self._places):
            return  # without a place, as many workers as there may be look for jobs before they wait or go
        ticket: list[None] = [None]  # the worker takes it as it begins, or we do to call it off
        try:
            self._executor.submit(self._work, ticket)
        except BaseException as error:
            if self._take_back(ticket, job) or not isinstance(error, RuntimeError):
                raise

    def _take_back(self, ticket: list[None], job: Job) -> bool:
        """Call off a worker for which no thread could be started, and its job; return whether that was in time."""
        if not take_one(ticket):
            return False
        self._places.append(None)
        try:
            self._jobs.remove(job)
        except ValueError:
            return False  # another worker has it
        return True

    def shutdown(self, wait: bool = True) -> None:
        """Let the threads end once the jobs are done; wait for that if asked. Nothing may be submitted any more."""
        self._is_ending = True
        while self._wake_one():
            pass
        self._executor.shutdown(wait)

    def _wake_one(self) -> bool:
        """Wake a worker that waits; return whether there was one."""
        try:
            bell, _ = self._waiting.popitem()
        except KeyError:
            return False
        bell.release()
        return True

    # -- in the pool's threads

    def _work(self, ticket: list[None]) -> None:
        if not take_one(ticket):
            return  # called off
        while True:
            try:
                self._do_jobs()
                while self._is_called():
                    self._do_jobs()
            finally:
                self._places.append(None)
            if not self._jobs or not take_one(self._places):
                return  # who took the place sends a worker

    def _do_jobs(self) -> None:
        while self._jobs:
            try:
                job = self._jobs.popleft()
            except IndexError:
                return  # another worker was faster
            job()
            del job

    def _is_called(self) -> bool:
        """Wait a while for jobs; return whether to look for some."""
        bell = threading.Lock()
        bell.acquire()
        self._waiting[bell] = None
        is_called = bool(self._jobs) or (not self._is_ending and bell.acquire(timeout=LINGER_S))
        self._waiting.pop(bell, None)
        return is_called or bool(self._jobs)


def take_one(tokens: list[None]) -> bool:
    """Take a token out; return whether there was one. Of several threads that try at once, each gets another."""
    try:
        tokens.pop()
    except IndexError:
        return False
    return True


def settle(future: asyncio.Future[Any], result: Any = None, error: BaseException | None = None) -> None:
    """Give a future that nobody cancelled a result or an error, as what came of a job."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):  # which no future takes
        instead = RuntimeError("a call in another thread raised StopIteration")
        instead.__cause__ = error
        future.set_exception(instead)
    elif type(error) is concurrent.futures.CancelledError:
        future.set_exception(asyncio.CancelledError(*error.args))
    else:
        future.set_exception(error)
