"""Running generators and coroutines whose steps wait for Deferreds: what `inline_callbacks` and `ensure_deferred` do.

A drive sends results into its routine until that waits or ends. While it waits, it stands in the chain of the
Deferred that it waits for; when it ends, it fires its own Deferred, and leaves running that one to whoever runs the
chain: so routines that wait for one another have no depth either.
"""

from __future__ import annotations

import asyncio
import inspect
from contextvars import copy_context
from types import CoroutineType, GeneratorType
from typing import Any

from weft.deferred.awaiting import Awaiting
from weft.deferred.chain import Chain, Waiter
from weft.deferred.deferred import Deferred
from weft.deferred.failure import Failure, caught
from weft.errors import NotDrivableError


class Drive(Waiter):
    """One run of a generator or a coroutine, each of its steps within a context of its own."""

    __slots__ = (
        "arrived",
        "deferred",
        "has_arrived",
        "is_coroutine",
        "is_stepping",
        "routine",
        "run_within",
        "send",
        "waits_for",
    )

    def __init__(self, routine: Any) -> None:
        self.keeps_result = False  # a yield takes the result; an await does not, but there `Awaiting` is in the chain
        self.routine = routine
        self.is_coroutine = type(routine) is not GeneratorType and not inspect.isgenerator(routine)
        self.send = routine.send
        self.run_within = copy_context().run
        self.deferred: Any = deferred_of(self)
        self.waits_for: Any = None
        self.is_stepping = False
        self.has_arrived = False
        self.arrived: Any = None

    def _receive(self, result: Any) -> Any:
        if self.is_stepping:  # it was added to a chain that ran at once: `_proceed` is on the stack, and takes it
            self.arrived = result
            self.has_arrived = True
            return None
        return self._proceed(result)

    def _proceed(self, result: Any) -> Any:
        """Step until the routine waits, and return None; or until it ends, and return its Deferred, fired."""
        self.waits_for = None
        self.is_stepping = True
        yielded: Any
        while True:
            try:
                if type(result) is Failure:
                    failure = result
                    yielded = self.run_within(self.routine.throw, failure.value.with_traceback(failure.traceback))
                else:
                    yielded = self.run_within(self.send, result)
            except StopIteration as stop:
                return self._end(stop.value)
            except BaseException as error:
                return self._end(caught(error))
            if type(yielded) is CoroutineType or type(yielded) is GeneratorType:
                yielded = drive(yielded)
            if isinstance(yielded, Chain):
                chain = yielded
                if chain._is_at_rest():
                    result = chain.outcome
                    chain._clear()
                    continue
                chain._append(self, self)
                if not self.has_arrived:
                    self.waits_for = chain
                    break
                self.has_arrived = False
                result = self.arrived
                self.arrived = None
            elif isinstance(yielded, Awaiting):
                awaiting = yielded
                awaiting.driver = self
                self.waits_for = awaiting.deferred
                break
            elif getattr(yielded, "_asyncio_future_blocking", None) is not None:
                yielded._asyncio_future_blocking = False
                yielded.add_done_callback(self.wake)
                self.waits_for = yielded
                break
            elif not self.is_coroutine:
                result = yielded  # whatever else is yielded comes back
            elif yielded is None:
                asyncio.get_running_loop().call_soon(self.wake, None)
                break
            else:
                result = Failure(NotDrivableError(f"a coroutine awaited something that yielded {yielded!r}"))
        self.is_stepping = False
        return None

    def _end(self, result: Any) -> Any:
        self.is_stepping = False
        deferred = self.deferred
        return deferred if deferred._begin(result) else None

    def start(self) -> Any:
        """Run the first step, and return the Deferred of the result."""
        deferred = self.deferred
        following = self._proceed(None)
        if following is not None:
            following._run()
        return deferred

    def wake(self, future: Any) -> None:
        """Go on: the asyncio Future that was waited for is done. What it ended with, the routine takes itself."""
        following = self._proceed(None)
        if following is not None:
            following._run()

    def _give_way(self, deferred: Any) -> Any:
        rest = deferred_of(self)
        deferred._resolve(rest)  # it has whatever the routine makes of the cancellation
        self.deferred = rest
        return self.waits_for

    def _give_up(self, failure: Any) -> None:
        rest = self.deferred
        self.deferred = deferred_of(self)  # nobody's: the routine may still end
        rest.errback(failure)

    def _step_name(self) -> str:
        """Return what the step is called in a picture of the chain."""
        return f"{'await' if self.is_coroutine else 'yield'} in {self.routine.__qualname__}"

    def _awaited(self) -> Any:
        """Return what the routine waits for."""
        return self.waits_for


def deferred_of(canceller: Any) -> Any:
    """Return a Deferred that a waiter cancels."""
    return Deferred(canceller)


def drive(routine: Any) -> Any:
    """Run a generator or a coroutine as far as it goes now; return a Deferred of its result."""
    run = Drive(routine)
    return run.start()
