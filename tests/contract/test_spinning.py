"""Turns that follow each other because calls make more calls: polls are left out, and nobody has to wait."""

import asyncio
import socket

import pytest

import weft
from weft.ports import Clock

# As weft/core/loop.py has them; the compiled build keeps its constants to itself.
SPINNING = 16
MOST_UNPOLLED = 16
POLL_WITHIN_NS = 10_000


class SteppingClock(Clock):
    """Goes on by a fixed time whenever it is read."""

    def __init__(self, step_ns: int) -> None:
        self.step_ns = step_ns
        self.shown_ns = 0

    def now_ns(self) -> int:
        self.shown_ns += self.step_ns
        return self.shown_ns


def counting(make_poller):
    """Return a poller that counts how often it is asked without leave to wait."""

    class Counting(make_poller):
        polls = 0

        def wait(self, timeout_ns: int) -> int:
            self.polls += timeout_ns == 0
            return super().wait(timeout_ns)

    return Counting()


def spin(loop: weft.Loop, turns: int) -> None:
    """Run so many turns, each because of the one before."""
    left = turns

    def call() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(call)
        else:
            loop.stop()

    loop.call_soon(call)
    loop.run_forever()


def polls_of(make_poller, step_ns: int, turns: int) -> int:
    poller = counting(make_poller)
    loop = weft.Loop(poller, SteppingClock(step_ns))
    try:
        spin(loop, turns)
        return poller.polls
    finally:
        loop.close()


def test_a_loop_polls_in_each_of_a_few_turns(make_poller):
    assert polls_of(make_poller, 1, SPINNING) == SPINNING


def test_a_loop_that_spins_leaves_most_polls_out(make_poller):
    turns = 100 * (MOST_UNPOLLED + 1)

    assert polls_of(make_poller, 1, SPINNING + turns) == SPINNING + 100


def test_a_loop_polls_in_each_turn_where_turns_take_their_time(make_poller):
    assert polls_of(make_poller, POLL_WITHIN_NS, SPINNING + 500) == SPINNING + 500


def test_an_event_is_found_while_tasks_spin(loop):
    near, far = socket.socketpair()
    near.setblocking(False)
    came = []

    async def spin_until_it_came():
        loop.add_reader(near, lambda: came.append(near.recv(10)))
        for _ in range(10 * SPINNING):
            await asyncio.sleep(0)
        far.send(b"now")
        for turn in range(10 * MOST_UNPOLLED):
            await asyncio.sleep(0)
            if came:
                return turn
        pytest.fail("spinning kept the event out")

    try:
        assert loop.run_until_complete(spin_until_it_came()) <= MOST_UNPOLLED + 1
        assert came == [b"now"]
    finally:
        loop.remove_reader(near)
        near.close()
        far.close()


def test_after_an_event_the_next_turns_poll_again(make_poller):
    poller = counting(make_poller)
    loop = weft.Loop(poller, SteppingClock(1))
    near, far = socket.socketpair()
    near.setblocking(False)
    try:
        loop.add_reader(near, lambda: near.recv(10))
        spin(loop, 3 * SPINNING)
        far.send(b"x")
        before = poller.polls
        spin(loop, SPINNING)  # begins with the event
        assert poller.polls == before + SPINNING
    finally:
        loop.remove_reader(near)
        loop.close()
        near.close()
        far.close()


def test_calls_of_other_threads_are_taken_in_while_tasks_spin(loop):
    done = []

    async def main():
        for _ in range(10 * SPINNING):
            await asyncio.sleep(0)
        loop.call_soon_threadsafe(done.append, 1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return list(done)

    assert loop.run_until_complete(main()) == [1]


def test_timers_come_due_while_tasks_spin(loop):
    async def main():
        due = loop.create_future()
        loop.call_later(0.001, due.set_result, None)
        while not due.done():
            await asyncio.sleep(0)

    loop.run_until_complete(main())
