"""Jobs: calls that run in another thread, and whose outcome the loop is told of."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any

from weft.faces.asyncio.tasks import Tasks


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
            if not self.loop.is_over:  # or else nobody waits any more
                self.loop.call_soon_threadsafe(settle, future, result, error)
        finally:
            del call, error, future, result  # the error's traceback keeps this frame, and the future the error


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
