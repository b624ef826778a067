"""A Deferred: a value that arrives later, and what is done with it when it does.

It belongs to one thread. `chain.py` is how it runs; this module is what it offers.
"""

from __future__ import annotations

import asyncio
from types import GenericAlias
from typing import Any

from weft.deferred import bridges, steps, unhandled
from weft.deferred.awaiting import awaiting_of
from weft.deferred.chain import BY_CANCELLER, DEAF, DEAFENED, Chain, Waiter, step_of
from weft.deferred.failure import Failure, caught
from weft.errors import NotCallableError, NotFiredError, WaitingCycleError


class Deferred(Chain):
    """A value that arrives later: `callback(value)` or `errback(error)` fires it, once.

    `canceller(deferred)` is called by `cancel`, to give up whatever would have fired it; it may fire it itself.
    """

    __slots__ = ()

    @classmethod
    def __class_getitem__(cls, item: Any) -> GenericAlias:
        return GenericAlias(cls, item)

    # -- adding steps

    def add_callbacks(
        self,
        callback: Any,
        errback: Any = None,
        callback_arguments: Any = (),
        callback_keywords: Any = None,
        errback_arguments: Any = (),
        errback_keywords: Any = None,
    ) -> Any:
        """Add a step with two sides, and return this Deferred. None on a side lets what comes there pass.

        An exception that the callback raises goes to the next step, never to the errback beside it.
        """
        left = None if callback is None else step_of(callback, tuple(callback_arguments), callback_keywords or {})
        right = None if errback is None else step_of(errback, tuple(errback_arguments), errback_keywords or {})
        self._append(left, right)
        return self

    def add_callback(self, callback: Any, *arguments: Any, **keywords: Any) -> Any:
        """Add a step for a value: `callback(value, *arguments, **keywords)`. Failures pass. Returns this Deferred."""
        self._append(step_of(callback, arguments, keywords), None)
        return self

    def add_errback(self, errback: Any, *arguments: Any, **keywords: Any) -> Any:
        """Add a step for a failure: `errback(failure, *arguments, **keywords)`. Values pass. Returns this Deferred.

        What it returns recovers: the next step's callback gets it, unless it is a `Failure`.
        """
        self._append(None, step_of(errback, arguments, keywords))
        return self

    def add_both(self, callback: Any, *arguments: Any, **keywords: Any) -> Any:
        """Add a step for a value or a failure alike, and return this Deferred."""
        step = step_of(callback, arguments, keywords)
        self._append(step, step)
        return self

    def chain(self, other: Any) -> Any:
        """Fire another Deferred with this one's result, value or failure; this chain goes on with None."""
        if not isinstance(other, Deferred):
            raise NotCallableError(f"chain() takes the Deferred that is to be fired, not {other!r}")
        link = Link(other)
        self._append(link, link)
        return self

    def add_timeout(self, timeout_s: float, on_timeout: Any = None, *, clock: Any = None) -> Any:
        """Cancel this Deferred if it has no result within `timeout_s` seconds, and return it.

        It then ends with TimeoutError, or with what `on_timeout(result, timeout_s)` returns or raises. The time is
        that of the running loop, or of `clock`, which needs `call_later` only.
        """
        bridges.add_timeout(self, timeout_s, on_timeout, clock)
        return self

    # -- firing

    def callback(self, result: Any) -> None:
        """Fire with a value; a `Failure` is taken for one. Raises AlreadyCalledError if it was fired before.

        A Deferred is a value like any other here. To have a chain wait for one, return it from a callback.
        """
        if self._begin(result):
            self._run()

    def errback(self, failure: Any = None) -> None:
        """Fire with a failure, given as such or as an exception; without one, the exception being handled.

        Raises AlreadyCalledError if it was fired before.
        """
        if type(failure) is not Failure:
            failure = Failure(failure)
        if self._begin(failure):
            self._run()

    def cancel(self) -> None:
        """Give the result up. A Deferred that waits for another cancels that one; a finished one is left alone.

        One that was not fired calls its canceller, if it has one, and ends with asyncio.CancelledError unless the
        canceller fired it. Without a canceller, whoever fires it later, once, does so in vain, and not in error.
        """
        waiter: Any = None
        held: Any = None
        try:
            target = self
            hops = 0
            before = None
            while True:
                target = target._innermost()
                if target is not self and type(target) is not Deferred:
                    target.cancel()
                    return
                if target.is_called or not isinstance(target.canceller, Waiter):
                    break
                # A generator or coroutine that waits, perhaps for another such, and so on: no depth here either.
                waiter = target.canceller
                if waiter is before:
                    return  # they wait for each other in a circle: there is nothing at the end to cancel
                hops += 1
                if hops & (hops - 1) == 0:
                    before = waiter
                if held is None:
                    held = []
                held.append(target)
                target.pauses += 1  # it goes on when all that the cancellation brings about has run
                target.cancellation = BY_CANCELLER
                following = waiter._give_way(target)
                if following is None:
                    return
                if not isinstance(following, Deferred):
                    following.cancel()
                    return
                target = following
            target._cancel_here()
        except BaseException as error:
            if waiter is None:
                raise
            waiter._give_up(caught(error))
        finally:
            while held:
                held.pop().unpause()

    def pause(self) -> None:
        """Run no further step until `unpause` was called as often as this was."""
        self.pauses += 1

    def unpause(self) -> None:
        """Take one `pause` back; with the last of them the chain goes on."""
        self.pauses -= 1
        if self.pauses == 0 and self.is_called:
            self._run()

    # -- looking

    @property
    def called(self) -> bool:
        """Whether it was fired. It may be paused since, or wait for another Deferred."""
        return self.is_called

    @property
    def paused(self) -> bool:
        """Whether it runs no step now: it was paused, or it waits for another Deferred."""
        return self.pauses != 0

    @property
    def result(self) -> Any:
        """The result so far: a value, a `Failure`, or the Deferred that is waited for.

        Raises NotFiredError if there is none yet.
        """
        if not self.is_called:
            raise NotFiredError("this Deferred has no result yet: add a callback, or await it")
        return self.outcome

    @property
    def waits_for(self) -> Any:
        """The Deferred whose result this one waits for; None if it waits for none."""
        waits = self.pauses != 0 and not self.is_running and isinstance(self.outcome, Deferred)
        return self.outcome if waits else None

    @property
    def times_paused(self) -> int:
        """How often `pause` was called, and not taken back."""
        return self.pauses if self.waits_for is None else self.pauses - 1

    @property
    def cancelled(self) -> str | None:
        """How `cancel` ended it, if it did: "canceller", which was called; "no canceller", since it had none.

        "result ignored" is the latter, and then it was fired after all, in vain. None if it was not cancelled; the
        Deferred that a cancelled one waited for is what was cancelled, and not that one.
        """
        if self.cancellation == DEAF:
            return "no canceller"
        if self.cancellation == DEAFENED:
            return "result ignored"
        return "canceller" if self.cancellation == BY_CANCELLER else None

    @property
    def unhandled(self) -> bool:
        """Whether the result so far is a failure that nobody handled: it is reported if the Deferred goes away."""
        return type(self.outcome) is Failure and not self.is_awaited

    @property
    def routine(self) -> tuple[str, Any] | None:
        """The generator or coroutine that is to fire it: its name, and the Deferred or Future that it waits for.

        None if there is none, or if it has ended.
        """
        waiter = self.canceller
        return (waiter._step_name(), waiter._awaited()) if isinstance(waiter, Waiter) else None

    @property
    def steps_forgotten(self) -> int:
        """How many of the first steps ran so long ago that they are no longer kept."""
        return self.forgotten

    def steps(self) -> tuple[steps.Step, ...]:
        """Return the chain: each step's names, which side ran, how it ended, what it waited for."""
        return steps.read(self.chain_slots, self.index, self.waits_for, self.is_running)

    def made_at(self) -> str:
        """Return where it was made and fired, as text; debug mode knows it (`set_debugging`)."""
        return unhandled.described(self.origin)

    def __repr__(self) -> str:
        name = type(self).__name__
        if not self.is_called:
            return f"<{name} not fired>"
        if not isinstance(self.outcome, Deferred):
            shown = repr(self.outcome)
        else:
            shown = "itself" if self.outcome is self else "another Deferred"
            if self.pauses != 0:
                return f"<{name} waits for {shown}>"
        return f"<{name} {'paused, ' if self.pauses else ''}result: {shown}>"

    # -- asyncio

    def __await__(self) -> Any:
        return awaiting_of(self)

    def as_future(self, loop: Any = None) -> Any:
        """Return an asyncio Future that gets the result; this chain goes on with None.

        Cancelling the Future cancels this Deferred. `loop`: the running one, if none is given.
        """
        return bridges.as_future(self, loop)

    @classmethod
    def from_future(cls, future: Any) -> Any:
        """Return a Deferred that gets an asyncio Future's (or Task's) result.

        Cancelling it cancels the Future; the Deferred then waits for how the Future really ends.
        """
        end = bridges.FutureEnd(future, Deferred)
        end.deferred = cls(end.cancel)
        future.add_done_callback(end.fire)
        return end.deferred

    @classmethod
    def from_coroutine(cls, coroutine: Any) -> Any:
        """Run a coroutine as an asyncio Task on the running loop; return a Deferred of its result.

        Cancelling it cancels the Task. `ensure_deferred` needs no loop and begins at once, but is no Task.
        """
        return cls.from_future(bridges.task_of(coroutine))

    # -- within

    def _cancel_here(self) -> None:
        if self.is_called:
            return
        if self.canceller is None:
            self.cancellation = DEAF
        else:
            self.cancellation = BY_CANCELLER
            self.canceller(self)
        if not self.is_called:
            self.errback(asyncio.CancelledError())

    def _innermost(self) -> Any:
        """Return who is to be cancelled: the last of those that wait for one another, or the first of another class.

        Raises WaitingCycleError where there is no end.
        """
        target = self
        slow = self
        hops = 0
        while target.is_called and isinstance(target.outcome, Deferred):
            target = target.outcome
            hops += 1
            if type(target) is not Deferred:
                return target
            if not hops & 1:
                slow = slow.outcome
            if target is slow:
                raise WaitingCycleError("Deferreds that wait for each other in a circle cannot be cancelled")
        return target


class Link(Waiter):
    """Fires another Deferred with the result: what `chain` adds."""

    __slots__ = ("target",)

    def __init__(self, target: Any) -> None:
        self.target = target
        self.keeps_result = False

    def _receive(self, result: Any) -> Any:
        target = self.target
        return target if target._begin(result) else None

    def _step_name(self) -> str:
        """Return what the step is called in a picture of the chain."""
        return steps.FIRES
