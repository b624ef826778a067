"""Timers: soonest first, equal moments in the order in which they were made, gone at once when cancelled."""

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weft

from .fakes import FakeClock, FakePoller

SECOND_NS = 1_000_000_000


class Bench:
    """A loop whose clock goes on only while it waits."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.poller = FakePoller(self.clock)
        self.loop = weft.Loop(poller=self.poller, clock=self.clock)
        self.ran: list[Any] = []

    def turn(self) -> None:
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def run_until(self, moment_s: float) -> None:
        """Run every timer up to a moment, then stop."""
        self.loop.call_at(moment_s, self.loop.stop)
        self.loop.run_forever()

    def close(self) -> None:
        self.loop.close()


@pytest.fixture
def bench(descriptors):
    bench = Bench()
    yield bench
    bench.close()


def test_timers_run_soonest_first(bench):
    for moment in (3, 1, 2, 0.5, 2.5):
        bench.loop.call_at(moment, bench.ran.append, moment)

    bench.run_until(10)

    assert bench.ran == [0.5, 1, 2, 2.5, 3]


def test_equal_moments_run_in_the_order_in_which_they_were_made(bench):
    for number in range(100):
        bench.loop.call_at(5, bench.ran.append, number)

    bench.run_until(5)

    assert bench.ran == list(range(100))


def test_a_timer_runs_at_its_moment_and_not_before(bench):
    bench.loop.call_later(2, lambda: bench.ran.append(bench.loop.time()))

    bench.run_until(10)

    assert bench.ran == [2.0]


def test_the_loop_waits_until_the_soonest_timer_and_no_longer(bench):
    bench.loop.call_later(7, bench.loop.stop)
    bench.loop.call_later(3, lambda: None)

    bench.loop.run_forever()

    assert bench.poller.waits == [3 * SECOND_NS, 4 * SECOND_NS]


def test_when_tells_the_moment_on_the_loop_s_clock(bench):
    bench.clock.ns = 10 * SECOND_NS

    later = bench.loop.call_later(2.5, print)
    at = bench.loop.call_at(0.25, print)

    assert later.when() == 12.5
    assert at.when() == 0.25


def test_a_timer_is_not_run_before_its_moment_for_a_fraction_of_a_nanosecond(bench):
    handle = bench.loop.call_at(0.1 + 0.2, print)

    assert handle.when() == pytest.approx(0.3, abs=1e-9)


@pytest.mark.parametrize("schedule", ["call_at", "call_later"])
def test_a_moment_that_is_not_a_number_is_refused(bench, schedule):
    with pytest.raises(ValueError, match="NaN"):
        getattr(bench.loop, schedule)(math.nan, print)


@pytest.mark.parametrize("schedule", ["call_at", "call_later"])
@pytest.mark.parametrize("wrong", [None, "1", object()])
def test_a_moment_of_another_type_is_refused(bench, schedule, wrong):
    with pytest.raises(TypeError):
        getattr(bench.loop, schedule)(wrong, print)


@pytest.mark.parametrize("delay", [-1, -1e9, -1e300, -math.inf, 0, -0.0])
def test_a_delay_that_is_not_positive_runs_in_the_next_turn(bench, delay):
    bench.clock.ns = 5 * SECOND_NS
    bench.loop.call_later(delay, bench.ran.append, "ran")

    bench.turn()

    assert bench.ran == ["ran"]
    assert bench.clock.ns == 5 * SECOND_NS


@pytest.mark.parametrize("delay", [1e10, 1e15, 1e300, math.inf])
def test_a_delay_beyond_any_clock_s_reach_waits_and_can_be_cancelled(bench, delay):
    handle = bench.loop.call_later(delay, bench.ran.append, "never")
    bench.loop.call_later(1, bench.loop.stop)

    bench.loop.run_forever()
    handle.cancel()
    bench.turn()

    assert bench.ran == []
    assert handle.when() > 4e9


def test_moments_before_the_clock_s_beginning_keep_their_order(bench):
    for moment in (-1, -3, -2, -math.inf, 0):
        bench.loop.call_at(moment, bench.ran.append, moment)

    bench.turn()

    assert bench.ran == [-math.inf, -3, -2, -1, 0]


def test_a_real_loop_can_wait_for_a_timer_beyond_the_system_s_longest_wait(loop):
    ran = []
    loop.call_later(1e12, ran.append, "never")
    loop.run_in_executor(None, loop.call_soon_threadsafe, loop.stop)

    loop.run_forever()

    assert ran == []


def test_a_cancelled_timer_does_not_run_and_is_not_waited_for(bench):
    bench.loop.call_later(1, bench.ran.append, "cancelled").cancel()
    bench.loop.call_later(5, bench.loop.stop)

    bench.loop.run_forever()

    assert bench.ran == []
    assert bench.poller.waits == [5 * SECOND_NS]


def test_cancelling_a_timer_whose_place_one_from_another_branch_takes_keeps_the_order(bench):
    """Made in this order, 3 takes the place of 11 under 10, and has to rise above it."""
    handles = {moment: bench.loop.call_at(moment, bench.ran.append, moment) for moment in (0, 10, 1, 11, 12, 2, 3)}

    handles[11].cancel()
    bench.run_until(20)

    assert bench.ran == [0, 1, 2, 3, 10, 12]


def test_cancelling_twice_or_after_it_ran_does_nothing(bench):
    handle = bench.loop.call_later(1, bench.ran.append, "ran")
    other = bench.loop.call_later(2, bench.ran.append, "never")
    bench.run_until(1)

    handle.cancel()
    handle.cancel()
    other.cancel()
    other.cancel()
    bench.run_until(3)

    assert bench.ran == ["ran"]
    assert handle.cancelled()


def test_a_timer_cancelled_by_an_earlier_one_of_the_same_moment_does_not_run(bench):
    bench.loop.call_at(1, lambda: later.cancel())
    later = bench.loop.call_at(1, bench.ran.append, "cancelled too late")

    bench.run_until(2)

    assert bench.ran == []


def test_a_timer_that_cancels_itself_while_it_runs_has_run(bench):
    def run():
        handle.cancel()
        bench.ran.append("ran")

    handle = bench.loop.call_at(1, run)

    bench.run_until(2)

    assert bench.ran == ["ran"]


def test_a_timer_made_by_a_timer_for_now_runs_in_the_next_turn(bench):
    turns = []

    def first():
        bench.loop.call_later(0, second)
        bench.loop.call_soon(turns.append, "soon")

    def second():
        turns.append("timer")

    bench.loop.call_at(1, first)
    bench.run_until(1)
    bench.turn()

    assert turns == ["soon", "timer"]


def test_calls_that_are_ready_run_before_timers_that_fall_due(bench):
    bench.loop.call_later(0, bench.ran.append, "timer")
    bench.loop.call_soon(bench.ran.append, "soon")

    bench.turn()

    assert bench.ran == ["soon", "timer"]


def test_a_timer_that_falls_due_during_a_run_s_first_call_runs_behind_what_that_call_scheduled(bench):
    def first():
        bench.loop.call_later(1, bench.ran.append, "timer")
        bench.loop.call_soon(bench.ran.append, "soon")
        bench.clock.ns += 2 * SECOND_NS

    bench.loop.call_soon(first)
    bench.run_until(3)

    assert bench.ran == ["soon", "timer"]


def test_a_timer_runs_in_the_context_it_was_given(bench):
    import contextvars

    mark = contextvars.ContextVar("mark", default="default")
    context = contextvars.Context()
    context.run(mark.set, "given")
    mark.set("copied")
    bench.loop.call_at(1, lambda: bench.ran.append(mark.get()), context=context)
    bench.loop.call_at(2, lambda: bench.ran.append(mark.get()))
    mark.set("changed later")

    bench.run_until(3)

    assert bench.ran == ["given", "copied"]


def test_a_cancelled_timer_lets_go_of_its_callback(bench):
    import weakref

    class Callback:
        def __call__(self):
            pass

    callback = Callback()
    is_alive = weakref.ref(callback)
    handle = bench.loop.call_later(1000, callback)

    handle.cancel()
    del callback

    assert is_alive() is None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 20)),
        st.tuples(st.just("cancel"), st.integers(0, 1000)),
        st.tuples(st.just("run"), st.integers(0, 8)),
    ),
    max_size=200,
)


@settings(max_examples=200)
@given(STEPS)
def test_any_mixture_of_adding_cancelling_and_running_keeps_the_order_of_a_sorted_list(steps):
    waiting: list[tuple[int, int]] = []
    handles = {}
    expected = []
    now = 0

    with contextlib.closing(Bench()) as bench:
        for number, (step, value) in enumerate(steps):
            if step == "add":
                handles[number] = bench.loop.call_at(now + value, bench.ran.append, number)
                waiting.append((now + value, number))
            elif step == "cancel" and handles:
                chosen = list(handles)[value % len(handles)]
                handles.pop(chosen).cancel()
                waiting = [entry for entry in waiting if entry[1] != chosen]
            elif step == "run":
                now += value
                bench.run_until(now)
                expected += [number for moment, number in sorted(waiting) if moment <= now]
                waiting = [entry for entry in waiting if entry[0] > now]

    assert bench.ran == expected


@settings(max_examples=100)
@given(st.lists(st.tuples(st.floats(-10, 10), st.booleans(), st.floats(0, 1)), min_size=1, max_size=60))
def test_cancelling_at_any_place_in_any_order_leaves_the_others_in_order(timers):
    with contextlib.closing(Bench()) as bench:
        bench.clock.ns = 20 * SECOND_NS
        handles = [
            bench.loop.call_later(delay, bench.ran.append, index) for index, (delay, _, _) in enumerate(timers)
        ]
        cancelled = [index for index, (_, is_cancelled, _) in enumerate(timers) if is_cancelled]
        for index in sorted(cancelled, key=lambda index: timers[index][2]):
            handles[index].cancel()
        bench.run_until(40)

    left = [index for index in range(len(timers)) if index not in cancelled]
    assert bench.ran == sorted(left, key=lambda index: (handles[index].when(), index))
