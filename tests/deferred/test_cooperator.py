"""Long work in small pieces."""

import asyncio

import pytest

import weft
from weft.deferred import Cooperator, Deferred, parallel
from weft.errors import CooperationError, TaskStoppedError


class Turns:
    """Turns of a loop that a test makes."""

    def __init__(self):
        self.calls = []

    def run(self):
        while self.calls:
            self.calls.pop(0)()


@pytest.fixture
def turns():
    return Turns()


@pytest.fixture
def cooperator(turns):
    return Cooperator(call_soon=turns.calls.append)


def count_to(number, name, seen):
    for step in range(number):
        seen.append((name, step))
        yield


def test_tasks_take_turns(turns, cooperator):
    seen = []
    done = [cooperator.cooperate(count_to(2, name, seen)).when_done() for name in "ab"]

    turns.run()

    assert seen == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert all(deferred.called for deferred in done)


def test_one_that_yields_a_deferred_waits_for_it(turns, cooperator):
    waiting, seen = Deferred(), []

    def work():
        yield waiting
        seen.append("went on")

    task = cooperator.cooperate(work())
    turns.run()
    assert seen == []
    waiting.callback(None)
    turns.run()

    assert seen == ["went on"]
    assert task.when_done().result is task.iterator


def test_an_exception_or_a_failed_deferred_ends_it(turns, cooperator):
    def raises():
        yield
        raise LookupError

    def waits():
        deferred = Deferred()
        deferred.errback(ValueError())
        yield deferred

    tasks = [cooperator.cooperate(raises()), cooperator.cooperate(waits())]
    turns.run()

    ends = [task.when_done() for task in tasks]
    assert [end.result.type for end in ends] == [LookupError, ValueError]
    for end in ends:
        end.add_errback(lambda failure: None)


def test_it_can_be_paused_resumed_and_stopped(turns, cooperator):
    seen = []
    task = cooperator.cooperate(count_to(3, "a", seen))
    task.pause()
    turns.run()
    assert seen == []

    task.resume()
    turns.run()

    assert len(seen) == 3
    with pytest.raises(CooperationError):
        task.stop()
    with pytest.raises(CooperationError):
        task.resume()


def test_one_that_is_stopped_says_so(turns, cooperator):
    seen = []
    task = cooperator.cooperate(count_to(3, "a", seen))
    done = task.when_done()

    task.stop()
    turns.run()

    assert seen == []
    assert done.result.check(TaskStoppedError)
    done.add_errback(lambda failure: None)


def test_stopping_the_cooperator_stops_all_and_those_that_come_later(turns, cooperator):
    seen = []
    tasks = [cooperator.cooperate(count_to(3, "a", seen))]
    paused = cooperator.cooperate(count_to(3, "b", seen))
    paused.pause()

    cooperator.stop()
    tasks.append(cooperator.cooperate(count_to(3, "c", seen)))
    paused.resume()
    turns.run()

    assert seen == []
    assert all(task.is_done for task in [*tasks, paused])


def test_steps_stop_for_the_loop_when_their_time_is_over(turns):
    cooperator = Cooperator(slice_s=0, call_soon=turns.calls.append)
    seen = []
    cooperator.cooperate(count_to(2, "a", seen))

    turns.calls.pop(0)()

    assert seen == [("a", 0)]
    assert len(turns.calls) == 1


def test_parallel_work_is_bounded_and_its_results_are_in_order():
    under_way, most = set(), []

    async def work(item):
        under_way.add(item)
        most.append(len(under_way))
        await asyncio.sleep(0.001 * (item % 3))
        under_way.discard(item)
        return item * 2

    async def main():
        return await parallel(work, range(10), limit=3)

    assert weft.run(main()) == [item * 2 for item in range(10)]
    assert max(most) == 3


def test_parallel_work_takes_no_further_item_after_a_failure():
    taken = []

    def items():
        for item in range(10):
            taken.append(item)
            yield item

    async def main():
        with pytest.raises(ZeroDivisionError):
            await parallel(lambda item: 1 // (item - 1), items(), limit=1)

    weft.run(main())
    assert taken == [0, 1]


def test_parallel_work_on_nothing_has_no_results():
    async def main():
        with pytest.raises(ValueError, match="at least one"):
            parallel(print, [], limit=0)
        return await parallel(print, [], limit=2)

    assert weft.run(main()) == []
