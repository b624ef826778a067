"""Random programs over Deferreds, run on Twisted's and on Weft's: both must leave the same trace.

A program makes Deferreds, adds steps to them, fires, fails, pauses, unpauses, cancels and chains them; what it adds
does the same from within when it is called, and ends by returning a value, a failure or another Deferred, or by
raising. The trace has every call with what it was given, every operation's exception, and what became of each
Deferred. Run by itself, `python -m tests.deferred.equality --programs 100000` compares as many.
"""

import argparse
import asyncio
import gc
import logging
import pprint
import random
import sys
import warnings
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from twisted.internet import defer
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure as TwistedFailure

import weft
from weft.deferred import Deferred, Failure, inline_callbacks

FIRST_DEFERREDS = 3


class BoomError(Exception):
    """What programs raise."""


class TwistedSide:
    """Twisted's Deferred under the names that programs use."""

    Deferred = defer.Deferred
    Failure = TwistedFailure
    CancelledError = defer.CancelledError
    inline_callbacks = staticmethod(defer.inlineCallbacks)
    verbs = {"add_callbacks": "addCallbacks", "add_both": "addBoth", "chain": "chainDeferred"}

    @staticmethod
    def result(deferred: Any) -> tuple[Any, ...]:
        return (deferred.result,) if hasattr(deferred, "result") else ()

    @staticmethod
    def is_paused(deferred: Any) -> bool:
        return bool(deferred.paused)


class WeftSide:
    """Weft's Deferred under the same."""

    Deferred = Deferred
    Failure = Failure
    CancelledError = asyncio.CancelledError
    inline_callbacks = staticmethod(inline_callbacks)
    verbs: dict[str, str] = {}

    @staticmethod
    def result(deferred: Any) -> tuple[Any, ...]:
        return (deferred.result,) if deferred.called else ()

    @staticmethod
    def is_paused(deferred: Any) -> bool:
        return bool(deferred.paused)


SAME_ERRORS = {"WaitingCycleError": "RecursionError"}


class Run:
    """One program on one side."""

    def __init__(self, side: Any, program: Any) -> None:
        self.side = side
        self.trace: list[Any] = []
        self.deferreds: list[Any] = []
        self.labels = 0
        self.driven: set[int] = set()
        """The Deferreds of generators: they are nobody's to pause but the generators'."""
        for canceller in program[0]:
            self.make(canceller)
        self.perform(program[1])
        self.finish()
        self.outcomes = [(d.called, side.is_paused(d), self.shown_result(d)) for d in self.deferreds]

    def make(self, canceller: Any) -> None:
        number = len(self.deferreds)
        if canceller is None:
            self.deferreds.append(self.side.Deferred())
        else:

            def cancel(deferred: Any) -> None:
                self.trace.append(("canceller", number, self.index_of(deferred)))
                self.perform(canceller)

            self.deferreds.append(self.side.Deferred(cancel))

    def deferred(self, number: int) -> Any:
        return self.deferreds[number % len(self.deferreds)]

    def index_of(self, deferred: Any) -> int:
        return next((index for index, each in enumerate(self.deferreds) if each is deferred), -1)

    def shown_error(self, error: BaseException) -> Any:
        name = type(error).__name__
        return SAME_ERRORS.get(name, name), str(error) if isinstance(error, BoomError) else ""

    def shown(self, value: Any) -> Any:
        if isinstance(value, self.side.Failure):
            return ("failure", self.shown_error(value.value))
        if isinstance(value, self.side.Deferred):
            return ("deferred", self.index_of(value))
        return value

    def shown_result(self, deferred: Any) -> Any:
        return tuple(self.shown(value) for value in self.side.result(deferred))

    def perform(self, operations: Any) -> None:
        for verb, *arguments in operations:
            if verb in ("pause", "unpause") and arguments[0] % len(self.deferreds) in self.driven:
                continue
            try:
                getattr(self, verb)(*arguments)
            except Exception as error:
                self.trace.append((verb, self.shown_error(error)))

    def finish(self) -> None:
        """Fire what was not fired, so that programs seldom end with nothing having run."""
        for number, deferred in enumerate(list(self.deferreds)):
            if not deferred.called and not deferred.paused:
                self.perform([("fire" if number & 1 else "fail", number, number)])

    # -- operations

    def add(self, number: int, sides: str, left: Any, right: Any) -> None:
        deferred = self.deferred(number)
        add_callbacks = getattr(deferred, self.side.verbs.get("add_callbacks", "add_callbacks"))
        if sides == "both":
            getattr(deferred, self.side.verbs.get("add_both", "add_both"))(self.step(left))
        elif sides == "callback":
            add_callbacks(self.step(left))
        elif sides == "errback":
            add_callbacks(lambda value: value, self.step(left))
        else:
            add_callbacks(self.step(left), self.step(right))

    def fire(self, number: int, value: int) -> None:
        self.deferred(number).callback(value)

    def fire_with_deferred(self, number: int, other: int) -> None:
        if self.deferred(number) is not self.deferred(other):
            self.deferred(number).callback(self.deferred(other))

    def fire_with_failure(self, number: int, value: int) -> None:
        self.deferred(number).callback(self.side.Failure(BoomError(value)))

    def fail(self, number: int, value: int) -> None:
        self.deferred(number).errback(BoomError(value))

    def cancel(self, number: int) -> None:
        self.deferred(number).cancel()

    def pause(self, number: int) -> None:
        self.deferred(number).pause()

    def unpause(self, number: int) -> None:
        self.deferred(number).unpause()

    def chain(self, number: int, other: int) -> None:
        getattr(self.deferred(number), self.side.verbs.get("chain", "chain"))(self.deferred(other))

    def drive(self, script: Any) -> None:
        """Make a Deferred of a generator that yields what the script says."""
        self.labels += 1
        label = self.labels

        def routine() -> Any:
            for operations, number, is_value, catches in script:
                try:
                    got = yield number if is_value else self.deferred(number)
                    self.trace.append((label, "got", self.shown(got)))
                except (Exception, self.side.CancelledError) as error:
                    self.trace.append((label, "raised", self.shown_error(error)))
                    if not catches:
                        raise
                self.perform(operations)
            return label

        deferred = self.side.inline_callbacks(routine)()
        self.driven.add(len(self.deferreds))
        self.deferreds.append(deferred)

    # -- steps

    def step(self, behaviour: Any) -> Callable[[Any], Any]:
        self.labels += 1
        label = self.labels
        operations, ending, value = behaviour

        def run(result: Any) -> Any:
            self.trace.append((label, self.shown(result)))
            self.perform(operations)
            return getattr(self, f"end_{ending}")(result, value)

        return run

    def end_same(self, result: Any, value: int) -> Any:
        return result

    def end_value(self, result: Any, value: int) -> Any:
        return value

    def end_raise(self, result: Any, value: int) -> Any:
        raise BoomError(value)

    def end_reraise(self, result: Any, value: int) -> Any:
        if isinstance(result, self.side.Failure):
            raise result.value
        return result

    def end_trap(self, result: Any, value: int) -> Any:
        if isinstance(result, self.side.Failure):
            result.trap(KeyError, BoomError)
        return value

    def end_failure(self, result: Any, value: int) -> Any:
        return self.side.Failure(BoomError(value))

    def end_deferred(self, result: Any, value: int) -> Any:
        return self.deferred(value)

    def end_new(self, result: Any, value: int) -> Any:
        self.make(None)
        return self.deferreds[-1]

    def end_fired(self, result: Any, value: int) -> Any:
        self.make(None)
        self.deferreds[-1].callback(value)
        return self.deferreds[-1]

    def end_failing(self, result: Any, value: int) -> Any:
        self.make(None)
        self.deferreds[-1].errback(BoomError(value))
        return self.deferreds[-1]

    def end_paused(self, result: Any, value: int) -> Any:
        self.make(None)
        self.deferreds[-1].pause()
        self.deferreds[-1].callback(value)
        return self.deferreds[-1]


Choose = Callable[[Any], Any]
"""Picks one of a sequence: Hypothesis does, which makes what fails small, or a seeded generator, which is fast."""

NUMBERS = range(6)
ENDINGS = [
    *("same", "same", "value", "raise", "reraise", "trap", "failure"),
    *("deferred", "deferred", "deferred", "new", "fired", "failing", "paused"),
]
SIMPLE = [("fire", 2), ("fail", 2), ("pause", 1), ("unpause", 1)]
OPERATIONS = [
    *[("add", 0)] * 16,
    *[("fire", 2)] * 3,
    *[("fail", 2)] * 2,
    *[("chain", 2)] * 2,
    ("fire_with_failure", 2),
    ("fire_with_deferred", 2),
    *[("cancel", 1)] * 3,
    *[("pause", 1)] * 2,
    *[("unpause", 1)] * 4,
]


WITH_GENERATORS = [*[each for each in OPERATIONS if each[0] != "cancel"], *[("drive", 0)] * 4]
"""Generators run in programs without cancellation: while one is cancelled, Twisted lets an exception of its own be
seen that is nobody's business. `test_inline.py` has the cancellation of generators."""


def make_program(choose: Choose) -> Any:
    """Return cancellers for the first Deferreds, and what is done with them."""
    verbs = choose([OPERATIONS, OPERATIONS, WITH_GENERATORS])
    kinds = [choose(["none", "none", "simple"]) for _ in range(choose([FIRST_DEFERREDS, FIRST_DEFERREDS + 1]))]
    cancellers = [None if kind == "none" else make_operations(choose, SIMPLE, range(3), 0) for kind in kinds]
    return cancellers, make_operations(choose, verbs, range(8, 40), 2)


def make_operations(choose: Choose, verbs: Any, lengths: Any, depth: int) -> Any:
    """Return operations; what steps they add do the like, `depth` deep."""
    operations = []
    for _ in range(choose(lengths)):
        verb, count = choose(verbs)
        if verb == "add":
            sides = choose(["callback", "errback", "both", "two"])
            steps = [make_step(choose, verbs, depth - 1) for _ in range(2 if sides == "two" else 1)]
            operations.append((verb, choose(NUMBERS), sides, steps[0], steps[-1]))
        elif verb == "drive":
            operations.append((verb, [make_yield(choose, verbs, depth) for _ in range(choose(range(1, 4)))]))
        else:
            operations.append((verb, *(choose(NUMBERS) for _ in range(count))))
    return operations


def make_step(choose: Choose, verbs: Any, depth: int) -> Any:
    """Return what a step does: operations, then its ending."""
    operations = make_operations(choose, verbs, range(3), depth) if depth and choose([0, 0, 1]) else []
    return operations, choose(ENDINGS), choose(NUMBERS)


def make_yield(choose: Choose, verbs: Any, depth: int) -> Any:
    """Return a step of a generator: what it does after it, what it yields, and whether it catches what is raised."""
    operations = make_operations(choose, verbs, range(2), depth - 1) if depth > 0 else []
    return operations, choose(NUMBERS), choose([False] * 4 + [True]), choose([False, True])


@st.composite
def programs(draw: Any) -> Any:
    """Return a strategy for programs."""
    return make_program(lambda choices: draw(st.sampled_from(choices)))


class Reports(logging.Handler):
    """Counts the failures that Weft reported as unhandled."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


reports = Reports()
logger = logging.getLogger("weft.deferred")


def compare(program: Any) -> int:
    """Run a program on both sides; return the trace's length.

    Raises AssertionError unless traces and outcomes are the same, and Weft's reports are those that there must be.
    """
    reports.count = 0
    # None but ours: one that keeps records would keep tracebacks, their frames, and the Deferreds in those.
    handlers, logger.handlers = logger.handlers, [reports]
    propagate, logger.propagate = logger.propagate, False
    gc.disable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Run(TwistedSide, program)
        ours = Run(WeftSide, program)
    try:
        for mine, other in zip(ours.trace, theirs.trace, strict=False):
            assert mine == other, f"Weft: {mine}, Twisted: {other}"
        assert ours.trace == theirs.trace, f"Weft: {ours.trace}, Twisted: {theirs.trace}"
        assert ours.outcomes == theirs.outcomes, f"Weft: {ours.outcomes}, Twisted: {theirs.outcomes}"
        ours.deferreds.clear()
        gc.collect(0)  # all of it is young, since there was no collection meanwhile
        # One for each Deferred that ended with a failure, and for no other.
        expected = sum(map(ends_with_failure, theirs.outcomes))
        assert reports.count == expected, f"Weft reported {reports.count} failures, and {expected} were left"
        return len(ours.trace)
    finally:
        ours.deferreds.clear()
        gc.collect(1)  # what a failed comparison leaves must not be reported during the next one
        gc.enable()
        logger.handlers = handlers
        logger.propagate = propagate


def ends_with_failure(outcome: Any) -> bool:
    """Return whether an outcome's result is a failure."""
    *_, results = outcome
    return any(isinstance(result, tuple) and result[0] == "failure" for result in results)


def quiet_twisted() -> None:
    """Have Twisted's own reports go nowhere, rather than into its buffer of early events."""
    if not hasattr(sys, "_twisted_is_quiet"):
        globalLogBeginner.beginLoggingTo([lambda event: None], redirectStandardIO=False, discardBuffer=True)
        sys._twisted_is_quiet = True  # type: ignore[attr-defined]


def main() -> None:
    """Compare as many programs as asked for, and say how many."""
    parser = argparse.ArgumentParser(description="Run random programs on Twisted's Deferred and on Weft's.")
    parser.add_argument("--programs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    quiet_twisted()
    length = 0
    for number in range(arguments.seed, arguments.seed + arguments.programs):
        program = make_program(random.Random(number).choice)
        try:
            length += compare(program)
        except AssertionError:
            print(f"--seed {number} --programs 1 differs:\n{pprint.pformat(program)}")
            raise
    print(f"{arguments.programs} programs, {length} events, no difference; {weft.BUILD} build")


if __name__ == "__main__":
    main()
