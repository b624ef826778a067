"""A recorder keeps nothing of the program alive, and takes none of its reports away."""

import asyncio
import gc
import weakref
from typing import Any

import pytest

import weft
from weft.record import Recorder, events

from .fakes import FakeClock, FakePoller, record_program


class Thing:
    """Something to see whether it is still there."""


def new_loop(recorder: Recorder) -> weft.Loop:
    loop = weft.new_event_loop()
    recorder.attach(loop)
    return loop


def test_tasks_coroutines_closures_and_results_are_gone_when_the_program_drops_them() -> None:
    seen: list[weakref.ref[Any]] = []

    async def work(thing: Thing) -> Thing:
        await asyncio.sleep(0)
        return thing

    async def main(clock: FakeClock) -> None:
        thing = Thing()
        coro = work(thing)
        task = asyncio.create_task(coro)
        call = lambda: thing  # noqa: E731
        asyncio.get_running_loop().call_soon(call)
        asyncio.get_running_loop().call_later(0, call)
        seen.extend(map(weakref.ref, (thing, coro, task, call)))
        await task
        await asyncio.sleep(0.001)

    recorder = Recorder(clock=(clock := FakeClock()), sample_interval_s=None)
    recording = record_program(main, recorder, clock)
    gc.collect()

    assert len(recording) > 10
    assert [reference() for reference in seen] == [None] * 4


def test_functions_and_arguments_of_jobs_are_gone_when_they_are_over() -> None:
    recorder = Recorder()
    seen: list[weakref.ref[Any]] = []

    async def main() -> None:
        thing = Thing()
        job = lambda other: other  # noqa: E731
        seen.extend(map(weakref.ref, (thing, job)))
        await asyncio.get_running_loop().run_in_executor(None, job, thing)

    weft.run(main(), recorder=recorder)
    gc.collect()

    assert [reference() for reference in seen] == [None] * 2
    assert "<lambda>" in [record.name for record in recorder.take()]


def test_protocols_and_transports_are_gone_when_their_connection_is() -> None:
    recorder = Recorder()
    seen: list[weakref.ref[Any]] = []

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            seen.extend([weakref.ref(self), weakref.ref(transport)])
            transport.close()

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        seen.extend([weakref.ref(reader), weakref.ref(writer.transport)])
        writer.close()
        await writer.wait_closed()
        server.close()

    weft.run(main(), recorder=recorder)
    gc.collect()

    assert [reference() for reference in seen] == [None] * 4
    assert [record.kind for record in recorder.take()].count(events.CHANNEL_CLOSED) == 2


def test_a_loop_is_gone_though_its_recorder_lives_and_a_recorder_though_its_recording_does() -> None:
    recorder = Recorder()
    loop = new_loop(recorder)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    recording = recorder.take()
    references = [weakref.ref(loop), weakref.ref(recorder)]

    del loop
    gc.collect()
    assert references[0]() is None

    del recorder
    gc.collect()
    assert references[1]() is None
    assert len(recording)


def test_an_exception_that_nobody_retrieves_is_still_reported() -> None:
    recorder = Recorder()
    reports: list[dict[str, Any]] = []

    async def fails() -> None:
        raise ValueError("on purpose")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context))
        task = asyncio.create_task(fails(), name="fails")
        await asyncio.sleep(0)
        del task
        gc.collect()

    weft.run(main(), recorder=recorder)

    assert [report["message"] for report in reports] == ["Task exception was never retrieved"]
    assert events.RAISED in [record.value for record in recorder.take() if record.kind == events.TASK_FINISHED]


def test_a_pending_task_that_is_destroyed_is_still_reported() -> None:
    recorder = Recorder()
    reports: list[dict[str, Any]] = []

    async def waits_for_nothing() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context))
        task = asyncio.create_task(waits_for_nothing(), name="lost")
        await asyncio.sleep(0)
        del task
        gc.collect()

    weft.run(main(), recorder=recorder)

    assert [report["message"] for report in reports] == ["Task was destroyed but it is pending!"]


def test_an_exception_that_passes_to_the_caller_is_not_reported_too(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        weft.run(fails(), recorder=Recorder())
    gc.collect()

    assert caplog.records == []


def test_a_task_at_the_address_of_a_destroyed_pending_one_gets_a_number_of_its_own() -> None:
    clock = FakeClock()
    recorder = Recorder(clock=clock, sample_interval_s=None)
    loop = weft.Loop(FakePoller(clock), clock)
    loop.set_exception_handler(lambda loop, context: None)
    recorder.attach(loop)
    addresses: list[int] = []

    async def waits() -> None:
        await loop.create_future()

    async def main() -> None:
        for _ in range(200):
            task = asyncio.create_task(waits())
            await asyncio.sleep(0)
            addresses.append(id(task))
            del task
            gc.collect(0)

    loop.run_until_complete(main())
    loop.close()
    made = [record.number for record in recorder.take() if record.kind == events.TASK_MADE]

    assert len(set(addresses)) < len(addresses), "no address was used twice, so this test shows nothing"
    assert made == list(range(1, 202))
