"""One `await` of a Deferred, in a coroutine that any asyncio loop runs, or that `ensure_deferred` does."""

from __future__ import annotations

import asyncio
from typing import Any

from weft.deferred import _returned, steps
from weft.deferred.alarm import Alarm
from weft.deferred.chain import Waiter
from weft.deferred.failure import Failure


class Awaiting(Waiter):
    """One `await` of a Deferred: the iterator that a coroutine runs on, and the future that its task waits for.

    It is one object for both, because asyncio's tasks take anything that looks like a Future.
    """

    __slots__ = ("alarm", "deferred", "driver", "is_blocking", "is_done", "is_pending", "result_value", "wakes")

    deferred: Any
    is_pending: bool  # it stands in the Deferred's chain, and still wants the result
    is_done: bool  # the result came, and is here
    is_blocking: bool
    result_value: Any
    alarm: Any
    wakes: Any  # (loop, callback, context) of those whom asyncio has wait
    driver: Any  # who runs the coroutine, if it is no task

    def __iter__(self) -> Awaiting:
        return self

    def __next__(self) -> Any:
        deferred = self.deferred
        if self.is_done:
            result = self.result_value
            self.result_value = None
            if self.alarm is not None:
                self.alarm.failure = None
                self.alarm = None
        elif not deferred.is_called or deferred.pauses != 0 or deferred.is_running:
            if not self.is_pending:
                self.is_pending = True
                deferred._append(self, self)
            self.is_blocking = True
            return self
        else:
            result = deferred.outcome
            if type(result) is Failure:
                deferred.is_awaited = True
                deferred._settle()
        if type(result) is Failure:
            raise_awaited(result)
        raise StopIteration(result)

    def send(self, value: object) -> Any:
        """Go on, as `next` does; a coroutine that is driven by hand may say it so."""
        return self.__next__()

    def throw(self, kind: Any, value: Any = None, trace: Any = None) -> Any:
        """Raise an exception where the await stands: whoever awaits gives up."""
        self.is_pending = False
        if value is None:
            value = kind() if isinstance(kind, type) else kind
        if trace is not None:
            value.__traceback__ = trace
        raise value

    def close(self) -> None:
        """Give up: the coroutine was closed."""
        self.is_pending = False

    def _receive(self, result: Any) -> Any:
        if not self.is_pending:  # given up: the failure, if it is one, is still nobody's
            return None
        self.is_pending = False
        self.is_done = True
        self.result_value = result
        if type(result) is Failure:
            self.deferred.is_awaited = True
            self.alarm = Alarm(result, self.deferred.origin)  # until whoever awaits has really been given it
        wakes = self.wakes
        self.wakes = None
        if wakes is not None:
            for loop, callback, context in wakes:
                loop.call_soon(callback, self, context=context)
        driver = self.driver
        self.driver = None
        return None if driver is None else driver._receive(None)

    def _step_name(self) -> str:
        """Return what the step is called in a picture of the chain."""
        return steps.AWAIT

    # -- what a task expects of a Future

    @property
    def _asyncio_future_blocking(self) -> bool:
        return self.is_blocking

    @_asyncio_future_blocking.setter
    def _asyncio_future_blocking(self, is_blocking: bool) -> None:
        self.is_blocking = is_blocking

    def get_loop(self) -> Any:
        """Return the loop on which whoever awaits is woken: the running one."""
        return asyncio.get_running_loop()

    def add_done_callback(self, callback: Any, *, context: Any = None) -> None:
        """Have the running loop call `callback(this)` soon after the result is there."""
        loop = asyncio.get_running_loop()
        if not self.is_pending:
            loop.call_soon(callback, self, context=context)
        elif self.wakes is None:
            self.wakes = [(loop, callback, context)]
        else:
            self.wakes.append((loop, callback, context))

    def remove_done_callback(self, callback: Any) -> int:
        """Take a callback back; return how many there were of it."""
        before = self.wakes or []
        self.wakes = [wake for wake in before if wake[1] != callback]
        return len(before) - len(self.wakes)

    def done(self) -> bool:
        """Return whether the result is there."""
        return self.is_done

    def cancelled(self) -> bool:
        """Return False: what a cancelled Deferred ended with is its result, whatever that is."""
        return False

    def cancel(self, msg: object = None) -> bool:
        """Cancel the Deferred; return False if the result is there already."""
        if self.is_done:
            return False
        self.deferred.cancel()
        return True

    def result(self) -> None:
        """Return None: the await itself returns or raises the result when it goes on."""

    def exception(self) -> None:
        """Return None, as `result` does."""


def awaiting_of(deferred: Any) -> Any:
    """Return what an `await` of a Deferred runs on."""
    is_there = deferred.is_called and deferred.pauses == 0 and not deferred.is_running
    if is_there and type(deferred.outcome) is not Failure:
        return _returned.returned(deferred.outcome)
    awaiting = Awaiting.__new__(Awaiting)
    awaiting.deferred = deferred
    awaiting.keeps_result = True
    awaiting.is_pending = False
    awaiting.is_done = False
    awaiting.is_blocking = False
    awaiting.result_value = None
    awaiting.alarm = None
    awaiting.wakes = None
    awaiting.driver = None
    return awaiting


def raise_awaited(failure: Any) -> None:
    """Raise a failure's exception out of an await."""
    if isinstance(failure.value, StopIteration):
        raise RuntimeError("a Deferred failed with StopIteration, which an await cannot raise") from failure.value
    failure.raise_value()
