"""What a recorder records equals what ran: programs with a known schedule, record by record."""

import asyncio
import functools
from unittest import mock

import pytest

import weft
from weft.record import Recorder, Recording, events
from weft.streams import StreamReader

from .fakes import MS, FakeClock, FakePoller, Happening, record_program, story

BEGIN = [("task_made", 1, 0, "main"), ("task_woken", 1, 0, "")]
"""How every program's story begins."""
END = [("step_end", 1, 0, ""), ("task_finished", 1, events.RETURNED, "main\nmain")]
"""How one that returns ends."""


def step(number: int) -> list[Happening]:
    return [("step_begin", number, 0, "")]


def step_end(number: int) -> list[Happening]:
    return [("step_end", number, 0, "")]


def made(number: int, parent: int, name: str) -> list[Happening]:
    return [("task_made", number, parent, name), ("task_woken", number, parent, "")]


def finished(number: int, name: str, outcome: int = events.RETURNED) -> list[Happening]:
    return [*step_end(number), ("task_finished", number, outcome, name)]


def callback(name: str, *inside: Happening) -> list[Happening]:
    return [("call_begin", 0, 0, name), *inside, ("call_end", 0, 0, "")]


def outcomes(recording: Recording) -> dict[str, int]:
    """Return how each task ended, by its name."""
    ended = [record for record in recording if record.kind == events.TASK_FINISHED]
    return {record.name.partition("\n")[0]: record.value for record in ended}


def test_a_program_is_recorded_whole_with_exact_times_and_its_loops_run_and_waits() -> None:
    async def main(clock: FakeClock) -> None:
        clock.advance(7)

    recording = record_program(main)

    told = story(recording, without=())[: len(recording)]
    assert [(record.time_ns, events.MEANINGS[record.kind][0], record.value) for record in recording] == [
        (0, "task_made", 0),
        (0, "task_woken", 0),
        (0, "run_begin", 0),
        (0, "wait_begin", 0),
        (0, "wait_end", 0),
        (0, "step_begin", 0),
        (7, "step_end", 0),
        (7, "task_finished", events.RETURNED),
        (7, "wait_begin", 0),
        (7, "wait_end", 0),
        (7, "call_begin", 0),
        (7, "call_end", 0),
        (7, "run_end", 0),
    ]
    assert told[-3:] == [("call_begin", 0, 0, "Loop._stop_after"), ("call_end", 0, 0, ""), ("run_end", 0, 0, "")]
    assert {record.thread for record in recording} == {0}
    assert recording.threads == ["MainThread"]
    assert recording.lost == 0


def test_plain_callbacks_are_recorded_by_their_qualified_names_in_the_order_in_which_they_run() -> None:
    class Greeter:
        def greet(self) -> None:
            pass

        def __call__(self) -> None:
            pass

    def plain(*args: object) -> None:
        pass

    async def main(clock: FakeClock) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(plain)
        loop.call_soon(Greeter().greet)
        loop.call_soon(Greeter())
        loop.call_soon(functools.partial(functools.partial(plain, 1), 2))
        loop.call_soon([].append, 1)
        loop.call_soon(lambda: None)
        loop.call_soon(print).cancel()
        await asyncio.sleep(0)

    recording = record_program(main)

    assert [record.name for record in recording if record.kind == events.CALL_BEGIN] == [
        "plain",
        "Greeter.greet",
        "test_plain_callbacks_are_recorded_by_their_qualified_names_in_the_order_in_which_they_run.<locals>.Greeter",
        "plain",
        "list.append",
        "<lambda>",
        "Loop._stop_after",
    ]


def test_a_callback_that_has_every_attribute_is_recorded_by_its_type() -> None:
    async def main(clock: FakeClock) -> None:
        asyncio.get_running_loop().call_soon(mock.Mock())
        await asyncio.sleep(0)

    recording = record_program(main)

    assert "Mock" in [record.name for record in recording if record.kind == events.CALL_BEGIN]


def test_equal_code_under_different_qualified_names_keeps_its_names() -> None:
    source = "class {}:\n    def work(self): pass\n"
    first: dict[str, type] = {}
    exec(source.format("First"), first)
    second: dict[str, type] = {}
    exec(source.format("Second"), second)

    async def main(clock: FakeClock) -> None:
        asyncio.get_running_loop().call_soon(first["First"]().work)
        asyncio.get_running_loop().call_soon(second["Second"]().work)
        await asyncio.sleep(0)

    recording = record_program(main)

    called = [record.name for record in recording if record.kind == events.CALL_BEGIN]
    assert called[:2] == ["First.work", "Second.work"]


def test_sleep_0_wakes_the_task_within_its_own_step_and_waits_for_nothing() -> None:
    async def main(clock: FakeClock) -> None:
        await asyncio.sleep(0)

    recording = record_program(main)

    assert story(recording) == [
        *BEGIN,
        *step(1),
        ("task_woken", 1, 1, ""),
        *step_end(1),
        *step(1),
        *END,
    ]


def test_sleep_is_a_timer_that_wakes_the_task() -> None:
    async def main(clock: FakeClock) -> None:
        clock.advance(300)
        await asyncio.sleep(0.002)

    clock = FakeClock()
    began_ns = clock.at_ns
    recording = record_program(main, clock=clock)

    moment_ns = began_ns + 300 + 2 * MS
    assert story(recording, without=("run",)) == [
        *BEGIN,
        ("wait_begin", 0, 0, ""),
        ("wait_end", 0, 0, ""),
        *step(1),
        ("timer_made", 1, moment_ns, ""),
        *step_end(1),
        ("task_waiting", 1, 0, "sleep"),
        ("wait_begin", 0, 2 * MS, ""),
        ("wait_end", 0, 0, ""),
        ("timer_fired", 1, 0, ""),
        *callback("_set_result_unless_cancelled", ("task_woken", 1, 0, "")),
        ("wait_begin", 0, 0, ""),
        ("wait_end", 0, 0, ""),
        *step(1),
        *END,
        ("wait_begin", 0, 0, ""),
        ("wait_end", 0, 0, ""),
    ]
    fired = next(record for record in recording if record.kind == events.TIMER_FIRED)
    assert fired.time_ns == 300 + 2 * MS


def test_a_timers_callback_tells_how_late_it_runs() -> None:
    async def main(clock: FakeClock) -> None:
        asyncio.get_running_loop().call_later(0.001, lambda: None)
        clock.advance(3 * MS)
        await asyncio.sleep(0)

    recording = record_program(main)

    late = [record.value for record in recording if record.kind == events.CALL_BEGIN and record.name == "<lambda>"]
    assert late == [2 * MS]


def test_timers_are_numbered_as_they_are_made_and_fire_soonest_first() -> None:
    async def main(clock: FakeClock) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.003, lambda: None)
        loop.call_later(0.001, lambda: None)
        loop.call_later(0.002, lambda: None).cancel()
        await asyncio.sleep(0.004)

    recording = record_program(main)

    assert [record.number for record in recording if record.kind == events.TIMER_MADE] == [1, 2, 3, 4]
    assert [(record.number, record.time_ns) for record in recording if record.kind == events.TIMER_FIRED] == [
        (2, 1 * MS),
        (1, 3 * MS),
        (4, 4 * MS),
    ]


def test_a_task_that_awaits_another_waits_for_its_number_and_is_woken_by_it() -> None:
    async def child() -> None:
        pass

    async def main(clock: FakeClock) -> None:
        await asyncio.create_task(child(), name="kid")

    recording = record_program(main)

    assert story(recording) == [
        *BEGIN,
        *step(1),
        *made(2, 1, "child"),
        *step_end(1),
        ("task_waiting", 1, 2, ""),
        *step(2),
        ("task_woken", 1, 2, ""),
        *finished(2, "kid\nchild"),
        *step(1),
        *END,
    ]


def test_a_task_group_makes_tasks_waits_for_them_and_is_woken_when_the_last_is_over() -> None:
    async def child() -> None:
        await asyncio.sleep(0)

    async def main(clock: FakeClock) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child(), name="a")
            group.create_task(child(), name="b")

    recording = record_program(main)

    assert story(recording) == [
        *BEGIN,
        *step(1),
        *made(2, 1, "child"),
        *made(3, 1, "child"),
        *step_end(1),
        ("task_waiting", 1, 0, "TaskGroup.__aexit__"),
        *step(2),
        ("task_woken", 2, 2, ""),
        *step_end(2),
        *step(3),
        ("task_woken", 3, 3, ""),
        *step_end(3),
        *step(2),
        *finished(2, "a\nchild"),
        *step(3),
        *finished(3, "b\nchild"),
        *callback("TaskGroup._on_task_done"),
        *callback("TaskGroup._on_task_done", ("task_woken", 1, 0, "")),
        *step(1),
        *END,
    ]


def test_gather_makes_its_tasks_from_the_caller_and_its_end_wakes_it() -> None:
    async def child() -> None:
        pass

    async def main(clock: FakeClock) -> None:
        await asyncio.gather(child(), child())

    recording = record_program(main)

    told = story(recording)
    assert [happening for happening in told if happening[0] == "task_made"] == [
        ("task_made", 1, 0, "main"),
        ("task_made", 2, 1, "child"),
        ("task_made", 3, 1, "child"),
    ]
    assert told[-5:] == [*callback("_done_callback", ("task_woken", 1, 0, ""))[1:], *step(1), *END]


def test_a_task_made_by_a_task_has_that_task_as_its_parent_and_one_made_by_a_callback_has_none() -> None:
    async def leaf() -> None:
        pass

    async def branch() -> None:
        await asyncio.create_task(leaf())

    async def main(clock: FakeClock) -> None:
        await asyncio.create_task(branch())
        orphans: list[asyncio.Task[None]] = []
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: orphans.append(loop.create_task(leaf())))
        await asyncio.sleep(0)
        await orphans[0]

    recording = record_program(main)

    parents = {record.number: record.value for record in recording if record.kind == events.TASK_MADE}
    assert parents == {1: 0, 2: 1, 3: 2, 4: 0}


def test_how_each_task_ended_is_recorded() -> None:
    async def returns() -> None:
        pass

    async def raises() -> None:
        raise ValueError("on purpose")

    async def is_cancelled() -> None:
        await asyncio.sleep(3600)

    async def refuses_to_be_cancelled() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

    async def raises_cancelled() -> None:
        raise asyncio.CancelledError

    async def main(clock: FakeClock) -> None:
        kinds = [returns, raises, is_cancelled, refuses_to_be_cancelled, raises_cancelled]
        tasks = [asyncio.create_task(kind(), name=kind.__name__) for kind in kinds]
        never_begun = asyncio.create_task(returns(), name="never_begun")
        never_begun.cancel()
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, never_begun, return_exceptions=True)

    recording = record_program(main)

    assert outcomes(recording) == {
        "returns": events.RETURNED,
        "raises": events.RAISED,
        "is_cancelled": events.CANCELLED,
        "refuses_to_be_cancelled": events.RETURNED,
        "raises_cancelled": events.CANCELLED,
        "never_begun": events.CANCELLED,
        "main": events.RETURNED,
    }


def test_a_task_that_interrupts_the_loop_is_over_and_raised() -> None:
    async def main(clock: FakeClock) -> None:
        raise KeyboardInterrupt

    recording = record_program(main)

    assert outcomes(recording) == {"main": events.RAISED}
    assert [record.kind for record in recording][-3:] == [events.STEP_END, events.TASK_FINISHED, events.RUN_END]


def test_a_tasks_name_is_the_one_that_it_ends_with() -> None:
    async def child() -> None:
        pass

    async def main(clock: FakeClock) -> None:
        tasks = [asyncio.create_task(child(), name="old") for _ in range(2)]
        tasks[1].set_name("new\nand of two lines")
        await asyncio.gather(*tasks)

    recording = record_program(main)

    assert [task.name for task in recording.timeline().tasks] == ["main", "old", "new\nand of two lines"]
    assert [task.kind for task in recording.timeline().tasks] == ["main", "child", "child"]


def test_a_wait_is_named_after_the_first_coroutine_that_is_not_the_programs_own() -> None:
    async def inner() -> None:
        queue: asyncio.Queue[None] = asyncio.Queue()
        await asyncio.wait_for(queue.get(), 0.001)

    async def own_future() -> None:
        await asyncio.get_running_loop().create_future()

    async def outer() -> None:
        await own_future()

    async def main(clock: FakeClock) -> None:
        asyncio.create_task(outer(), name="outer").add_done_callback(lambda task: None)
        try:
            await inner()
        except TimeoutError:
            pass
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    recording = record_program(main)

    waits = [(record.number, record.name) for record in recording if record.kind == events.TASK_WAITING]
    assert waits[:2] == [(1, "wait_for"), (2, "own_future")]


def test_a_task_that_waits_for_a_stream_waits_in_the_reader_s_method() -> None:
    async def main(clock: FakeClock) -> None:
        reader = StreamReader()
        task = asyncio.create_task(reader.readline(), name="by itself")  # type: ignore[arg-type]
        asyncio.get_running_loop().call_soon(reader.feed_data, b"line\nrest")
        await task
        asyncio.get_running_loop().call_soon(reader.feed_eof)
        assert await reader.read() == b"rest"

    recording = record_program(main)

    waits = [(record.number, record.name) for record in recording if record.kind == events.TASK_WAITING]
    assert [name for number, name in waits if number == 2] == [""]  # the task is nothing but the call
    assert [record.name for record in recording if record.kind == events.TASK_MADE][1:] == ["StreamReader.readline"]
    assert waits[-1] == (1, "StreamReader.read")


def test_without_waits_a_waiting_task_tells_no_place() -> None:
    async def main(clock: FakeClock) -> None:
        await asyncio.sleep(0.001)

    clock = FakeClock()
    recording = record_program(main, Recorder(clock=clock, waits=False, sample_interval_s=None), clock)

    waits = [(record.number, record.name) for record in recording if record.kind == events.TASK_WAITING]
    assert waits == [(1, "")]


def test_a_recorder_that_is_attached_while_the_loop_runs_sees_tasks_that_were_there_already() -> None:
    clock = FakeClock()
    recorder = Recorder(clock=clock, sample_interval_s=None)

    async def child() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        early = asyncio.create_task(child(), name="early")
        asyncio.get_running_loop().call_later(0, clock.now_ns)
        recorder.attach(asyncio.get_running_loop())
        await early
        recorder.detach(asyncio.get_running_loop())
        await asyncio.create_task(child(), name="late")

    loop = weft.Loop(FakePoller(clock), clock)
    loop.run_until_complete(main())
    loop.close()
    recording = recorder.take()

    assert recording.threads == ["MainThread"]
    assert [record.name for record in recording if record.kind == events.TASK_MADE] == ["child", "main"]
    assert outcomes(recording) == {"early": events.RETURNED}
    kinds = [record.kind for record in recording]
    assert kinds[0] == events.RUN_BEGIN
    assert kinds[-2:] == [events.RUN_END, events.STEP_END]
    assert kinds.count(events.RUN_BEGIN) == kinds.count(events.RUN_END) == 1
    assert [task.name for task in recording.timeline().tasks] == ["early", "main"]


def test_a_detached_loop_is_recorded_no_more() -> None:
    clock = FakeClock()
    recorder = Recorder(clock=clock, sample_interval_s=None)
    loop = weft.Loop(FakePoller(clock), clock)
    recorder.attach(loop)
    recorder.detach(loop)

    loop.run_until_complete(asyncio.sleep(0.001))
    loop.close()

    assert len(recorder.take()) == 0


def test_a_task_factory_may_make_futures_that_are_no_tasks() -> None:
    class Plain(asyncio.Future):  # type: ignore[type-arg]
        pass

    async def main(clock: FakeClock) -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, coro: (coro.close(), Plain(loop=loop))[1])
        future = loop.create_task(asyncio.sleep(0))
        loop.call_soon(future.set_result, 5)
        assert await future == 5

    recording = record_program(main)

    assert outcomes(recording) == {"main": events.RETURNED}


def test_weft_run_records_the_program_and_hides_its_own_housekeeping_from_the_timeline() -> None:
    recorder = Recorder()

    async def main() -> str:
        asyncio.current_task().set_name("program")  # type: ignore[union-attr]
        return "result"

    result = weft.run(main(), recorder=recorder)

    recording = recorder.take()
    assert result == "result"
    assert "Loop.shutdown_asyncgens" in [record.name for record in recording]
    assert [task.name for task in recording.timeline().tasks] == ["program"]


@pytest.mark.parametrize("interval_s", [None, 0.001])
def test_a_recorder_changes_no_result_no_exception_and_no_order(interval_s: float | None) -> None:
    async def worker(number: int, log: list[object]) -> int:
        for turn in range(3):
            log.append((number, turn))
            await asyncio.sleep(0)
        if number % 3 == 2:
            raise ValueError(number)
        return number

    async def main(log: list[object]) -> list[str]:
        loop = asyncio.get_running_loop()
        loop.call_soon(log.append, "soon")
        results = await asyncio.gather(*(worker(number, log) for number in range(6)), return_exceptions=True)
        log.append(await loop.run_in_executor(None, sum, (1, 2)))
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, divmod, 1, 0)
        return [repr(result) for result in results]

    plain: list[object] = []
    recorded: list[object] = []
    expected = weft.run(main(plain))
    found = weft.run(main(recorded), recorder=Recorder(sample_interval_s=interval_s))

    assert found == expected
    assert recorded == plain
