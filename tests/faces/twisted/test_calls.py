"""Calls with a moment: `callLater` and what it returns."""

import threading

import pytest
from twisted.internet import error
from zope.interface.verify import verifyObject

from weft.faces.twisted import WeftReactor


@pytest.fixture
def reactor():
    reactor = WeftReactor()
    yield reactor
    reactor._finalizer()


def run_until_idle(reactor):
    """Run a reactor until its last call is made."""

    def look():
        if len(reactor.getDelayedCalls()) == 0:
            reactor.crash()
        else:
            reactor.callLater(0.001, look)

    reactor.callLater(0, look)
    reactor.run(installSignalHandlers=False)


def test_a_call_tells_of_itself(reactor):
    from twisted.internet.interfaces import IDelayedCall

    call = reactor.callLater(60, print, 1, two=2)

    assert verifyObject(IDelayedCall, call)
    assert call.active()
    assert 59 < call.getTime() - reactor.seconds() <= 60
    assert reactor.getDelayedCalls() == [call]
    assert "called=0 cancelled=0 print(1, two=2)" in repr(call)


def test_a_calls_moments_are_on_the_reactors_clock_even_where_a_test_replaces_it(reactor):
    reactor.seconds = lambda: 100

    call = reactor.callLater(5, print)
    moments = [call.getTime()]
    call.reset(7)
    moments.append(call.getTime())
    call.delay(1)
    moments.append(call.getTime())

    assert moments == [105, 107, 108]
    assert call.seconds() == 100
    assert "[8.0s]" in repr(call)


def test_calls_come_by_their_moments_and_equal_ones_in_order(reactor):
    made = []
    for name, delay in (("c", 0.02), ("a", 0), ("b", 0)):
        reactor.callLater(delay, made.append, name)

    run_until_idle(reactor)

    assert made == ["a", "b", "c"]


def test_a_call_that_is_cancelled_does_not_come(reactor):
    made = []
    call = reactor.callLater(0, made.append, 1)

    call.cancel()
    run_until_idle(reactor)

    assert made == []
    assert not call.active()
    with pytest.raises(error.AlreadyCancelled):
        call.cancel()


def test_a_call_can_cancel_another_whose_moment_is_the_same(reactor):
    made = []
    reactor.callLater(0, lambda: second.cancel())
    second = reactor.callLater(0, made.append, 2)

    run_until_idle(reactor)

    assert made == []


def test_a_call_that_was_made_cannot_be_taken_back_or_moved(reactor):
    call = reactor.callLater(0, lambda: None)

    run_until_idle(reactor)

    for change in (call.cancel, lambda: call.reset(1), lambda: call.delay(1)):
        with pytest.raises(error.AlreadyCalled):
            change()


@pytest.mark.parametrize(
    "move", [lambda call: call.reset(0.02), lambda call: call.delay(0.02)], ids=["reset", "delay"]
)
def test_a_call_can_be_moved_even_when_its_moment_has_come(reactor, move):
    made = []

    def first():
        move(second)
        made.append(len(reactor.getDelayedCalls()) > 0)

    reactor.callLater(0, first)
    second = reactor.callLater(0, made.append, "second")
    reactor.callLater(0.005, made.append, "between")

    run_until_idle(reactor)

    assert made == [True, "between", "second"]


def test_a_call_can_be_moved_to_an_earlier_moment(reactor):
    made = []
    call = reactor.callLater(3600, made.append, 1)

    call.reset(0)
    run_until_idle(reactor)

    assert made == [1]


def test_what_a_call_raises_is_logged_and_the_next_one_comes(reactor):
    from twisted.logger import globalLogPublisher

    made, failures = [], []

    def watch(event):
        failures.extend([event["log_failure"].type] if "log_failure" in event else [])

    globalLogPublisher.addObserver(watch)
    try:
        reactor.callLater(0, lambda: 1 / 0)
        reactor.callLater(0, made.append, 1)
        run_until_idle(reactor)
    finally:
        globalLogPublisher.removeObserver(watch)

    assert failures == [ZeroDivisionError]
    assert made == [1]


def test_a_negative_delay_and_what_is_no_function_are_refused(reactor):
    with pytest.raises(AssertionError):
        reactor.callLater(-1, print)
    with pytest.raises(AssertionError):
        reactor.callFromThread("print")


def test_what_a_call_from_a_thread_asks_for_comes_in_twisteds_order(reactor):
    made = []

    def first():
        made.append("first")
        reactor.callFromThread(asked_for)
        reactor.callFromThread(made.append, "asked for behind it")
        reactor.callLater(0, timer)

    def timer():
        made.append("timer")
        reactor.callFromThread(made.append, "the timer's call")
        reactor.callLater(0, made.append, "the timer's timer")

    def asked_for():
        made.append("asked for")
        reactor.callFromThread(made.append, "last")

    reactor.callFromThread(first)
    reactor.callFromThread(made.append, "second")
    reactor.callLater(0.05, reactor.crash)
    reactor.run(installSignalHandlers=False)

    assert made == [
        "first",
        "second",
        "timer",
        "asked for",
        "asked for behind it",
        "the timer's call",
        "the timer's timer",
        "last",
    ]


def test_calls_from_other_threads_stay_behind_one_that_lets_a_turn_go_by(reactor):
    made = []

    def first():
        reactor.callFromThread(made.append, 1)
        thread = threading.Thread(target=reactor.callFromThread, args=(made.append, 2))
        thread.start()
        thread.join()
        reactor.callLater(0, made.append, 0)
        reactor.loop.call_soon(reactor.callFromThread, made.append, 3)

    reactor.callFromThread(first)
    reactor.callLater(0.05, reactor.crash)
    reactor.run(installSignalHandlers=False)

    assert made == [0, 1, 2, 3]
