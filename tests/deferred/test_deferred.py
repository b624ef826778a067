"""A Deferred passes its result down its chain. That it does so as Twisted's does is test_equality.py's to say."""

import asyncio
import gc
import weakref
from itertools import pairwise

import pytest

from weft.deferred import Deferred, Failure, fail, succeed
from weft.errors import AlreadyCalledError, NotCallableError, NotFiredError, WaitingCycleError

DEPTH = 100_000


def same(value):
    return value


def test_a_value_goes_through_the_callbacks():
    got = []
    deferred = Deferred()
    deferred.add_callback(lambda value: value + 1).add_callback(got.append)

    deferred.callback(1)

    assert got == [2]
    assert deferred.result is None


def test_a_callback_gets_the_arguments_it_was_added_with():
    got = []
    deferred = Deferred()
    deferred.add_callback(lambda *arguments, **keywords: got.append((arguments, keywords)), 2, three=3)
    deferred.add_callbacks(
        lambda *arguments, **keywords: got.append((arguments, keywords)),
        callback_arguments=[4],
        callback_keywords={"five": 5},
    )

    deferred.callback(1)

    assert got == [((1, 2), {"three": 3}), ((None, 4), {"five": 5})]


def test_an_exception_goes_to_the_next_errback_and_what_that_returns_recovers():
    got = []
    deferred = succeed(0).add_callback(lambda value: 1 // value).add_callback(got.append)

    deferred.add_errback(lambda failure: got.append(failure.check(ZeroDivisionError)) or "recovered")

    assert got == [ZeroDivisionError]
    assert deferred.result == "recovered"


def test_a_keyboard_interrupt_in_a_callback_is_a_failure_too():
    def interrupt(value):
        raise KeyboardInterrupt

    deferred = succeed(None).add_callback(interrupt)

    assert deferred.result.check(KeyboardInterrupt)
    deferred.add_errback(lambda failure: None)


def test_a_second_result_is_an_error():
    deferred = succeed(1)

    with pytest.raises(AlreadyCalledError):
        deferred.callback(2)
    with pytest.raises(AlreadyCalledError):
        deferred.errback(ValueError())


def test_without_a_result_there_is_none_to_look_at():
    with pytest.raises(NotFiredError):
        _ = Deferred().result


def test_what_cannot_be_called_is_refused_as_a_callback():
    for add in (Deferred().add_callback, Deferred().add_errback, Deferred().add_both, Deferred().add_callbacks):
        with pytest.raises(NotCallableError):
            add(3)
    with pytest.raises(NotCallableError):
        Deferred().chain(print)


def test_errback_without_an_argument_takes_the_exception_being_handled():
    deferred = Deferred()
    try:
        raise LookupError("mine")
    except LookupError:
        deferred.errback()

    assert deferred.result.check(LookupError)
    deferred.add_errback(lambda failure: None)


def test_cancelling_calls_the_canceller_and_ends_with_cancelled_error():
    got = []
    deferred = Deferred(got.append)

    deferred.cancel()

    assert got == [deferred]
    assert deferred.result.check(asyncio.CancelledError)
    deferred.add_errback(lambda failure: None)


def test_a_canceller_may_give_a_result_instead():
    deferred = Deferred(lambda deferred: deferred.callback("early"))

    deferred.cancel()

    assert deferred.result == "early"


def test_after_cancelling_without_a_canceller_one_late_result_is_dropped():
    deferred = Deferred().add_errback(lambda failure: "cancelled")
    deferred.cancel()

    deferred.callback("late")

    assert deferred.result == "cancelled"
    with pytest.raises(AlreadyCalledError):
        deferred.callback("later")


def test_cancelling_one_that_waits_cancels_what_it_waits_for():
    inner = Deferred()
    outer = succeed(None).add_callback(lambda _: inner)

    outer.cancel()

    assert outer.result.check(asyncio.CancelledError)
    assert inner.result is None
    outer.add_errback(lambda failure: None)


def test_cancelling_what_waits_in_a_circle_is_an_error_and_does_not_hang():
    first, second = Deferred(), Deferred()
    first.add_callback(lambda _: second)
    second.add_callback(lambda _: first)
    first.callback(None)
    second.callback(None)

    with pytest.raises(WaitingCycleError):
        first.cancel()


def test_a_callback_that_returns_its_own_deferred_is_warned_of():
    deferred = Deferred()
    deferred.add_callback(lambda _: deferred)

    with pytest.warns(RuntimeWarning, match="returned the Deferred that it is a callback of"):
        deferred.callback(None)

    assert deferred.waits_for is deferred
    assert repr(deferred) == "<Deferred waits for itself>"


def test_a_chain_of_steps_of_any_length_runs():
    deferred = Deferred()
    for _ in range(DEPTH):
        deferred.add_callback(lambda value: value + 1)

    deferred.callback(0)

    assert deferred.result == DEPTH


@pytest.mark.parametrize("order", ["inner first", "outer first"])
def test_a_chain_of_chains_of_any_depth_runs(order):
    deferreds = [Deferred() for _ in range(DEPTH)]
    for outer, inner in pairwise(deferreds):
        outer.add_callback(lambda _, inner=inner: inner)
    last = deferreds[-1]

    for deferred in deferreds if order == "outer first" else reversed(deferreds):
        deferred.callback("the end" if deferred is last else None)

    assert deferreds[0].result == "the end"


def test_deferreds_that_fire_one_another_run_at_any_depth():
    deferreds = [Deferred() for _ in range(DEPTH)]
    for one, other in pairwise(deferreds):
        one.chain(other)

    deferreds[0].callback("through")

    assert deferreds[-1].result == "through"
    assert deferreds[0].result is None


def test_a_failure_goes_through_chains_of_any_depth_and_cancellation_too():
    deferreds = [Deferred() for _ in range(DEPTH)]
    for outer, inner in pairwise(deferreds):
        outer.add_callback(lambda _, inner=inner: inner)
    for outer in deferreds[:-1]:
        outer.callback(None)

    deferreds[0].cancel()

    assert deferreds[0].result.check(asyncio.CancelledError)
    deferreds[0].add_errback(lambda failure: None)


@pytest.mark.parametrize("is_fired", [True, False])
def test_chains_of_any_depth_go_away(is_fired):
    deferreds = [Deferred() for _ in range(DEPTH)]
    for one, other in pairwise(deferreds):
        one.chain(other)
        other.add_callback(lambda _, one=one: one)
        if is_fired:
            one.add_callback(lambda _, other=other: other)
            one.pause()
    watched = weakref.ref(deferreds[DEPTH // 2])
    if is_fired:
        deferreds[0].callback(None)

    del deferreds, one, other
    gc.collect()

    assert watched() is None


def test_steps_that_ran_keep_nothing_alive():
    class Thing:
        def take(self, value, other):
            return value

    thing, other = Thing(), Thing()
    watched = [weakref.ref(thing), weakref.ref(other)]
    deferred = Deferred()
    deferred.add_callback(thing.take, other).add_both(thing.take, other).add_errback(thing.take, other)

    deferred.callback(None)
    del thing, other

    assert [watch() for watch in watched] == [None, None]


def test_a_deferred_that_gets_steps_for_ever_does_not_grow_for_ever():
    deferred = succeed(0)
    for _ in range(10_000):
        deferred.add_callback(lambda value: value + 1)

    assert deferred.result == 10_000
    assert len(deferred.steps()) + deferred.steps_forgotten == 10_000
    assert len(deferred.steps()) < 300


def test_a_sequence_in_which_each_waits_for_the_one_before_does_not_keep_them_all():
    watched = []
    last = succeed(0)
    for _ in range(1000):
        before, last = last, succeed(None)
        last.add_callback(lambda _, before=before: before).add_callback(same)
        watched.append(weakref.ref(before))

    del before
    gc.collect()

    assert last.result == 0
    assert [watch for watch in watched if watch() is not None] == []


def test_a_time_limit_cancels_and_says_timeout():
    async def main():
        deferred = Deferred().add_timeout(0.001)
        with pytest.raises(TimeoutError, match=r"0\.001 s"):
            await deferred

    asyncio.run(main())


class Clock:
    """A clock that a test turns."""

    def __init__(self):
        self.calls = []

    def call_later(self, delay, callback, *arguments):
        self.calls.append([delay, callback, arguments, self])
        return self

    def cancel(self):
        self.calls.clear()


def test_a_time_limit_is_taken_back_by_a_result():
    clock = Clock()
    deferred = Deferred().add_timeout(3, clock=clock)
    [[delay, *_]] = clock.calls

    deferred.callback("in time")

    assert delay == 3
    assert deferred.result == "in time"
    assert clock.calls == []


def test_what_a_time_limit_makes_of_the_result_may_be_chosen():
    clock = Clock()
    got = []
    deferred = Deferred().add_timeout(
        3, lambda result, timeout_s: got.append((result, timeout_s)) or "late", clock=clock
    )

    clock.calls[0][1]()

    assert deferred.result == "late"
    assert isinstance(got[0][0], Failure)
    assert got[0][1] == 3


def test_deferred_shows_what_it_has():
    waiting = succeed(None).add_callback(lambda _: Deferred())
    paused = succeed(3)
    paused.pause()

    assert repr(Deferred()) == "<Deferred not fired>"
    assert repr(succeed(3)) == "<Deferred result: 3>"
    assert repr(waiting) == "<Deferred waits for another Deferred>"
    assert repr(paused) == "<Deferred paused, result: 3>"


def test_a_failure_given_to_callback_is_a_failure():
    got = []
    deferred = Deferred().add_errback(got.append)

    deferred.callback(Failure(ValueError("mine")))

    assert [str(failure.value) for failure in got] == ["mine"]


def test_fail_takes_what_is_being_handled():
    try:
        raise LookupError("mine")
    except LookupError:
        deferred = fail()

    assert deferred.result.check(LookupError)
    deferred.add_errback(lambda failure: None)
