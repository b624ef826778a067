"""Many thousands of calls, ready or with a moment: in order, and none is kept from the garbage collector for good."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from functools import partial

import pytest

import weft

MANY = 20_000


class Owner:
    """Holds the handle of a call of its own method: a cycle, which only the collector can free."""

    def __init__(self, told: list[int], number: int, schedule: Callable[..., asyncio.Handle]) -> None:
        self.told = told
        self.number = number
        self.handle = schedule(self.called)

    def called(self) -> None:
        self.told.append(self.number)


def owners(loop: weft.Loop, told: list[int]) -> list[weakref.ref[Owner]]:
    return [weakref.ref(Owner(told, number, loop.call_soon)) for number in range(MANY)]


def timed(loop: weft.Loop, told: list[int]) -> list[weakref.ref[Owner]]:
    """Return owners of a timer each, the last of which is due first."""
    return [weakref.ref(Owner(told, number, partial(loop.call_at, -number))) for number in range(MANY)]


def cancel_all(made: list[weakref.ref[Owner]]) -> None:
    for owner in made:
        found = owner()
        assert found is not None
        found.handle.cancel()


def left_of(made: list[weakref.ref[Owner]]) -> int:
    gc.collect()
    return sum(owner() is not None for owner in made)


def test_many_calls_run_in_order_and_their_owners_go(loop):
    told: list[int] = []
    made = owners(loop, told)
    assert left_of(made) == MANY

    loop.call_soon(loop.stop)
    loop.run_forever()

    assert told == list(range(MANY))
    assert left_of(made) == 0


def test_many_calls_that_are_cancelled_do_not_run_and_their_owners_go(loop):
    told: list[int] = []
    made = owners(loop, told)
    cancel_all(made)

    loop.call_soon(loop.stop)
    loop.run_forever()

    assert told == []
    assert left_of(made) == 0


@pytest.mark.parametrize("make", [owners, timed])
def test_many_calls_that_a_closed_loop_drops_let_their_owners_go(loop, make):
    told: list[int] = []
    made = make(loop, told)

    loop.close()

    assert told == []
    assert left_of(made) == 0


def test_after_a_rest_the_queue_works_as_before(loop):
    told: list[int] = []
    owners(loop, told)
    loop.call_later(0.001, loop.call_soon, loop.stop)
    loop.run_forever()  # rests before it stops
    made = owners(loop, told)
    loop.call_soon(loop.stop)
    loop.run_forever()

    assert told == [*range(MANY), *range(MANY)]
    assert left_of(made) == 0


def test_many_timers_fire_in_order_and_their_owners_go(loop):
    told: list[int] = []
    made = timed(loop, told)
    assert left_of(made) == MANY

    loop.call_at(0, loop.stop)
    loop.run_forever()

    assert told == list(reversed(range(MANY)))
    assert left_of(made) == 0


def test_many_timers_that_are_cancelled_do_not_fire_and_their_owners_go(loop):
    told: list[int] = []
    made = timed(loop, told)
    cancel_all(made)

    assert left_of(made) == 0
    assert told == []
