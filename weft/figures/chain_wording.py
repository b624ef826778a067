"""What a chain's picture says: how the result came in, why the path goes on as it does, who was given the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from weft.deferred import Deferred, DeferredList, Failure, Step
from weft.deferred.steps import AWAIT, FIRES, GIVES
from weft.figures import chain_values, wording

ENTERED = {"value": "fired with a value", "failure": "fired with a failure", None: "fired"}

_TAKERS = {
    GIVES: "the Deferred that waits",
    FIRES: "another Deferred, by chain()",
    AWAIT: "whoever awaits it",
    "DeferredList._arrive": "the list",
}
_ROUTINES = {"yield in ": "the generator ", "await in ": "the coroutine "}


def routine(name: str) -> str:
    """Return what a generator or a coroutine is called that stands in a chain, or that is to fire a Deferred."""
    for prefix, kind in _ROUTINES.items():
        if name.startswith(prefix):
            return kind + wording.name(name.removeprefix(prefix).rpartition("<locals>.")[2])
    return wording.name(name)


def handed_to(step: Step) -> str:
    """Return to whom a step gives the result; "" for one that is somebody's callback."""
    name = step.callback
    if name is None or name != step.errback:
        return ""
    if name.startswith(tuple(_ROUTINES)):
        return routine(name)
    return _TAKERS.get(name, "")


def handing(step: Step, whom: str) -> str:
    """Return what a step does that gives the result to somebody."""
    what = {"callback": "value", "errback": "failure"}.get(step.ran or "", "result")
    if step.ran is None:
        return f"then its result goes to {whom}"
    return f"its {what} goes to {whom}"


def why(step: Step, lane: str | None) -> str:
    """Return why the path goes on as it does after a step to which it came on `lane`; "" if nothing is to be said."""
    if step.ran == "passed":
        return f"no {'errback' if lane == 'failure' else 'callback'}: it passes"
    if step.ran is None:
        return ""
    if step.outcome == "running":
        return "it runs now"
    if step.waited_on is not None:
        return "returned a Deferred, and waits for it" if step.outcome == "waiting" else "returned a Deferred"
    if step.error is None:
        return "returned a value: recovered" if step.ran == "errback" else ""
    error = chain_values.error(step.error)
    if not step.returned_failure:
        return f"raised {error}"
    return f"returned the failure: {error}" if step.ran == "errback" else f"returned a failure: {error}"


def given(step: Step) -> str:
    """Return what came from the Deferred that a step waited for."""
    if step.error is not None:
        return f"it failed: {chain_values.error(step.error)}"
    return "its value goes on: recovered" if step.ran == "errback" else "its value goes on"


def entry(deferred: Deferred[Any], lane: str | None, steps: Sequence[Step]) -> tuple[str, str]:
    """Return how a Deferred's result came in, on `lane` if that is known, and what there is to add."""
    if not deferred.called:
        return _not_fired(deferred)
    if deferred.cancelled == "canceller":
        fired = {"value": "it fired it with a value", "failure": "a failure came of it"}
        return "cancelled: its canceller was called", fired.get(lane or "", "its result is waited for")
    if deferred.cancelled == "no canceller":
        return "cancelled: it has no canceller", "whoever fires it later, once, does so in vain"
    if deferred.cancelled == "result ignored":
        return "cancelled: it has no canceller", "a result came later, and was ignored"
    if lane is None and deferred.waits_for is not None and not any(step.ran for step in steps):
        return "fired with another Deferred", "it waits for that one's result"
    if isinstance(deferred, DeferredList):
        return _list_entry(deferred, lane)
    is_none = deferred.waits_for is None and deferred.result is None
    if is_none and not any(step.ran and (step.callback or step.errback) for step in steps):
        return ENTERED[None], ""  # None is what it was fired with, or what is left after somebody took the result
    return ENTERED[lane], ""


def _not_fired(deferred: Deferred[Any]) -> tuple[str, str]:
    more = []
    if deferred.cancelled is not None:
        more.append("its canceller was called, and did not fire it")
    if deferred.times_paused:
        more.append(f"paused {_often(deferred.times_paused)}")
    if deferred.routine is not None:
        name, awaited = deferred.routine
        waits = "" if awaited is None else f", which waits for {_article(type(awaited).__name__)}"
        more.append(f"it gets the result of {routine(name)}{waits}")
    if isinstance(deferred, DeferredList):
        there = sum(each is not None for each in deferred.results)
        options = (("a value", deferred.fire_on_one_callback), ("a failure", deferred.fire_on_one_errback))
        first = " or ".join(what for what, fires in options if fires)
        more.append(f"it has {there} of {len(deferred.results)} results")
        if first:
            more.append(f"{first} fires it at once")
    return "not fired yet", "; ".join(more)


def _list_entry(deferred: DeferredList, lane: str | None) -> tuple[str, str]:
    results = deferred.results
    if lane == "failure" and deferred.fire_on_one_errback:
        return "fired with a failure", "that of the first member that failed"
    if lane == "value" and deferred.fire_on_one_callback and any(each and each[0] for each in results):
        return "fired with a value", "that of the first member that had one"
    if not results or any(each is None for each in results):
        return ENTERED[lane], ""
    return ENTERED[lane], f"all of its {wording.count(len(results), 'member')} had a result"


def result(deferred: Deferred[Any], lane: str | None) -> tuple[str, str]:
    """Return what a Deferred that was fired has now, at the end of a path on `lane`, and what there is to add."""
    found = deferred.result
    if isinstance(found, Failure):
        text, more = f"a failure: {chain_values.failure(found)}", "whoever awaited it was given it"
        if deferred.unhandled:
            text, more = f"an unhandled failure: {chain_values.failure(found)}", "reported if the Deferred goes away"
    elif lane == "failure":
        text, more = "its failure went to whoever waited for it", "None is left"
    else:
        text, more = f"the value {chain_values.value(found)}", ""
    if deferred.times_paused:
        return f"paused {_often(deferred.times_paused)}, with {text}", "unpause() lets it go on"
    return text, more


def innermost(deferred: Deferred[Any]) -> str:
    """Return how deep a Deferred waits, and for what in the end."""
    hops, slow, last = 0, deferred, deferred
    while last.waits_for is not None:
        last = last.waits_for
        hops += 1
        if not hops & 1 and slow.waits_for is not None:
            slow = slow.waits_for
        if last is slow:
            return "in the end it waits for itself, in a circle"
    state = "is not fired yet" if not last.called else "is paused" if last.paused else "is about to go on"
    if not hops:
        return f"it {state}"
    below = "one more waits below it" if hops == 1 else f"{hops:,} more wait below it, each for the next"
    return f"{below}; the last {state}"


def tally(deferreds: DeferredList, begin: int) -> str:
    """Return how many of a list's members, from `begin` on, have which kind of result."""
    counts = Counter(None if result is None else bool(result[0]) for result in deferreds.results[begin:])
    told = [
        f"{counts[kind]:,} {word}"
        for kind, word in ((True, "with a value"), (False, "failed"), (None, "not there yet"))
        if counts[kind]
    ]
    return ", ".join(told)


def _often(times: int) -> str:
    return "once" if times == 1 else f"{times:,} times"


def _article(noun: str) -> str:
    name = wording.name(noun)
    return f"an {name}" if name[0] in "AEIOUaeiou" else f"a {name}"
