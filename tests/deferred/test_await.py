"""A Deferred can be awaited in any asyncio task, and be made of what asyncio has."""

import asyncio
import gc

import pytest

import weft
from weft.deferred import Deferred, fail, succeed
from weft.errors import AlreadyCalledError

LOOPS = [weft.new_event_loop, asyncio.new_event_loop]


@pytest.fixture(params=LOOPS, ids=["weft", "asyncio"])
def run(request):
    def run(coroutine):
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(coroutine)

    return run


def test_one_that_has_fired_returns_at_once(run):
    async def main():
        others = []
        asyncio.get_running_loop().call_soon(others.append, "ran")
        got = [await succeed(value) for value in (3, None, (1, 2), ValueError("a value"), StopIteration(1))]
        return got, list(others)

    got, others = run(main())

    assert got[:3] == [3, None, (1, 2)]
    assert str(got[3]) == "a value"
    assert isinstance(got[4], StopIteration)
    assert others == []


def test_one_that_fires_later_wakes_the_task(run):
    async def main():
        deferred = Deferred()
        asyncio.get_running_loop().call_soon(deferred.callback, 3)
        return await deferred, await deferred

    assert run(main()) == (3, 3)


def test_a_failure_is_raised_with_its_traceback_and_is_handled(run):
    async def main():
        later = Deferred()
        asyncio.get_running_loop().call_soon(later.errback, LookupError("later"))
        for deferred in (fail(LookupError("now")), later):
            for _ in range(2):
                with pytest.raises(LookupError):
                    await deferred

    run(main())


def test_a_failure_that_is_stop_iteration_is_raised_as_a_runtime_error(run):
    async def main():
        with pytest.raises(RuntimeError, match="StopIteration"):
            await fail(StopIteration())

    run(main())


def test_several_tasks_may_await_one(run):
    async def wait(deferred):
        return await deferred

    async def main():
        deferred = Deferred()
        asyncio.get_running_loop().call_soon(deferred.callback, 3)
        return await asyncio.gather(wait(deferred), wait(deferred), deferred)

    assert run(main()) == [3, 3, 3]


def test_the_result_is_the_one_at_the_place_of_the_await(run):
    async def main():
        deferred = Deferred()
        task = asyncio.ensure_future(wait(deferred))
        await asyncio.sleep(0)
        deferred.add_callback(lambda value: value + 1)
        deferred.callback(3)
        return await task, deferred.result

    async def wait(deferred):
        return await deferred

    assert run(main()) == (3, 4)


def test_cancelling_the_task_cancels_the_deferred(run):
    async def main():
        cancelled = []
        deferred = Deferred(cancelled.append)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await deferred
        return cancelled == [deferred]

    assert run(main())


def test_a_canceller_may_have_the_task_go_on(run):
    async def main():
        deferred = Deferred(lambda deferred: deferred.callback("what there was"))
        task = asyncio.ensure_future(wait(deferred))
        await asyncio.sleep(0)
        task.cancel()
        return await task

    async def wait(deferred):
        return await deferred

    assert run(main()) == "what there was"


def test_a_failure_that_came_as_its_task_was_cancelled_is_not_lost(run):
    async def main():
        reports = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context["exception"]))
        deferred = Deferred()
        task = asyncio.ensure_future(wait(deferred))
        await asyncio.sleep(0)
        deferred.errback(LookupError("mine"))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        del task, deferred
        gc.collect()
        return [str(report) for report in reports]

    async def wait(deferred):
        await deferred

    assert run(main()) == ["mine"]


def test_the_tasks_context_is_kept(run):
    from contextvars import ContextVar

    variable = ContextVar("variable", default="outer")

    async def wait(deferred):
        variable.set("inner")
        await deferred
        return variable.get()

    async def main():
        deferred = Deferred()
        task = asyncio.ensure_future(wait(deferred))
        await asyncio.sleep(0)
        deferred.callback(None)
        return await task, variable.get()

    assert run(main()) == ("inner", "outer")


def test_it_becomes_a_future(run):
    async def main():
        deferred = Deferred()
        future = deferred.as_future()
        deferred.callback(3)
        with pytest.raises(LookupError):
            await fail(LookupError()).as_future()
        cancelled = Deferred()
        cancelled.as_future().cancel()
        await asyncio.sleep(0)
        return await future, deferred.result, cancelled.called

    assert run(main()) == (3, None, True)


def test_a_future_becomes_one(run):
    async def main():
        future = asyncio.get_running_loop().create_future()
        deferred = Deferred.from_future(future)
        future.set_result(3)
        failing = asyncio.get_running_loop().create_future()
        failing.set_exception(LookupError("mine"))
        with pytest.raises(LookupError):
            await Deferred.from_future(failing)
        return await deferred

    assert run(main()) == 3


def test_cancelling_one_made_of_a_task_waits_for_how_that_ends(run):
    async def stubborn(started):
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return "cleaned up"

    async def main():
        started = asyncio.Event()
        deferred = Deferred.from_coroutine(stubborn(started))
        await started.wait()
        deferred.cancel()
        with pytest.raises(AlreadyCalledError):
            deferred.callback(1)
        return await deferred

    assert run(main()) == "cleaned up"


def test_a_coroutine_becomes_one_as_a_task(run):
    async def work():
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
        return asyncio.current_task() is not None

    async def main():
        return await Deferred.from_coroutine(work())

    assert run(main()) is True


def test_awaits_are_seen_in_the_chain(run):
    async def main():
        deferred = Deferred()
        task = asyncio.ensure_future(wait(deferred))
        await asyncio.sleep(0)
        pending = [step.callback for step in deferred.steps()]
        deferred.callback(1)
        await task
        return pending, [(step.callback, step.ran) for step in deferred.steps()]

    async def wait(deferred):
        return await deferred

    assert run(main()) == (["await"], [("await", "callback")])
