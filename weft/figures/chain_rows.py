"""A Deferred's chain as rows from top to bottom: what its pictures show, in the words that they use.

1. The path is on one of two lanes, that of values and that of failures, or nowhere: there is no result yet, or it is
   within the chain that is waited for. A row says on which lane the path comes in, and on which it leaves.
2. What a step waited for, what an unfired Deferred waits for, and a list's members are chains of their own: their
   rows stand between OPEN and CLOSE, one level deeper.
3. Rows hold words, never a Deferred or a result: a picture keeps nothing alive.

Reads Deferreds by what they show to everybody, and knows nothing of how rows are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from weft.deferred import Deferred, DeferredList, Failure, Step
from weft.figures import chain_wording, wording

MOST_STEPS = 24
"""Steps of a chain beyond which only its first and last are drawn, and those around the place that ran last."""
MOST_DEPTH = 4
"""Levels of chains within chains that are drawn."""
MOST_MEMBERS = 12
MOST_ROWS = 240
"""When there are so many rows, no further chain within the chain is drawn."""

_LANES: dict[str | None, Lane] = {"callback": "value", "errback": "failure"}
_ENDS = 8
_BEHIND, _AHEAD = 5, 3

Lane = Literal["value", "failure"] | None


class What(Enum):
    """What a row shows."""

    OPEN = "a chain within the chain begins"
    ENTRY = "the result comes in, or does not yet"
    STEP = "a step: a callback and an errback"
    HANDS_ON = "a step that gives the result to somebody else"
    CUT = "something that is not drawn"
    PAUSE = "the chain is paused here"
    END = "the result that is there now"
    CLOSE = "a chain within the chain ends"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a picture. `before` and `after` are the lanes on which the path comes in and leaves."""

    what: What
    depth: int
    before: Lane
    after: Lane
    text: str = ""
    """What it says; for a step, why the path goes on as it does."""
    more: str = ""
    """What is said below that, less loudly."""
    number: int = 0
    """A step's number, from 1."""
    left: str | None = None
    """The name of its callback."""
    right: str | None = None
    """The name of its errback."""
    ran: Literal["callback", "errback", "passed"] | None = None
    outcome: Literal["value", "failure", "waiting", "running"] | None = None


def read(deferred: Deferred[Any]) -> list[Row]:
    """Return the rows of a Deferred's chain; about `MOST_ROWS` at most, whatever the chain is."""
    return list(_Reader().deferred(deferred, 0))


class _Reader:
    """Reads the chains of one picture. What it yields from itself is at most `MOST_DEPTH` levels deep."""

    def __init__(self) -> None:
        self.rows = 0
        self.above: list[Deferred[Any]] = []
        """The Deferreds within whose chains we are."""

    def deferred(self, deferred: Deferred[Any], depth: int) -> Iterator[Row]:
        """Yield the rows of a Deferred's chain."""
        self.above.append(deferred)
        if isinstance(deferred, DeferredList):
            yield from self.members(deferred, depth)
        steps = deferred.steps()
        outcomes = {step.outcome for step in steps}
        lane = lane_at_entry(steps, _lane_of(deferred))
        yield from self.entry(deferred, steps, lane, depth)
        if "waiting" not in outcomes:
            yield from self.before_entry(deferred, depth)

        def here(lane: Lane) -> Iterator[Row]:
            if deferred.called and deferred.waits_for is None and "running" not in outcomes:
                what = What.PAUSE if deferred.times_paused else What.END
                yield self.row(what, depth, lane, lane, *chain_wording.result(deferred, lane))

        yield from self.steps(steps, deferred.steps_forgotten, lane, depth, here)
        self.above.pop()

    def entry(self, deferred: Deferred[Any], steps: Sequence[Step], lane: Lane, depth: int) -> Iterator[Row]:
        """Yield how the result came to the first of the steps that are kept."""
        if deferred.steps_forgotten:
            text, more = chain_wording.entry(deferred, None, steps)
            forgotten = f"{wording.count(deferred.steps_forgotten, 'step')} ran long ago, no longer kept"
            yield self.row(What.CUT, depth, None, lane, f"{text}; {forgotten}", more)
            return
        text, more = chain_wording.entry(deferred, lane, steps)
        if not depth and not deferred.called:
            more = more or "a value will come in left, a failure right"
        yield self.row(What.ENTRY, depth, None, lane, text, more)

    def before_entry(self, deferred: Deferred[Any], depth: int) -> Iterator[Row]:
        """Yield the rows of what a Deferred waits for before any of its steps."""
        if deferred.waits_for is not None:
            yield from self.waiting(deferred.waits_for, "the Deferred whose result it takes", depth)
        elif deferred.routine is not None:
            name, awaited = deferred.routine
            if isinstance(awaited, Deferred):
                yield from self.waiting(awaited, f"what {chain_wording.routine(name)} waits for", depth)

    def steps(
        self, steps: Sequence[Step], forgotten: int, lane: Lane, depth: int, here: Callable[[Lane], Iterator[Row]]
    ) -> Generator[Row, None, Lane]:
        """Yield the rows of a chain's steps; return the lane of the result after those that ran, where `here` is."""
        ran = sum(step.ran is not None for step in steps)
        reached = lane
        for begin, end, is_drawn in _parts(len(steps), ran):
            before = lane
            for index in range(begin, end):
                if index == ran:
                    yield from here(lane)
                    before = lane = None  # what has not run has no path
                step = steps[index]
                if is_drawn:
                    yield from self.step(step, forgotten + index + 1, lane, depth)
                lane = lane_after(step, lane)
                if index < ran:
                    reached = lane
            if not is_drawn:
                told = f"{wording.count(end - begin, 'step')} left out"
                yield self.row(What.CUT, depth, before, lane, f"{told}: they have not run" if begin >= ran else told)
        if ran == len(steps):
            yield from here(lane)
        return reached

    def step(self, step: Step, number: int, lane: Lane, depth: int) -> Iterator[Row]:
        """Yield the rows of a step, and of the chain that it waited for."""
        whom = chain_wording.handed_to(step)
        before = _LANES.get(step.ran, lane)
        after = lane_after(step, lane)
        is_nested = step.waited_on is not None
        text = chain_wording.handing(step, whom) if whom else chain_wording.why(step, before)
        yield self.row(
            What.HANDS_ON if whom else What.STEP, depth, before, None if is_nested else after, text,
            "None goes on" if whom and step.outcome == "value" and before == "failure" else "",
            number=number, left=_name(step.callback), right=_name(step.errback), ran=step.ran, outcome=step.outcome,
        )  # fmt: skip
        if is_nested:
            name = _name(step.errback if step.ran == "errback" else step.callback)
            if step.outcome == "waiting":
                yield from self.waiting(step.waited_on, f"the Deferred that {name} returned", depth)
            else:
                yield from self.waited(step, f"the Deferred that {name} returned", after, depth)

    def waited(self, step: Step, heading: str, after: Lane, depth: int) -> Iterator[Row]:
        """Yield the rows of a chain that a step waited for, and that gave its result."""
        steps, forgotten = step.waited_on, step.waited_forgotten
        how = chain_wording.given(step)
        if self.is_full(depth):
            told = f"{heading}, of {wording.count(len(steps) + forgotten, 'step')}, is not drawn"
            yield self.row(What.CUT, depth, None, after, told, how)
            return
        yield self.row(What.OPEN, depth + 1, None, None, heading)
        if forgotten:
            told = f"{wording.count(forgotten, 'step')}, no longer kept"
            yield self.row(What.CUT, depth + 1, None, after, told)
            lane = after
        else:
            lane = lane_at_entry(steps, after)
            yield self.row(What.ENTRY, depth + 1, None, lane, chain_wording.ENTERED[lane])
        lane = yield from self.steps(steps, 0, lane, depth + 1, lambda lane: iter(()))
        yield self.row(What.CLOSE, depth + 1, lane, after, how)

    def waiting(self, inner: Deferred[Any], heading: str, depth: int) -> Iterator[Row]:
        """Yield the rows of a Deferred that is waited for, or that a list has."""
        if any(inner is each for each in self.above):
            yield self.row(What.CUT, depth, None, None, f"{heading} waits for this one: in a circle, for ever")
        elif self.is_full(depth):
            yield self.row(What.CUT, depth, None, None, f"{heading} is not drawn", chain_wording.innermost(inner))
        else:
            yield self.row(What.OPEN, depth + 1, None, None, heading)
            yield from self.deferred(inner, depth + 1)
            yield self.row(What.CLOSE, depth + 1, None, None)

    def members(self, deferreds: DeferredList, depth: int) -> Iterator[Row]:
        """Yield the rows of a list's members."""
        members = deferreds.deferreds
        drawn = 0
        while drawn < min(len(members), MOST_MEMBERS) and not self.is_full(depth):
            yield from self.waiting(members[drawn], f"member [{drawn}] of the list", depth)
            drawn += 1
        if drawn < len(members):
            left = wording.count(len(members) - drawn, "member")
            told = f"{left} not drawn" if not drawn else f"{left} more"
            yield self.row(What.CUT, depth, None, None, told, chain_wording.tally(deferreds, drawn))

    def is_full(self, depth: int) -> bool:
        """Return whether no chain within one at this depth is to be drawn."""
        return depth >= MOST_DEPTH or self.rows >= MOST_ROWS

    def row(
        self, what: What, depth: int, before: Lane, after: Lane, text: str = "", more: str = "", **rest: Any
    ) -> Row:
        """Return a row, and count it."""
        self.rows += 1
        return Row(what, depth, before, after, text, more, **rest)


def lane_at_entry(steps: Sequence[Step], end: Lane) -> Lane:
    """Return the lane on which a result came to the first of these steps; `end`, if none of them can tell."""
    for step in steps:
        if step.ran == "passed":
            if step.callback is None and step.errback is None:
                continue
            return "failure" if step.errback is None else "value"
        if step.ran is not None:
            return "value" if step.ran == "callback" else "failure"
        break
    return end


def lane_after(step: Step, lane: Lane) -> Lane:
    """Return the lane on which the result is after a step, if it comes to it on `lane`."""
    if step.outcome in ("value", "failure"):
        return step.outcome
    return lane if step.ran == "passed" else None


def _lane_of(deferred: Deferred[Any]) -> Lane:
    """Return the lane of the result that a Deferred has now."""
    if not deferred.called or deferred.waits_for is not None:
        return None
    return "failure" if isinstance(deferred.result, Failure) else "value"


def _parts(count: int, ran: int) -> list[tuple[int, int, bool]]:
    """Return a chain of `count` steps in parts: (begin, end, whether it is drawn)."""
    if count <= MOST_STEPS:
        return [(0, count, True)]
    windows = [(0, _ENDS), (max(ran - _BEHIND, 0), min(ran + _AHEAD, count)), (count - _ENDS, count)]
    parts: list[tuple[int, int, bool]] = []
    at = 0
    for begin, end in sorted(windows):
        if begin > at + 1:
            parts.append((at, begin, False))
            at = begin
        if end > at:
            parts.append((at, end, True))
            at = end
    return parts


def _name(name: str | None) -> str | None:
    return None if name is None else wording.name(name.rpartition("<locals>.")[2])
