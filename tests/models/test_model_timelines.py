import asyncio
import itertools
import sys
import threading
import time
from collections.abc import Sequence

import pytest

import weft
from weft.record.timeline import Activity, Outcome, Phase, Slice, Task, Timeline

MODELS = ["sync", "threads", "interleaved"]
CAN_SAMPLE = hasattr(time, "pthread_getcpuclockid")
needs_samples = pytest.mark.skipif(not CAN_SAMPLE, reason="this system has no CPU clocks of threads")


async def waits() -> None:
    await asyncio.sleep(0.02)


async def waits_too() -> None:
    await asyncio.sleep(0.02)


def timelines(tasks, models: Sequence[str] = MODELS, **options) -> dict[str, Timeline]:
    return {run.model: run.recording.timeline() for run in weft.compare(tasks, models, **options).runs}


def named(timeline: Timeline, name: str) -> Task:
    (task,) = [task for task in timeline.tasks if task.name == name]
    return task


def phases(task: Task, activity: Activity) -> list[Phase]:
    return [phase for phase in task.phases if phase.activity is activity]


def longest(found: Sequence[Phase]) -> Phase:
    return max(found, key=lambda phase: phase.end_ns - phase.begin_ns)


def overlap(one, other) -> bool:
    return one.begin_ns < other.end_ns and other.begin_ns < one.end_ns


def of_thread(timeline: Timeline, thread: int) -> list[Slice]:
    return [piece for piece in timeline.slices if piece.thread == thread]


@pytest.mark.parametrize("model", MODELS)
def test_a_recording_holds_the_tasks_in_their_order_each_to_its_end(model):
    def fails() -> None:
        raise ValueError

    async def is_cancelled() -> None:
        raise asyncio.CancelledError

    timeline = timelines([waits, fails, is_cancelled], [model])[model]

    outcomes = {task.name: task.outcome for task in timeline.tasks}
    assert outcomes == {"waits": Outcome.RETURNED, "fails": Outcome.RAISED, "is_cancelled": Outcome.CANCELLED}
    if model != "threads":
        assert list(outcomes) == ["waits", "fails", "is_cancelled"]


@pytest.mark.parametrize("model", MODELS)
def test_phases_cover_each_life_without_a_gap(model):
    timeline = timelines([waits, waits_too], [model])[model]

    for task in timeline.tasks:
        assert task.phases[0].begin_ns == task.begin_ns
        assert task.phases[-1].end_ns == task.end_ns
        for before, after in itertools.pairwise(task.phases):
            assert before.end_ns == after.begin_ns


def test_one_after_another_no_two_lives_overlap():
    timeline = timelines([waits, lambda: None, waits_too], ["sync"])["sync"]

    assert len(timeline.tasks) == 3
    for before, after in itertools.pairwise(timeline.tasks):
        assert before.end_ns <= after.begin_ns


def test_one_after_another_there_is_one_thread():
    run = weft.compare([waits, lambda: None, waits_too], "sync").runs[0]

    assert run.threads == 1
    assert len(run.recording.timeline().threads) == 1


def test_interleaved_the_waits_of_two_tasks_overlap_in_one_thread():
    run = weft.compare([waits, waits_too], "interleaved").runs[0]

    timeline = run.recording.timeline()
    first = longest(phases(named(timeline, "waits"), Activity.WAITING))
    second = longest(phases(named(timeline, "waits_too"), Activity.WAITING))
    assert overlap(first, second)
    assert "sleep" in first.detail
    assert run.threads == len(timeline.threads) == 1


def test_nothing_overlaps_on_any_thread():
    for timeline in timelines([waits, waits_too, lambda: time.sleep(0.005)]).values():
        assert timeline.slices
        for thread in range(len(timeline.threads)):
            for before, after in itertools.pairwise(of_thread(timeline, thread)):
                assert before.end_ns <= after.begin_ns


@needs_samples
def test_interleaved_a_plain_function_that_blocks_keeps_the_others_from_running():
    def blocks() -> None:
        time.sleep(0.05)

    async def goes_on() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    timeline = timelines([goes_on, waits, blocks], ["interleaved"])["interleaved"]

    held = longest(phases(named(timeline, "blocks"), Activity.BLOCKING))
    both = [*named(timeline, "goes_on").phases, *named(timeline, "waits").phases]
    others = [phase for phase in both if overlap(phase, held)]
    assert {phase.activity for phase in others} <= {Activity.READY, Activity.WAITING}
    assert Activity.READY in {phase.activity for phase in others}
    assert all(phase.begin_ns >= held.end_ns for phase in phases(named(timeline, "blocks"), Activity.WAITING))
    blocked = [piece for piece in timeline.slices if overlap(piece, held)]
    assert [(piece.label, piece.running) for piece in blocked] == [("blocks", False)]
    assert len(timeline.threads) == 1


@needs_samples
def test_in_threads_blocking_functions_overlap():
    together = threading.Barrier(2, timeout=30)

    def blocks() -> None:
        together.wait()
        time.sleep(0.02)
        together.wait()

    def blocks_too() -> None:
        blocks()

    timeline = timelines([blocks, blocks_too], ["threads"])["threads"]

    first, second = (phases(named(timeline, name), Activity.BLOCKING) for name in ("blocks", "blocks_too"))
    assert overlap(named(timeline, "blocks"), named(timeline, "blocks_too"))
    assert any(overlap(one, other) for one in first for other in second)


def test_in_threads_each_task_has_a_thread_of_its_own_of_its_name():
    timeline = timelines([waits, waits_too, lambda: time.sleep(0.005)], ["threads"])["threads"]

    names = {task.number: task.name for task in timeline.tasks}
    assert sorted(thread.name for thread in timeline.threads) == ["<lambda>", "waits", "waits_too"]
    of_tasks = [piece for piece in timeline.slices if piece.task is not None]
    assert {names[piece.task] for piece in of_tasks} >= {"waits", "waits_too"}
    for piece in of_tasks:
        assert timeline.threads[piece.thread].name == names[piece.task]


def test_in_threads_there_are_as_many_threads_as_tasks_however_short_they_are():
    idents = []

    def ends_at_once() -> None:
        idents.append(threading.get_ident())

    run = weft.compare([ends_at_once] * 20, "threads").runs[0]

    assert len(idents) == 20  # fewer distinct ones, mostly: the system gives them out again
    assert run.threads == 20
    assert len(run.recording.timeline().threads) == 20


def test_each_run_has_a_recording_of_its_own():
    report = weft.compare([waits])

    recordings = [run.recording for run in report.runs]
    assert len({id(recording) for recording in recordings}) == 3
    assert [len(recording.timeline().tasks) for recording in recordings] == [1, 1, 1]


@pytest.mark.parametrize("model", MODELS)
def test_a_small_capacity_loses_the_oldest_records_and_says_so(model):
    async def takes_many_steps() -> None:
        for _ in range(200):
            await asyncio.sleep(0)

    lost = timelines([takes_many_steps], [model], capacity=32)[model].lost
    lost_by_default = timelines([takes_many_steps], [model])[model].lost

    assert lost > 0
    assert lost_by_default == 0


def test_a_task_that_another_task_makes_is_drawn_with_its_parent():
    async def child() -> None:
        await asyncio.sleep(0)

    async def parent() -> None:
        await asyncio.create_task(child(), name="the child")

    timeline = timelines([parent], ["interleaved"])["interleaved"]

    assert named(timeline, "the child").parent == named(timeline, "parent").number


def test_times_of_the_report_fit_together():
    report = weft.compare([waits, waits_too])

    for run in report.runs:
        assert len(run.task_s) == 2
        assert min(run.task_s) >= 0.015  # each sleeps 20 ms; clocks may differ by a little
        assert run.wall_s >= max(run.task_s)
        assert run.ratio == pytest.approx(run.wall_s / sum(run.task_s))
    assert report.runs[0].ratio >= 1


def test_the_interpreters_switch_interval_is_left_alone():
    before = sys.getswitchinterval()

    weft.compare([waits])

    assert sys.getswitchinterval() == before
