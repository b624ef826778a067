"""Jobs in executors, several loops in several threads, one recorder."""

import asyncio
import concurrent.futures
import pickle
import threading
from collections.abc import Callable
from typing import Any

import weft
from weft.record import Recorder, events

from .fakes import FakeClock, FakePoller


class SameThread(concurrent.futures.Executor):
    """Runs what it is given at once, in the caller's thread."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **options: Any) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(call(*args, **options))
        except BaseException as error:
            future.set_exception(error)
        return future


class ByPickle(SameThread):
    """Gives its calls away as an executor of processes does."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **options: Any) -> concurrent.futures.Future[Any]:
        return super().submit(pickle.loads(pickle.dumps(call)), *args, **options)


def double(value: int) -> int:
    return 2 * value


def test_a_job_is_recorded_in_its_own_thread_for_the_task_that_asked_for_it() -> None:
    recorder = Recorder()

    async def main() -> int:
        loop = asyncio.get_running_loop()
        with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="pool") as pool:
            return await loop.run_in_executor(pool, double, 21)

    result = weft.run(main(), recorder=recorder)

    recording = recorder.take()
    jobs = [record for record in recording if record.kind in (events.JOB_BEGIN, events.JOB_END)]
    main_number = next(record.number for record in recording if record.name == "main")
    assert result == 42
    assert recording.threads == ["MainThread", "pool_0"]
    assert [(job.kind, job.thread, job.value, job.name) for job in jobs] == [
        (events.JOB_BEGIN, 1, main_number, "double"),
        (events.JOB_END, 1, main_number, ""),
    ]


def test_a_job_that_raises_ends_in_the_recording_too_and_its_exception_passes() -> None:
    recorder = Recorder()

    async def main() -> str:
        try:
            await asyncio.to_thread(divmod, 1, 0)
        except ZeroDivisionError as error:
            return type(error).__name__
        return "nothing"

    result = weft.run(main(), recorder=recorder)

    kinds = [record.kind for record in recorder.take()]
    assert result == "ZeroDivisionError"
    assert kinds.count(events.JOB_BEGIN) == kinds.count(events.JOB_END) == 1


def test_a_job_of_no_task_belongs_to_task_0() -> None:
    recorder = Recorder()
    done: list[asyncio.Future[int]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: done.append(loop.run_in_executor(None, double, 1)))
        await asyncio.sleep(0)
        await done[0]

    weft.run(main(), recorder=recorder)

    assert [record.value for record in recorder.take() if record.kind == events.JOB_BEGIN] == [0]


def test_a_job_may_go_to_another_process_where_it_is_not_recorded() -> None:
    recorder = Recorder()

    async def main() -> int:
        return await asyncio.get_running_loop().run_in_executor(ByPickle(), double, 4)

    result = weft.run(main(), recorder=recorder)

    assert result == 8
    assert events.JOB_BEGIN not in [record.kind for record in recorder.take()]


def test_a_job_in_the_loops_own_thread_cuts_the_step_in_two() -> None:
    clock = FakeClock()
    recorder = Recorder(clock=clock, sample_interval_s=None)

    def job() -> None:
        clock.advance(100)

    async def main() -> None:
        clock.advance(10)
        future = asyncio.get_running_loop().run_in_executor(SameThread(), job)
        clock.advance(1)
        future.cancel()

    loop = weft.Loop(FakePoller(clock), clock)
    recorder.attach(loop)
    loop.run_until_complete(loop.create_task(main(), name="main"))
    loop.close()

    slices = recorder.take().timeline().slices
    assert [(piece.begin_ns, piece.end_ns, piece.task, piece.label) for piece in slices] == [
        (0, 10, 1, "main"),
        (10, 110, 1, "job"),
        (110, 111, 1, "main"),
    ]


def test_loops_in_several_threads_share_one_recorder_and_keep_their_records_apart() -> None:
    recorder = Recorder()
    meeting = threading.Barrier(3)

    async def child() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        meeting.wait()
        await asyncio.gather(*(child() for _ in range(50)))
        meeting.wait()

    def run() -> None:
        weft.run(main(), recorder=recorder)

    threads = [threading.Thread(target=run, name=f"loop {number}") for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recording = recorder.take()

    assert sorted(recording.threads) == ["loop 0", "loop 1", "loop 2"]
    steps: dict[int, set[int]] = {0: set(), 1: set(), 2: set()}
    for record in recording:
        if record.kind == events.STEP_BEGIN:
            steps[record.thread].add(record.number)
    assert not steps[0] & steps[1]
    assert not steps[0] & steps[2]
    assert not steps[1] & steps[2]
    made = [record.number for record in recording if record.kind == events.TASK_MADE]
    assert len(made) == len(set(made))
    assert sorted(made) == list(range(1, len(made) + 1))
    begins = [record for record in recording if record.name == "child"]
    assert len(begins) == 150
    assert recording.lost == 0


def test_loops_one_after_the_other_in_one_thread_share_its_number() -> None:
    recorder = Recorder()

    async def main() -> None:
        pass

    weft.run(main(), recorder=recorder)
    weft.run(main(), recorder=recorder)

    recording = recorder.take()
    assert recording.threads == ["MainThread"]
    assert [record.kind for record in recording].count(events.RUN_BEGIN) >= 2
    assert len({record.number for record in recording if record.name == "main"}) == 2


def test_a_recording_may_be_taken_while_other_threads_go_on_recording() -> None:
    recorder = Recorder(capacity=256)
    is_over = threading.Event()

    async def child() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        while not is_over.is_set():
            await asyncio.gather(*(child() for _ in range(20)))

    thread = threading.Thread(target=lambda: weft.run(main(), recorder=recorder))
    thread.start()
    try:
        while not recorder.take().lost:
            pass
        taken = [recorder.take() for _ in range(50)]
    finally:
        is_over.set()
        thread.join()

    for recording in taken:
        assert len(recording) == 256
        named = {record.kind for record in recording if record.name}
        assert named <= {
            events.TASK_MADE,
            events.TASK_FINISHED,
            events.TASK_WAITING,
            events.CALL_BEGIN,
        }
        recording.timeline()


def test_functions_in_threads_of_their_own_are_tasks_too() -> None:
    clock = FakeClock()
    recorder = Recorder(clock=clock, sample_interval_s=None)

    thread = recorder.enter_thread("worker")
    numbers = [recorder.make_task(name, "work", thread) for name in ("a", "b", "c")]
    recorder.begin_step(numbers[0], thread)
    clock.advance(5)
    recorder.end_step(numbers[0], thread)
    recorder.finish_task(numbers[0], thread, None)
    recorder.begin_step(numbers[1], thread)
    clock.advance(5)
    recorder.end_step(numbers[1], thread)
    recorder.finish_task(numbers[1], thread, ValueError())
    recorder.leave_thread(thread)
    timeline = recorder.take().timeline()

    assert [(task.name, task.kind, task.outcome.value) for task in timeline.tasks] == [
        ("a", "work", "returned"),
        ("b", "work", "raised"),
        ("c", "work", "unfinished"),
    ]
    assert [(piece.begin_ns, piece.end_ns, piece.task) for piece in timeline.slices] == [(0, 5, 1), (5, 10, 2)]
    assert [thread.name for thread in timeline.threads] == ["worker"]
