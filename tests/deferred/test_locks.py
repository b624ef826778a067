"""A lock, a semaphore and a queue for callbacks."""

import asyncio

import pytest

from weft.deferred import Deferred, DeferredLock, DeferredQueue, DeferredSemaphore
from weft.errors import NotAcquiredError, QueueOverflowError, QueueUnderflowError


def test_a_lock_is_held_by_one_at_a_time_in_order():
    lock = DeferredLock()
    order = []
    for name in "abc":
        lock.acquire().add_callback(lambda _, name=name: order.append(name))
    assert order == ["a"]
    assert lock.locked

    lock.release()
    lock.release()

    assert order == ["a", "b", "c"]
    lock.release()
    assert not lock.locked


def test_releasing_what_nobody_holds_is_an_error():
    with pytest.raises(NotAcquiredError):
        DeferredLock().release()


def test_whoever_is_cancelled_leaves_the_queue():
    lock = DeferredLock()
    lock.acquire()
    second, third = lock.acquire(), lock.acquire()

    second.cancel()
    second.add_errback(lambda failure: failure.trap(asyncio.CancelledError))
    lock.release()

    assert third.result is lock


def test_run_holds_it_until_the_result_is_there():
    lock = DeferredLock()
    waiting = Deferred()
    first = lock.run(lambda: waiting)
    second = lock.run(lambda value: value, 2)
    failing = lock.run(lambda: 1 // 0)
    assert not second.called

    waiting.callback(1)

    assert (first.result, second.result) == (1, 2)
    assert failing.result.check(ZeroDivisionError)
    failing.add_errback(lambda failure: None)
    assert not lock.locked


def test_a_semaphore_is_held_by_as_many_as_it_has_tokens():
    semaphore = DeferredSemaphore(2)

    acquired = [semaphore.acquire() for _ in range(3)]

    assert [deferred.called for deferred in acquired] == [True, True, False]
    semaphore.release()
    assert acquired[2].called
    with pytest.raises(ValueError, match="one token or more"):
        DeferredSemaphore(0)


def test_coroutines_may_hold_one():
    async def main():
        lock = DeferredLock()
        async with lock as held:
            assert held is lock
            assert lock.locked
        return lock.locked

    assert asyncio.run(main()) is False


def test_a_queue_hands_out_values_in_order_whoever_comes_first():
    queue = DeferredQueue()
    early = [queue.get(), queue.get()]
    for value in range(4):
        queue.put(value)

    late = [queue.get(), queue.get()]

    assert [deferred.result for deferred in [*early, *late]] == [0, 1, 2, 3]


def test_a_queue_is_bounded_both_ways():
    queue = DeferredQueue(size=1, backlog=1)
    waiting = queue.get()
    with pytest.raises(QueueUnderflowError):
        queue.get()

    queue.put(1)
    queue.put(2)

    assert waiting.result == 1
    with pytest.raises(QueueOverflowError):
        queue.put(3)


def test_whoever_is_cancelled_gets_no_value():
    queue = DeferredQueue()
    first, second = queue.get(), queue.get()

    first.cancel()
    first.add_errback(lambda failure: failure.trap(asyncio.CancelledError))
    queue.put(1)

    assert second.result == 1
