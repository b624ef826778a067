"""A chain as it can be told and drawn: what stands in it, what ran, on which side, and how each step ended.

A Deferred keeps its chain in one flat list, two slots a step: its callback and its errback. When a step has run,
its slots hold what says so, and keep nothing alive (a name's key is the function's code, a class or a string):

    key                             that side ran, and ended with a value
    (key, type, inner, weight)      that side ran; it ended with an exception of that type, or with a value if the
                                    type is None; `inner` is what it waited for:
        None                            nothing; an exception, it raised
        RETURNED                        nothing; the exception, it returned as a `Failure`, or let it pass
        slots                           a Deferred with these, of `weight` steps in all, inner chains included
        number                          a Deferred of so many steps, which are not kept
    (key,)                          that side did not run
    SAME                            that side did not run, and is the same function as the one that did
    None                            there is nothing on that side

This module reads that list. It never changes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import CodeType
from typing import Any, Literal

STRIDE = 2
ENDED = 4
"""The length of what stands for a side that ran and did not simply return."""
SAME = True
RETURNED = "returned"

GIVES = "(the Deferred that waits)"
FIRES = "(another Deferred, by chain)"
AWAIT = "await"
"""What steps are called that hand the result on: no function can be called so."""

Side = Literal["callback", "errback"]


@dataclass(frozen=True)
class Step:
    """One place in a chain, with a side for values and a side for failures; what happened there, if it ran."""

    callback: str | None
    """The callback's name; None where the left side lets results pass."""
    errback: str | None
    """The errback's name; None where the right side lets failures pass."""
    ran: Side | Literal["passed"] | None
    """The side that ran; "passed" if there was nothing on the result's side; None if no result came here yet."""
    outcome: Literal["value", "failure", "waiting", "running"] | None
    """How it ended. "waiting": it returned a Deferred that has no result yet; "running": it has not ended.

    None if it did not run.
    """
    error: type[BaseException] | None = None
    """The exception's class, where the outcome is a failure."""
    waited_on: Any = None
    """The Deferred that is waited for; once it gave its result, its steps, a tuple of `Step`. None if there was none.

    Of steps that ran, a chain keeps a bounded number, those of inner chains included: the tuple may be empty.
    """
    waited_forgotten: int = 0
    """How many steps of what was waited for are not kept."""
    returned_failure: bool = False
    """Whether a failure was returned, as a `Failure`, or let pass, as an await does; it was not raised here."""


def read(chain: Sequence[Any] | None, ran_to: int, inner: Any = None, is_running: bool = False) -> tuple[Step, ...]:
    """Return a chain's steps: `ran_to` is the first slot that did not run, `inner` what is waited for.

    `is_running`: the step before `ran_to` has not ended.
    """
    if chain is None:
        return ()
    found = []
    for index in range(0, len(chain), STRIDE):
        left, right = chain[index], chain[index + 1]
        if index >= ran_to:
            found.append(Step(name_of(left), name_of(right), None, None))
        elif index + STRIDE == ran_to:
            found.append(_read_ran(left, right, inner, is_running))
        else:
            found.append(_read_ran(left, right))
    return tuple(found)


def _read_ran(left: Any, right: Any, inner: Any = None, is_running: bool = False) -> Step:
    names = (_key_name(right if left is SAME else left), _key_name(left if right is SAME else right))
    side: Side
    if ran(left):
        side, slot = "callback", left
    elif ran(right):
        side, slot = "errback", right
    else:
        return Step(*names, "passed", None)
    if is_running:
        return Step(*names, side, "running")
    if inner is not None:
        return Step(*names, side, "waiting", None, inner)
    if not isinstance(slot, tuple):
        return Step(*names, side, "value")
    _, error, kept, _ = slot
    outcome: Literal["value", "failure"] = "value" if error is None else "failure"
    if kept is None or kept is RETURNED:
        return Step(*names, side, outcome, error, returned_failure=kept is RETURNED)
    if isinstance(kept, int):
        return Step(*names, side, outcome, error, (), kept)
    return Step(*names, side, outcome, error, read(kept, len(kept)))


def ran(slot: Any) -> bool:
    """Return whether a slot of a step that is over says that its side ran."""
    if isinstance(slot, tuple):
        return len(slot) == ENDED
    return slot is not None and slot is not SAME


def _key_name(slot: Any) -> str | None:
    return name_of(slot[0] if isinstance(slot, tuple) else slot)


def name_of(slot: Any) -> str | None:
    """Return the name of what stands, or stood, in a slot; None for an empty one."""
    if slot is None:
        return None
    if isinstance(slot, str):
        return slot
    if isinstance(slot, CodeType):
        return slot.co_qualname
    if not isinstance(slot, type) and hasattr(slot, "_step_name"):
        return str(slot._step_name())
    if isinstance(slot, partial):
        return name_of(slot.func)
    name = getattr(slot, "__qualname__", None)
    return name if isinstance(name, str) else type(slot).__qualname__
