"""A lock, a semaphore and a queue for callbacks. Coroutines have asyncio's own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from weft.deferred.deferred import Deferred
from weft.deferred.making import maybe_deferred, succeed
from weft.errors import NotAcquiredError, QueueOverflowError, QueueUnderflowError

T = TypeVar("T")


class DeferredSemaphore:
    """So many may hold it at once; whoever comes later waits, first come, first served."""

    def __init__(self, tokens: int) -> None:
        if tokens < 1:
            raise ValueError(f"a semaphore has one token or more, not {tokens}")
        self.limit = tokens
        self.tokens = tokens
        """How many more may acquire it at once."""
        self.waiting: deque[Deferred[Any]] = deque()

    def acquire(self) -> Deferred[Self]:
        """Return a Deferred that fires with this when it is held. Cancelling it leaves the queue."""
        if self.tokens:
            self.tokens -= 1
            return succeed(self)
        deferred: Deferred[Self] = Deferred(self.waiting.remove)
        self.waiting.append(deferred)
        return deferred

    def release(self) -> None:
        """Give it back: whoever waits longest holds it now. Raises NotAcquiredError if nobody held it."""
        if self.tokens == self.limit:
            raise NotAcquiredError("release() without acquire(): nobody holds it")
        if self.waiting:
            self.waiting.popleft().callback(self)
        else:
            self.tokens += 1

    def run(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Deferred[Any]:
        """Acquire, call the function, release when its result is there; return a Deferred of the result."""
        return self.acquire().add_callback(self._run, function, arguments, keywords)

    def _run(self, _: object, function: Callable[..., Any], arguments: Any, keywords: Any) -> Deferred[Any]:
        return maybe_deferred(function, *arguments, **keywords).add_both(self._release_after)

    def _release_after(self, result: Any) -> Any:
        self.release()
        return result

    def __aenter__(self) -> Deferred[Self]:
        return self.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class DeferredLock(DeferredSemaphore):
    """One may hold it at a time; the others wait, first come, first served."""

    def __init__(self) -> None:
        super().__init__(1)

    @property
    def locked(self) -> bool:
        """Whether someone holds it."""
        return not self.tokens


class DeferredQueue(Generic[T]):
    """Values go in with `put` and come out in order, each to one `get`.

    `size` is how many values may wait to be got, `backlog` how many may wait for a value; None for no bound.
    """

    def __init__(self, size: int | None = None, backlog: int | None = None) -> None:
        self.size = size
        self.backlog = backlog
        self.pending: deque[T] = deque()
        self.waiting: deque[Deferred[T]] = deque()

    def put(self, value: T) -> None:
        """Give a value to whoever waits longest, or keep it. Raises QueueOverflowError if `size` values wait."""
        if self.waiting:
            self.waiting.popleft().callback(value)
        elif self.size is None or len(self.pending) < self.size:
            self.pending.append(value)
        else:
            raise QueueOverflowError(f"{self.size} values wait to be got already: get some first")

    def get(self) -> Deferred[T]:
        """Return a Deferred of the next value. Cancelling it leaves the queue.

        Raises QueueUnderflowError if `backlog` others wait for a value.
        """
        if self.pending:
            return succeed(self.pending.popleft())
        if self.backlog is not None and len(self.waiting) >= self.backlog:
            raise QueueUnderflowError(f"{self.backlog} wait for a value already: put some first")
        deferred: Deferred[T] = Deferred(self.waiting.remove)
        self.waiting.append(deferred)
        return deferred
