"""The loop: the order of a turn, what becomes of exceptions, contexts, and calls from other threads."""

import asyncio
import contextvars
import functools
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weft


def run_turns(loop, count=1):
    for _ in range(count):
        loop.call_soon(loop.stop)
        loop.run_forever()


# -- the order of a turn


def test_calls_run_in_the_order_in_which_they_were_made(loop):
    ran = []
    for number in range(10):
        loop.call_soon(ran.append, number)

    run_turns(loop)

    assert ran == list(range(10))


def test_calls_made_during_a_turn_run_in_the_next(loop):
    ran = []

    def first():
        ran.append("first")
        loop.call_soon(ran.append, "made by first")

    loop.call_soon(first)
    loop.call_soon(ran.append, "second")
    loop.stop()
    loop.run_forever()

    assert ran == ["first", "second"]
    run_turns(loop)
    assert ran == ["first", "second", "made by first"]


def test_a_call_that_schedules_itself_does_not_starve_the_rest(loop):
    ran = []

    def again():
        ran.append("again")
        loop.call_soon(again)

    loop.call_soon(again)
    loop.call_later(0, loop.stop)

    loop.run_forever()

    assert 1 <= len(ran) < 100


def test_stop_before_running_turns_once(loop):
    ran = []
    loop.call_soon(ran.append, "ready")
    loop.stop()

    loop.run_forever()

    assert ran == ["ready"]
    assert not loop.is_running()


def test_stop_during_a_turn_lets_the_turn_come_to_its_end(loop):
    ran = []
    loop.call_soon(loop.stop)
    loop.call_soon(ran.append, "after stop")
    loop.call_soon(lambda: loop.call_soon(ran.append, "the next turn's"))

    loop.run_forever()
    first_run = list(ran)
    run_turns(loop)

    assert first_run == ["after stop"]
    assert ran == ["after stop", "the next turn's"]


def test_a_run_that_is_stopped_at_once_runs_due_timers_and_leaves_the_next_turn_s_calls(loop):
    ran = []
    loop.call_soon(ran.append, "ready")
    loop.call_soon(lambda: loop.call_soon(ran.append, "the next turn's"))
    loop.call_soon(loop.stop)
    loop.call_at(loop.time(), ran.append, "timer")
    loop.call_at(loop.time(), lambda: loop.call_soon(ran.append, "the timer's"))

    loop.run_forever()
    first_run = list(ran)
    run_turns(loop)

    assert first_run == ["ready", "timer"]
    assert ran == ["ready", "timer", "the next turn's", "the timer's"]


def test_calls_that_were_ready_before_a_run_come_before_its_events(loop):
    ours, theirs = socket.socketpair()
    theirs.send(b"x")
    order = []
    loop.add_reader(ours, order.append, "event")
    loop.call_soon(order.append, "ready")
    loop.call_soon(lambda: loop.call_soon(order.append, "the next turn's"))

    run_turns(loop)
    loop.remove_reader(ours)
    run_turns(loop)
    ours.close()
    theirs.close()

    assert order == ["ready", "event", "the next turn's"]


def test_many_calls_of_the_next_turn_keep_their_order_behind_a_timer_s(loop):
    ran = []

    def schedule_many():
        for number in range(1000):
            loop.call_soon(ran.append, number)

    loop.call_soon(schedule_many)
    loop.call_at(loop.time(), ran.append, "timer")

    run_turns(loop)
    first_run = list(ran)
    run_turns(loop)

    assert first_run == ["timer"]
    assert ran == ["timer", *range(1000)]


def test_a_call_from_another_thread_before_a_run_counts_as_ready(loop):
    ran = []
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(ran.append, "from a thread"))
    thread.start()
    thread.join()
    loop.call_at(loop.time(), ran.append, "timer")

    run_turns(loop)

    assert ran == ["from a thread", "timer"]


def test_a_stopped_loop_can_run_again(loop):
    ran = []
    for number in range(5):
        loop.call_soon(ran.append, number)
        run_turns(loop)

    assert ran == list(range(5))


def test_is_running_tells_whether_it_runs(loop):
    seen = [loop.is_running()]
    loop.call_soon(lambda: seen.append(loop.is_running()))

    run_turns(loop)

    assert [*seen, loop.is_running()] == [False, True, False]


def test_a_cancelled_call_does_not_run(loop):
    ran = []
    handle = loop.call_soon(ran.append, "cancelled")
    later = loop.call_soon(ran.append, "cancelled in its own turn")
    loop.call_soon(ran.append, "ran")

    handle.cancel()
    loop.call_soon(lambda: None)
    before = handle.cancelled(), later.cancelled()
    later.cancel()
    run_turns(loop)

    assert ran == ["ran"]
    assert before == (True, False)


def test_a_call_cancelled_by_an_earlier_one_of_the_same_turn_does_not_run(loop):
    ran = []
    loop.call_soon(lambda: later.cancel())
    later = loop.call_soon(ran.append, "too late")

    run_turns(loop)

    assert ran == []


def test_cancelling_a_call_after_it_ran_does_nothing(loop):
    ran = []
    handle = loop.call_soon(ran.append, 1)
    run_turns(loop)

    handle.cancel()
    handle.cancel()

    assert ran == [1]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10])
def test_a_callback_gets_its_arguments(loop, count):
    got = []
    loop.call_soon(lambda *arguments: got.append(arguments), *range(count))

    run_turns(loop)

    assert got == [tuple(range(count))]


def test_many_more_calls_than_the_queue_began_with_all_run_in_order(loop):
    ran = []
    for number in range(10_000):
        loop.call_soon(ran.append, number)

    run_turns(loop)

    assert ran == list(range(10_000))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 150), st.lists(st.integers(0, 5), max_size=40)), min_size=1, max_size=8))
def test_the_ready_queue_grows_without_losing_or_reordering_a_call(rounds):
    """Each round makes calls from outside, and each of some calls makes a few more from inside."""
    ran, expected, counter = [], [], iter(range(10**9))
    loop = weft.Loop()
    next_turn: list[int] = []

    def call_and_make(number, more):
        ran.append(number)
        for made in more:
            loop.call_soon(call_and_make, made, ())

    for outside, inside in rounds:
        this_turn, next_turn = next_turn, []
        expected += this_turn
        for index in range(outside):
            number = next(counter)
            made = [next(counter) for _ in range(inside[index])] if index < len(inside) else []
            loop.call_soon(call_and_make, number, made)
            expected.append(number)
            next_turn += made
        loop.stop()
        loop.run_forever()
    loop.stop()
    loop.run_forever()
    loop.close()

    assert ran == expected + next_turn


# -- exceptions


def test_an_exception_in_a_callback_is_reported_and_the_loop_goes_on(loop, reported):
    ran = []

    def fail():
        raise ZeroDivisionError("mine")

    handle = loop.call_soon(fail)
    loop.call_soon(ran.append, "the next")

    run_turns(loop)

    assert ran == ["the next"]
    [context] = reported
    assert str(context["exception"]) == "mine"
    assert "fail" in context["message"]
    assert context["handle"] is handle
    reported.clear()


@pytest.mark.parametrize("error", [BaseException, GeneratorExit, asyncio.CancelledError])
def test_other_base_exceptions_are_reported_too(loop, reported, error):
    def fail():
        raise error("mine")

    loop.call_soon(fail)
    run_turns(loop)

    assert type(reported.pop()["exception"]) is error


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_an_interrupt_passes_through_and_no_call_is_lost(loop, error):
    ran = []

    def interrupt():
        raise error

    loop.call_soon(ran.append, 1)
    loop.call_soon(interrupt)
    loop.call_soon(ran.append, 2)
    loop.call_later(0, ran.append, 3)

    with pytest.raises(error):
        loop.run_forever()
    at_interrupt = list(ran)
    was_running = loop.is_running()
    loop.call_soon(ran.append, 4)
    loop.call_later(0.001, loop.stop)
    loop.run_forever()

    assert at_interrupt == [1]
    assert not was_running
    assert sorted(ran) == [1, 2, 3, 4]
    assert ran.index(2) < ran.index(4)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_an_interrupt_amid_a_batch_of_events_loses_no_event(loop, error):
    from .conftest import unix_pair
    from .fakes import Witness

    class Interrupting(Witness):
        def data_received(self, data):
            super().data_received(data)
            raise error

    pairs = [unix_pair() for _ in range(4)]
    witnesses = [Interrupting() for _ in pairs]

    async def begin():
        for (ours, _), witness in zip(pairs, witnesses, strict=True):
            ours.setblocking(False)
            await loop.connect_accepted_socket(lambda witness=witness: witness, ours)

    loop.run_until_complete(begin())
    for _, theirs in pairs:
        theirs.send(b"x")

    for _ in pairs:
        with pytest.raises(error):
            loop.run_forever()

    assert [bytes(witness.data) for witness in witnesses] == [b"x"] * 4
    for witness, (_, theirs) in zip(witnesses, pairs, strict=True):
        witness.transport.abort()
        theirs.close()
    run_turns(loop, 2)


def test_an_interrupt_in_a_task_passes_through_run_until_complete(loop):
    async def main():
        raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        loop.run_until_complete(main())

    assert caught.value.code == 3


def test_without_a_handler_of_one_s_own_exceptions_are_logged(loop, caplog):
    loop.set_exception_handler(None)
    loop.call_soon(lambda: 1 / 0)

    run_turns(loop)

    [record] = caplog.records
    assert record.name == "asyncio"
    assert record.exc_info[0] is ZeroDivisionError


def test_an_exception_handler_that_raises_is_logged_and_the_loop_goes_on(loop, caplog):
    ran = []

    def handler(loop, context):
        raise LookupError("the handler's own")

    loop.set_exception_handler(handler)
    loop.call_soon(lambda: 1 / 0)
    loop.call_soon(ran.append, "the next")

    run_turns(loop)

    assert ran == ["the next"]
    assert "Unhandled error in exception handler" in caplog.text
    assert "the handler's own" in caplog.text


def test_even_a_default_handler_that_raises_does_not_end_the_loop(make_poller, caplog):
    class Careless(weft.Loop):
        def default_exception_handler(self, context):
            raise LookupError("careless")

    loop = Careless(poller=make_poller())
    ran = []
    loop.call_soon(lambda: 1 / 0)
    loop.call_soon(ran.append, "the next")

    run_turns(loop)
    loop.close()

    assert ran == ["the next"]
    assert "Exception in default exception handler" in caplog.text


def test_an_exception_handler_may_interrupt(loop):
    def handler(loop, context):
        raise SystemExit(4)

    loop.set_exception_handler(handler)
    loop.call_soon(lambda: 1 / 0)

    with pytest.raises(SystemExit):
        loop.run_forever()


def test_the_exception_handler_is_read_back_and_checked(loop):
    def handler(loop, context):
        pass

    loop.set_exception_handler(handler)

    assert loop.get_exception_handler() is handler
    with pytest.raises(TypeError, match="callable"):
        loop.set_exception_handler("no function")
    loop.set_exception_handler(None)
    assert loop.get_exception_handler() is None


# -- contexts


def test_a_callback_runs_in_a_copy_of_the_context_in_which_it_was_scheduled(loop):
    mark = contextvars.ContextVar("mark", default="default")
    seen = []

    def look_and_change():
        seen.append(mark.get())
        mark.set("changed by the callback")

    mark.set("at call_soon")
    handle = loop.call_soon(look_and_change)
    mark.set("changed later")
    run_turns(loop)

    assert seen == ["at call_soon"]
    assert mark.get() == "changed later"
    assert handle.get_context().get(mark) == "changed by the callback"


@pytest.mark.parametrize("schedule", ["call_soon", "call_soon_threadsafe", "call_later", "call_at"])
def test_a_callback_runs_in_the_context_it_was_given(loop, schedule):
    mark = contextvars.ContextVar("mark", default="default")
    context = contextvars.Context()
    context.run(mark.set, "given")
    seen = []
    arguments = (0,) if schedule in ("call_later", "call_at") else ()

    getattr(loop, schedule)(*arguments, lambda: seen.append(mark.get()), context=context)
    while not seen:
        run_turns(loop)

    assert seen == ["given"]


def test_a_callback_that_raises_leaves_its_context(loop, reported):
    context = contextvars.Context()
    ran = []
    loop.call_soon(lambda: 1 / 0, context=context)
    loop.call_soon(ran.append, "in the same context", context=context)

    run_turns(loop)

    assert ran == ["in the same context"]
    reported.clear()


# -- other threads


def test_a_call_from_another_thread_wakes_a_waiting_loop(loop):
    threads = []

    def call():
        threads.append(threading.get_ident())
        loop.stop()

    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(call))
    loop.call_soon(thread.start)

    loop.run_forever()
    thread.join()

    assert threads == [threading.get_ident()]


def test_calls_from_many_threads_all_run_each_thread_s_in_order(loop):
    ran = []
    count, each = 8, 500

    def make_calls(number):
        for index in range(each):
            loop.call_soon_threadsafe(ran.append, (number, index))
        loop.call_soon_threadsafe(finished, number)

    left = set(range(count))

    def finished(number):
        left.discard(number)
        if not left:
            loop.stop()

    threads = [threading.Thread(target=make_calls, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    loop.run_forever()
    for thread in threads:
        thread.join()

    assert len(ran) == count * each
    for number in range(count):
        assert [index for who, index in ran if who == number] == list(range(each))


def test_a_loop_that_waits_again_and_again_is_woken_each_time(loop):
    """Each call is made only once the one before has run, so each finds the loop waiting, or about to."""
    ran = threading.Semaphore(0)
    rounds = 300

    def make_calls():
        for _ in range(rounds):
            loop.call_soon_threadsafe(ran.release)
            ran.acquire()
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=make_calls)
    thread.start()
    loop.run_forever()
    thread.join()

    assert not ran.acquire(blocking=False)


def test_call_soon_threadsafe_from_the_loop_s_own_thread_runs_soon(loop):
    ran = []
    loop.call_soon_threadsafe(ran.append, 1).cancel()
    loop.call_soon_threadsafe(ran.append, 2)

    run_turns(loop)

    assert ran == [2]


@pytest.mark.parametrize("schedule", ["call_soon", "call_soon_threadsafe", "call_later", "call_at"])
def test_scheduling_on_a_closed_loop_is_an_error(make_poller, schedule):
    loop = weft.Loop(poller=make_poller())
    loop.close()
    arguments = (0,) if schedule in ("call_later", "call_at") else ()

    with pytest.raises(RuntimeError, match="Event loop is closed"):
        getattr(loop, schedule)(*arguments, print)


def test_a_loop_in_another_thread_runs_beside_this_one(make_poller, loop):
    other = weft.Loop(poller=make_poller())
    thread = threading.Thread(target=other.run_forever)
    thread.start()

    async def which():
        return asyncio.get_running_loop(), threading.get_ident()

    async def main():
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(which(), other))

    found = loop.run_until_complete(main())
    other.call_soon_threadsafe(other.stop)
    thread.join()
    other.close()

    assert found == (other, thread.ident)


def test_the_clock_never_goes_back(loop):
    moments = [loop.time() for _ in range(1000)]

    assert moments == sorted(moments)


def test_a_partial_is_called_and_named_when_it_fails(loop, reported):
    def fail(value):
        raise ZeroDivisionError(value)

    loop.call_soon(functools.partial(fail, "value"))
    run_turns(loop)

    context = reported.pop()
    assert "functools.partial" in context["message"]
    assert str(context["exception"]) == "value"
