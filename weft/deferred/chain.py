"""A chain of steps, and the loop that runs it: what a Deferred is within.

A chain is a list of steps, each with two sides: a callback for a value, an errback for a failure. When it is fired,
its result goes down the chain, at once and in the caller's stack; what a side returns is the next step's result,
what it raises is the next step's failure, and a side that is empty lets the result pass. A step that is added after
that runs at once.

1. A side that returns a chain (a Deferred) makes this one wait: it takes that one's result, when there is one, and
   leaves it None. Where it must wait, it adds itself to the other's steps, and pauses.
2. What runs next is kept on a list and not on the stack. So a chain of chains has no depth: `_run` goes through all
   of them in one loop, whoever waits for whom.
3. A chain that is running is never entered again: what is added to it meanwhile is run by the loop that runs it.
4. A failure that a chain ends with is armed: if the chain goes away with it, it is reported.

`steps.py` says how the list is laid out and what stays in it of steps that ran.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from weft.core import _os
from weft.deferred import steps, unhandled
from weft.deferred.alarm import Alarm, origin_here
from weft.deferred.failure import Failure, caught
from weft.errors import AlreadyCalledError, NotCallableError

try:
    import cython
except ImportError:
    from weft.core import _interpreted as cython

MOST_SLOTS = 128
"""Slots of steps that ran which a chain keeps, to be drawn: 64 steps. A chain to which steps are added for as long
as the program runs must not grow for as long."""

GIVES = steps.GIVES
SAME = steps.SAME
RETURNED = steps.RETURNED

DEAF = 1
DEAFENED = 2
BY_CANCELLER = 3
"""How a chain was cancelled, if it was: without a canceller, and one result more comes in vain, and is no error; so,
and that result came; or its canceller was called."""


class Waiter:
    """Stands in a chain in a callback's place: it is given the result, and may say which Deferred runs next."""

    __slots__ = ("keeps_result",)

    keeps_result: bool  # the chain goes on with the same result; else with None

    def _receive(self, result: Any) -> Any:
        """Take a result; return a Deferred that has just been fired and is to run, or None."""
        raise NotImplementedError

    def _give_way(self, deferred: Any) -> Any:
        """Return what else is to be cancelled, for one that is a Deferred's canceller; None if there is nothing."""
        raise NotImplementedError

    def _give_up(self, failure: Any) -> None:
        """Fail the Deferred that could not be cancelled."""
        raise NotImplementedError

    def _step_name(self) -> str:
        """Return what the step is called in a picture of the chain."""
        raise NotImplementedError

    def _awaited(self) -> Any:
        """Return what one that is a Deferred's canceller waits for itself, before it can fire that."""
        return None


class Call:
    """A callback with more arguments than the result."""

    __slots__ = ("arguments", "function", "keywords")

    def __init__(self, function: Any, arguments: Any, keywords: Any) -> None:
        self.function = function
        self.arguments = arguments
        self.keywords = keywords

    def _step_name(self) -> str | None:
        """Return the callback's name."""
        return steps.name_of(self.function)


@cython.freelist(256)
@cython.cclass
class Chain:
    """Steps, a result once there is one, and whoever waits."""

    __slots__ = (
        "__weakref__",
        "alarm",
        "cancellation",
        "canceller",
        "chain_slots",
        "forgotten",
        "index",
        "is_awaited",
        "is_called",
        "is_running",
        "keeps_result",
        "origin",
        "outcome",
        "pauses",
        "weight",
    )

    def __init__(self, canceller: Callable[[Any], object] | None = None) -> None:
        self.canceller = canceller
        self.outcome: Any = None  # the result so far: a value, a Failure, or the Deferred that is waited for
        self.chain_slots: Any = None  # the chain: see steps.py
        self.index = 0  # the first slot of the first step that did not run
        self.pauses = 0
        self.is_called = False
        self.is_running = False  # a callback of this chain is on the stack, or another chain runs that it has fired
        self.cancellation = 0  # how it was cancelled
        self.is_awaited = False  # the result is a failure which whoever awaits it was given
        self.keeps_result = False  # what the chain goes on with after what it has fired: its result, or None
        self.weight = 0  # steps of inner chains that are kept
        self.forgotten = 0
        self.alarm: Any = None
        self.origin: Any = origin_here()  # where it was made and fired, in debug mode

    def _step_name(self) -> str:
        """Return what it is called where it stands in a chain that it waits for."""
        return GIVES

    def _append(self, left: Any, right: Any) -> None:
        """Add a step, and run it if it is its turn."""
        self._put(left, right)
        if self.is_called:
            self._run()

    def _put(self, left: Any, right: Any) -> None:
        """Add a step."""
        chain = self.chain_slots
        if chain is None:
            chain = []
            self.chain_slots = chain
        chain.append(left)
        chain.append(right)

    def _begin(self, result: Any) -> bool:
        """Take the result; return whether the chain is to run."""
        if self.is_called:
            if self.cancellation == DEAF:
                self.cancellation = DEAFENED
                return False
            raise AlreadyCalledError(
                "this Deferred was fired (or cancelled) already; it takes one result"
                + unhandled.described(self.origin)
            )
        if self.origin is not None:
            self.origin.fired = unhandled.stack_of_caller()
        self.is_called = True
        self.canceller = None
        self.outcome = result
        return True

    def _is_at_rest(self) -> bool:
        """Return whether there is a result, and nothing that is to become of it now."""
        if not self.is_called or self.pauses != 0 or self.is_running:
            return False
        return self.chain_slots is None or self.index == len(self.chain_slots)

    def _resolve(self, inner: Any) -> None:
        """Fire with a Deferred whose result is to be taken once it is there; it must not be fired yet."""
        self.is_called = True
        self.canceller = None
        self.outcome = inner
        self.pauses += 1
        inner._append(self, self)

    def _run(self) -> None:
        """Run the chain as far as it goes, and every chain that waits for it, in a loop."""
        if self.is_running:
            return
        current = self
        below: Any = None  # whoever gave a result to the one that runs, innermost last
        checks_pauses = True
        while True:
            if checks_pauses and current.pauses != 0:
                # It will not come to an end, and those that gave to it do not go on: as they do in Twisted. One that
                # fired it, and is within a step, does.
                current._settle()
                current = unwound(below)
                if current is None:
                    return
                current._return()
                checks_pauses = False
                continue
            following = current._advance()
            if following is not None:
                if below is None:
                    below = []
                below.append(current)
                current = following
                checks_pauses = True
                continue
            current._settle()
            if not below:
                return
            current = below.pop()
            checks_pauses = not current.is_running
            if current.is_running:
                current._return()

    def _advance(self) -> Any:
        """Run steps until there is none left or one must wait; return a chain that got a result and runs first."""
        chain = self.chain_slots
        if chain is None:
            return None
        while self.index < len(chain):
            index = self.index
            self.index = index + 2
            side = 1 if type(self.outcome) is Failure else 0
            step = chain[index + side]
            other = chain[index + 1 - side]
            if step is None:
                if other is not None:
                    chain[index + 1 - side] = (key_of(other),)
                continue
            if isinstance(step, Chain):
                chain[index + side] = GIVES
                chain[index + 1 - side] = SAME
                self._give(step)
                return step
            key = key_of(step)
            chain[index + side] = key
            if other is not None:
                chain[index + 1 - side] = SAME if other is step else (key_of(other),)
            self.is_running = True
            try:
                if isinstance(step, Waiter):
                    waiter = step
                    self.keeps_result = waiter.keeps_result
                    if side == 1 and self.keeps_result:
                        chain[index + side] = (key, self.outcome.type, RETURNED, 0)
                    following = waiter._receive(self.outcome)
                    if following is not None:
                        return following
                    self._return()
                    continue
                if type(step) is Call:
                    call = step
                    value = call.function(self.outcome, *call.arguments, **call.keywords)
                else:
                    value = step(self.outcome)
                if value is self:
                    warn_of_itself(key)
            except BaseException as error:
                value = caught(error)
                chain[index + side] = (key, value.type, None, 0)
            self.is_running = False
            self.is_awaited = False
            self.outcome = value
            if type(value) is Failure:
                if type(chain[index + side]) is not tuple:
                    chain[index + side] = (key, value.type, RETURNED, 0)
            elif isinstance(value, Chain) and not self._take_from(value):
                return None
        return None

    def _give(self, waiting: Any) -> None:
        """Give the result to a Deferred that waits for it; None is left."""
        waiting.outcome = self.outcome
        waiting.is_awaited = False
        waiting.pauses -= 1
        waiting._note_inner(self, self.index - 2)
        self._clear()

    def _take_from(self, inner: Any) -> bool:
        """Take another's result, for the step that returned it, and return True; if it has none, wait for it."""
        if not inner.is_called or inner.pauses != 0 or isinstance(inner.outcome, Chain):
            self.pauses += 1
            # It has no result, so it is not running: nothing is to run now.
            inner._put(self, self)
            return False
        self.outcome = inner.outcome
        self._note_inner(inner, inner.index)
        inner._clear()
        return True

    def _note_inner(self, inner: Any, ran_to: int) -> None:
        """Keep, for the step that ran last, what it waited for and how that ended."""
        chain = self.chain_slots
        if chain is None or self.index < 2:
            return
        slot = self.index - 1 if steps.ran(chain[self.index - 1]) else self.index - 2
        mark = chain[slot]
        kind = self.outcome.type if type(self.outcome) is Failure else None
        kept: Any = ()
        weight = inner.weight + ran_to // 2
        if inner.forgotten != 0 or self.weight + weight > MOST_SLOTS // 2:
            kept = inner.forgotten + ran_to // 2
            weight = 0
        elif ran_to > 0:
            kept = tuple(inner.chain_slots[:ran_to])
            self.weight += weight
        chain[slot] = (mark[0] if type(mark) is tuple else mark, kind, kept, weight)

    def _return(self) -> None:
        """Go on after a step that gave the result to a waiter."""
        self.is_running = False
        if not self.keeps_result:
            self._clear()

    def _clear(self) -> None:
        """Someone else has the result now: None is left, and there is nothing to report."""
        self.outcome = None
        self.is_awaited = False
        if self.alarm is not None:
            self.alarm.failure = None
            self.alarm = None

    def _settle(self) -> None:
        """The chain stops here for now: arm it if it ends with a failure, forget what ran long ago."""
        if type(self.outcome) is Failure and not self.is_awaited:
            if self.alarm is None or self.alarm.failure is not self.outcome:
                if self.alarm is not None:
                    self.alarm.failure = None
                self.alarm = Alarm(self.outcome, self.origin)
        elif self.alarm is not None:
            self.alarm.failure = None
            self.alarm = None
        if self.index > 2 * MOST_SLOTS:
            self._forget()

    def _forget(self) -> None:
        """Keep the last steps that ran only."""
        chain = self.chain_slots
        count = self.index - MOST_SLOTS
        del chain[:count]
        self.index = MOST_SLOTS
        self.forgotten += count // 2
        self.weight = 0
        for slot in chain[:MOST_SLOTS]:
            if type(slot) is tuple and len(slot) == steps.ENDED:
                self.weight += slot[3]


def unwound(below: Any) -> Any:
    """Take from `below` up to the chain that is within a step, and return that; None if there is none."""
    while below:
        current = below.pop()
        if current.is_running:
            return current
        current._settle()
    return None


def step_of(callback: Any, arguments: Any, keywords: Any) -> Any:
    """Return what stands in the chain for a callback."""
    if not callable(callback):
        raise NotCallableError(f"a callback is a function of the result, not {callback!r}")
    if arguments or keywords or isinstance(callback, Chain):
        return Call(callback, arguments, keywords)
    return callback


def key_of(step: Any) -> Any:
    """Return what a side is called by when the function itself is gone."""
    if isinstance(step, Waiter):
        return step._step_name()
    if type(step) is Call:
        call = step
        step = call.function
    key = _os.name_key(step)
    return steps.name_of(step) if type(key) is type else key


def warn_of_itself(key: Any) -> None:
    """Say that a callback returned the Deferred that it was called by."""
    warnings.warn(
        f"{steps.name_of(key)} returned the Deferred that it is a callback of: it waits for itself, for ever",
        RuntimeWarning,
        stacklevel=2,
    )
