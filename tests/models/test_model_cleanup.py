import asyncio
import gc
import os
import threading
import weakref
from collections.abc import Iterator

import pytest

import weft

MODELS = ["sync", "threads", "interleaved"]


def descriptors() -> set[str]:
    gc.collect()
    return set(os.listdir("/dev/fd"))


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Threads and descriptors are the same before and after each test here."""
    threads = set(threading.enumerate())
    before = descriptors()

    yield

    for thread in set(threading.enumerate()) - threads:
        thread.join(30)  # the sampler's ends at its next tick
        assert not thread.is_alive(), thread
    assert len(descriptors()) == len(before)


async def waits() -> str:
    await asyncio.sleep(0.001)
    return "done"


def test_a_comparison_leaves_no_thread_and_no_descriptor():
    report = weft.compare([waits, waits, lambda: "done"])

    assert [list(run.results) for run in report.runs] == [["done"] * 3] * 3


@pytest.mark.parametrize("model", MODELS)
def test_tasks_that_are_left_over_are_cancelled(model):
    cancelled = []

    async def never_ends(name: str) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            cancelled.append(name)
            raise

    kept = []

    async def leaves_tasks() -> None:
        kept.extend(asyncio.create_task(never_ends(name)) for name in ("one", "two"))
        await asyncio.sleep(0)

    run = weft.compare([leaves_tasks], model).runs[0]

    assert run.exceptions == [None]
    assert sorted(cancelled) == ["one", "two"]  # asyncio keeps tasks in a set


@pytest.mark.parametrize("model", MODELS)
def test_asynchronous_generators_that_are_left_open_are_closed(model):
    closed = []

    async def letters():
        try:
            yield "a"
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    kept = []

    async def leaves_a_generator() -> str:
        kept.append(letters())
        return await anext(kept[0])

    run = weft.compare([leaves_a_generator], model).runs[0]

    assert run.results == ["a"]
    assert closed == [True]


@pytest.mark.parametrize("model", MODELS)
def test_the_threads_of_an_executor_are_ended(model):
    worked_in = []

    async def works_in_a_thread() -> None:
        worked_in.append(await asyncio.to_thread(threading.current_thread))

    weft.compare([works_in_a_thread], model)

    assert len(worked_in) == 1
    assert not worked_in[0].is_alive()


@pytest.mark.parametrize("model", MODELS)
def test_a_waiting_task_is_not_collected_though_only_the_loop_knows_it(model):
    def wake(reference: "weakref.ref[asyncio.Future[str]]") -> None:
        gc.collect()
        future = reference()
        if future is None:
            asyncio.get_running_loop().stop()
        else:
            future.set_result("woken")

    async def waits_alone() -> str:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_soon(wake, weakref.ref(future))
        return await future

    run = weft.compare([waits_alone, waits], model).runs[0]

    assert run.results == ["woken", "done"]


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_left_when_tasks_fail(model):
    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError

    run = weft.compare([fails, waits], model).runs[0]

    assert run.results == [None, "done"]


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_left_when_a_task_exits(model):
    async def exits() -> None:
        await asyncio.sleep(0)
        raise SystemExit

    with pytest.raises(SystemExit):
        weft.compare([exits, waits], model)


@pytest.mark.parametrize("model", MODELS)
def test_no_loop_is_left_set_or_running(model):
    loops = []

    async def remembers() -> None:
        loops.append(asyncio.get_running_loop())

    weft.compare([remembers, remembers], model)

    assert all(isinstance(loop, weft.Loop) and loop.is_closed() for loop in loops)
    assert len({id(loop) for loop in loops}) == (1 if model == "interleaved" else 2)
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
