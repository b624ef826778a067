"""Calls by the clock, on a clock that the test turns, and on a real loop."""

import asyncio

import pytest

import weft
from weft.deferred import Deferred, LoopingCall, defer_later
from weft.errors import LoopingCallError


class Clock:
    """A clock that tests turn."""

    def __init__(self):
        self.now_s = 0.0
        self.calls = []

    def time(self):
        return self.now_s

    def call_later(self, delay, callback, *arguments):
        call = Call(self, self.now_s + delay, callback, arguments)
        self.calls.append(call)
        return call

    def advance(self, seconds):
        """Let time pass; calls that are due run in order."""
        end_s = self.now_s + seconds
        while self.calls and min(call.when_s for call in self.calls) <= end_s:
            call = min(self.calls, key=lambda call: call.when_s)
            self.calls.remove(call)
            self.now_s = max(self.now_s, call.when_s)
            call.callback(*call.arguments)
        self.now_s = end_s


class Call:
    def __init__(self, clock, when_s, callback, arguments):
        self.clock, self.when_s, self.callback, self.arguments = clock, when_s, callback, arguments

    def cancel(self):
        self.clock.calls.remove(self)


def test_a_call_is_made_later():
    clock = Clock()
    deferred = defer_later(2, lambda value: value + 1, 1, clock=clock)

    clock.advance(1)
    assert not deferred.called
    clock.advance(1)

    assert deferred.result == 2


def test_a_later_call_may_be_taken_back():
    clock = Clock()
    deferred = defer_later(2, clock=clock)

    deferred.cancel()

    assert clock.calls == []
    deferred.add_errback(lambda failure: failure.trap(asyncio.CancelledError))


def test_it_calls_at_once_and_at_each_interval_until_it_is_stopped():
    clock, moments = Clock(), []
    looping = LoopingCall(lambda: moments.append(clock.now_s), clock=clock)
    done = looping.start(2)

    clock.advance(5)
    assert looping.running
    looping.stop()
    clock.advance(5)

    assert moments == [0, 2, 4]
    assert done.result is looping
    assert not looping.running


def test_it_may_wait_for_the_first_interval():
    clock, moments = Clock(), []
    LoopingCall(lambda: moments.append(clock.now_s), clock=clock).start(2, now=False)

    clock.advance(5)

    assert moments == [2, 4]


def test_it_waits_for_a_deferred_and_leaves_out_what_passed_meanwhile():
    clock, moments, waiting = Clock(), [], []

    def work():
        moments.append(clock.now_s)
        waiting.append(Deferred())
        return waiting[-1]

    LoopingCall(work, clock=clock).start(2)
    clock.advance(5)
    waiting[0].callback(None)
    clock.advance(1.5)

    assert moments == [0, 6]


def test_it_may_be_told_how_many_moments_came():
    clock, counts, waiting = Clock(), [], [Deferred()]

    def work(count):
        counts.append(count)
        return waiting.pop() if waiting else None

    first = waiting[0]
    LoopingCall.with_count(work, clock=clock).start(2)
    clock.advance(7)
    first.callback(None)
    clock.advance(4)

    assert counts == [1, 4, 1]


def test_a_failure_ends_it():
    clock = Clock()
    looping = LoopingCall(lambda: 1 // 0, clock=clock)

    done = looping.start(1)

    assert done.result.check(ZeroDivisionError)
    assert not looping.running
    assert clock.calls == []
    done.add_errback(lambda failure: None)


def test_stopping_it_from_within_ends_it_when_the_call_has_ended():
    clock, waiting = Clock(), Deferred()

    def work():
        looping.stop()
        return waiting

    looping = LoopingCall(work, clock=clock)
    done = looping.start(1)
    assert not done.called

    waiting.callback(None)

    assert done.result is looping


def test_reset_begins_anew():
    clock, moments = Clock(), []
    looping = LoopingCall(lambda: moments.append(clock.now_s), clock=clock)
    looping.start(4, now=False)
    clock.advance(3)

    looping.reset()
    clock.advance(5)

    assert moments == [7]


def test_cancelling_stops_it():
    clock = Clock()
    looping = LoopingCall(lambda: None, clock=clock)
    done = looping.start(1)

    done.cancel()

    assert done.result is looping
    assert clock.calls == []


def test_misuse_is_an_error():
    clock = Clock()
    looping = LoopingCall(lambda: None, clock=clock)
    with pytest.raises(LoopingCallError):
        looping.stop()
    with pytest.raises(ValueError, match="interval"):
        looping.start(-1)

    looping.start(1)

    with pytest.raises(LoopingCallError):
        looping.start(1)


def test_on_a_loop_it_calls_coroutine_functions_in_each_turn():
    async def main():
        calls = []

        async def work():
            calls.append(await asyncio.sleep(0, len(calls)))
            if len(calls) == 3:
                looping.stop()

        looping = LoopingCall(work)
        await looping.start(0)
        return calls, await defer_later(0, lambda: "later")

    assert weft.run(main()) == ([0, 1, 2], "later")
