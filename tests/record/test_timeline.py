"""Records read as intervals: phases, slices, blocking, lost starts; each from records written by hand."""

import asyncio

import pytest

from weft.record import Activity, Outcome, Phase, Recording, Slice, Task, Thread, Timeline, events
from weft.record.events import (
    CALL_BEGIN,
    CALL_END,
    CHANNEL_CLOSED,
    CHANNEL_OPENED,
    CPU_USED,
    DATA_BEGIN,
    DATA_END,
    JOB_BEGIN,
    JOB_END,
    RUN_BEGIN,
    RUN_END,
    STEP_BEGIN,
    STEP_END,
    TASK_FINISHED,
    TASK_MADE,
    TASK_WAITING,
    TASK_WOKEN,
    WAIT_BEGIN,
    WAIT_END,
)

from .fakes import MS, FakeClock, record_program, recording_of

Interval = tuple[int, int, str]


def phases(timeline: Timeline, number: int) -> list[Interval]:
    """Return a task's phases, as (begin, end, activity and detail)."""
    task = next(task for task in timeline.tasks if task.number == number)
    return [
        (phase.begin_ns, phase.end_ns, f"{phase.activity.value} {phase.detail}".rstrip()) for phase in task.phases
    ]


def slices(timeline: Timeline, thread: int = 0) -> list[Interval]:
    """Return what held a thread, as (begin, end, label and whether it was blocked)."""
    return [
        (piece.begin_ns, piece.end_ns, piece.label if piece.running else f"{piece.label} blocked")
        for piece in timeline.slices
        if piece.thread == thread
    ]


def held(*samples: tuple[int, int, int], begin_ns: int = 0, end_ns: int = 20 * MS) -> list[Interval]:
    """Return the slices of one call, by CPU samples (at, over how many us, computed for how many ns)."""
    rows = [(at_ns, CPU_USED, 0, over_us, used_ns) for at_ns, over_us, used_ns in samples]
    rows += [(0, WAIT_END), (begin_ns, CALL_BEGIN, 0, 0, 0, "f"), (end_ns, CALL_END), (20 * MS, WAIT_BEGIN)]
    rows.sort(key=lambda row: row[0])
    return slices(recording_of(rows, resolution_ns=MS).timeline())


# -- tasks


def test_a_tasks_life_is_its_phases_from_its_making_to_its_end() -> None:
    recording = recording_of(
        [
            (0, TASK_MADE, 0, 1, 0, "main"),
            (0, TASK_WOKEN, 0, 1),
            (10, STEP_BEGIN, 0, 1),
            (30, STEP_END, 0, 1),
            (30, TASK_WAITING, 0, 1, 0, "sleep"),
            (70, TASK_WOKEN, 0, 1),
            (75, STEP_BEGIN, 0, 1),
            (80, STEP_END, 0, 1),
            (80, TASK_FINISHED, 0, 1, events.RETURNED, "boss\nmain"),
        ]
    )

    timeline = recording.timeline()

    assert timeline.tasks == [
        Task(
            number=1,
            name="boss",
            begin_ns=0,
            end_ns=80,
            outcome=Outcome.RETURNED,
            parent=None,
            phases=[
                Phase(0, 10, Activity.READY),
                Phase(10, 30, Activity.RUNNING),
                Phase(30, 70, Activity.WAITING, "sleep"),
                Phase(70, 75, Activity.READY),
                Phase(75, 80, Activity.RUNNING),
            ],
            kind="main",
        )
    ]
    assert timeline.slices == [Slice(0, 10, 30, 1, True, "boss"), Slice(0, 75, 80, 1, True, "boss")]
    assert timeline.threads == [Thread("main", 0, 80)]
    assert (timeline.duration_ns, timeline.lost, timeline.resolution_ns) == (80, 0, 0)


def test_a_program_whose_schedule_is_known_gives_exactly_that_timeline() -> None:
    async def child(clock: FakeClock) -> None:
        clock.advance(20)
        await asyncio.sleep(0.001)
        clock.advance(30)

    async def main(clock: FakeClock) -> None:
        clock.advance(10)
        tasks = [asyncio.create_task(child(clock), name=name) for name in ("a", "b")]
        await tasks[0]
        clock.advance(5)
        await tasks[1]

    timeline = record_program(main).timeline()

    assert phases(timeline, 1) == [
        (0, 10, "running"),
        (10, MS + 60, "waiting a"),
        (MS + 60, MS + 65, "running"),
        (MS + 65, MS + 95, "waiting b"),
    ]
    assert phases(timeline, 2) == [
        (10, 30, "running"),
        (30, MS + 30, "waiting sleep"),
        (MS + 30, MS + 60, "running"),
    ]
    assert phases(timeline, 3) == [
        (10, 30, "ready"),
        (30, 50, "running"),
        (50, MS + 50, "waiting sleep"),
        (MS + 50, MS + 65, "ready"),
        (MS + 65, MS + 95, "running"),
    ]
    assert slices(timeline) == [
        (0, 10, "main"),
        (10, 30, "a"),
        (30, 50, "b"),
        (MS + 30, MS + 60, "a"),
        (MS + 60, MS + 65, "main"),
        (MS + 65, MS + 95, "b"),
    ]
    assert [task.parent for task in timeline.tasks] == [None, 1, 1]


def test_a_task_woken_within_its_own_step_is_ready_after_it() -> None:
    recording = recording_of(
        [
            (0, STEP_BEGIN, 0, 1),
            (5, TASK_WOKEN, 0, 1, 1),
            (10, STEP_END, 0, 1),
            (12, TASK_WAITING, 0, 1, 0, "no wait at all"),
            (20, STEP_BEGIN, 0, 1),
            (30, STEP_END, 0, 1),
        ]
    )

    assert phases(recording.timeline(), 1) == [(0, 10, "running"), (10, 20, "ready"), (20, 30, "running")]


@pytest.mark.parametrize("outcome, value", [(Outcome.RETURNED, 0), (Outcome.RAISED, 1), (Outcome.CANCELLED, 2)])
def test_a_task_ends_as_its_record_says(outcome: Outcome, value: int) -> None:
    recording = recording_of([(0, TASK_MADE, 0, 1), (9, TASK_FINISHED, 0, 1, value, "x\ny")])

    assert recording.timeline().tasks[0].outcome is outcome


def test_nothing_changes_a_task_that_is_over() -> None:
    over = [(0, TASK_MADE, 0, 1, 0, "work"), (5, TASK_FINISHED, 0, 1, events.RAISED, "a\nwork")]
    later = [
        (6, TASK_WOKEN, 0, 1),
        (6, TASK_MADE, 0, 1, 9, "other"),
        (7, STEP_BEGIN, 0, 1),
        (8, STEP_END, 0, 1),
        (8, TASK_WAITING, 0, 1, 0, "x"),
        (9, TASK_FINISHED, 0, 1, events.RETURNED, "b\nother"),
    ]

    assert recording_of(over + later).timeline().tasks == recording_of(over).timeline().tasks


def test_an_unfinished_task_lives_to_the_recordings_end_and_has_its_name_from_when_it_was_taken() -> None:
    recording = recording_of(
        [
            (0, TASK_MADE, 0, 1, 0, "old"),
            (10, STEP_BEGIN, 0, 1),
            (20, STEP_END, 0, 1),
            (20, TASK_WAITING, 0, 1, 0, "Queue.get"),
            (100, WAIT_BEGIN),
        ],
        tasks={1: ["worker", "outer.<locals>.work"]},
    )

    task = recording.timeline().tasks[0]

    assert (task.name, task.kind, task.outcome, task.end_ns) == ("worker", "work", Outcome.UNFINISHED, 100)
    assert phases(recording.timeline(), 1)[-1] == (20, 100, "waiting Queue.get")


def test_a_task_with_asyncios_default_name_is_called_by_what_it_runs() -> None:
    recording = recording_of(
        [
            (0, TASK_MADE, 0, 1, 0, "fetch"),
            (1, TASK_FINISHED, 0, 1, 0, "Task-17\nouter.<locals>.fetch"),
            (1, TASK_MADE, 0, 2, 1, ""),
        ]
    )

    tasks = recording.timeline().tasks

    assert [(task.name, task.parent) for task in tasks] == [("fetch", None), ("task 2", 1)]


def test_waiting_for_a_task_is_told_by_its_name_or_else_its_number() -> None:
    recording = recording_of(
        [
            (0, STEP_BEGIN, 0, 1),
            (1, STEP_END, 0, 1),
            (1, TASK_WAITING, 0, 1, 2),
            (2, STEP_BEGIN, 0, 1),
            (3, STEP_END, 0, 1),
            (3, TASK_WAITING, 0, 1, 77),
            (4, TASK_MADE, 0, 2, 0, "other"),
        ]
    )

    assert phases(recording.timeline(), 1)[1::2] == [(1, 2, "waiting other"), (3, 4, "waiting task 77")]


def test_a_loops_housekeeping_is_in_the_recording_and_not_among_the_tasks() -> None:
    recording = recording_of(
        [
            (0, TASK_MADE, 0, 1, 0, "Loop.shutdown_asyncgens"),
            (0, STEP_BEGIN, 0, 1),
            (9, STEP_END, 0, 1),
            (9, TASK_FINISHED, 0, 1, 0, "Task-3\nLoop.shutdown_asyncgens"),
        ]
    )

    timeline = recording.timeline()

    assert timeline.tasks == []
    assert [piece.task for piece in timeline.slices] == [None]


def test_a_task_is_ready_from_the_moment_at_which_its_late_timer_was_due() -> None:
    recording = recording_of(
        [
            (0, STEP_BEGIN, 0, 1),
            (10, STEP_END, 0, 1),
            (50, STEP_BEGIN, 0, 2),
            (90, STEP_END, 0, 2),
            (90, CALL_BEGIN, 0, 0, 30, "timer"),
            (90, TASK_WOKEN, 0, 1),
            (91, CALL_END),
            (95, STEP_BEGIN, 0, 1),
        ]
    )

    assert phases(recording.timeline(), 1) == [(0, 10, "running"), (10, 60, "waiting"), (60, 95, "ready")]


# -- threads


def test_a_job_in_another_thread_is_its_tasks_there_while_the_task_waits() -> None:
    recording = recording_of(
        [
            (0, TASK_MADE, 0, 1, 0, "main"),
            (0, STEP_BEGIN, 0, 1),
            (10, STEP_END, 0, 1),
            (10, TASK_WAITING, 0, 1, 0, "to_thread"),
            (15, JOB_BEGIN, 1, 0, 1, "work"),
            (40, JOB_END, 1, 0, 1),
            (50, JOB_BEGIN, 1, 0, 0, "nobody's"),
            (60, JOB_END, 1, 0, 0),
        ],
        threads=["main", "pool"],
    )

    timeline = recording.timeline()

    assert [(piece.thread, piece.begin_ns, piece.end_ns, piece.task, piece.label) for piece in timeline.slices] == [
        (0, 0, 10, 1, "main"),
        (1, 15, 40, 1, "work"),
        (1, 50, 60, None, "nobody's"),
    ]
    assert timeline.threads == [Thread("main", 0, 10), Thread("pool", 15, 60)]
    assert phases(timeline, 1) == [(0, 10, "running"), (10, 60, "waiting to_thread")]


def test_what_happens_inside_a_hold_cuts_it_in_two() -> None:
    recording = recording_of(
        [
            (0, JOB_BEGIN, 0, 0, 0, "job"),
            (10, RUN_BEGIN),
            (20, CALL_BEGIN, 0, 0, 0, "call"),
            (30, CALL_END),
            (40, CALL_BEGIN, 0, 0, 0, "interrupted"),
            (50, RUN_END),
            (60, JOB_END),
        ]
    )

    assert slices(recording.timeline()) == [
        (0, 20, "job"),
        (20, 30, "call"),
        (30, 40, "job"),
        (40, 50, "interrupted"),
        (50, 60, "job"),
    ]


def test_a_callback_that_wakes_a_task_counts_as_that_tasks_and_a_note_says_so() -> None:
    recording = recording_of([(0, CALL_BEGIN, 0, 0, 0, "wakes"), (5, TASK_WOKEN, 0, 1), (9, CALL_END)])

    timeline = recording.timeline()

    assert timeline.slices == [Slice(0, 0, 9, 1, True, "wakes")]
    assert len(timeline.notes) == 1


def test_connections_are_named_when_opened_or_when_closed_or_when_taken_or_by_number() -> None:
    rows: list[tuple[object, ...]] = [(0, CHANNEL_OPENED, 0, 1, 0, "Echo a:1")]
    for number in (1, 2, 3, 4):
        rows += [(10 * number, DATA_BEGIN, 0, number, 64), (10 * number + 5, DATA_END, 0, number)]
    rows.append((50, CHANNEL_CLOSED, 0, 2, 0, "Echo b:2"))
    rows += [(60, DATA_BEGIN, 0, 2, 1), (65, DATA_END, 0, 2)]

    recording = recording_of(rows, connections=[(0, 3, "Echo c:3"), (1, 4, "another thread's")])

    assert [label for _, _, label in slices(recording.timeline())] == [
        "Echo a:1: 64 bytes",
        "Echo b:2: 64 bytes",
        "Echo c:3: 64 bytes",
        "connection 4: 64 bytes",
        "connection 2: 1 bytes",
    ]


def test_a_thread_that_the_recording_does_not_name_is_called_by_its_number() -> None:
    recording = recording_of([(0, CALL_BEGIN, 2), (5, CALL_END, 2)], threads=["main"])

    timeline = recording.timeline()

    assert [thread.name for thread in timeline.threads] == ["main", "thread 1", "thread 2"]
    assert slices(timeline, 2) == [(0, 5, "callback")]


# -- running and blocking


def test_without_samples_of_any_thread_all_that_is_held_is_running() -> None:
    recording = recording_of([(0, CALL_BEGIN, 0, 0, 0, "f"), (20 * MS, CALL_END)], resolution_ns=0)

    assert slices(recording.timeline()) == [(0, 20 * MS, "f")]


def test_a_thread_whose_clock_stood_still_was_blocked() -> None:
    assert held() == [(0, 20 * MS, "f blocked")]


def test_what_is_shorter_than_two_intervals_counts_as_running() -> None:
    assert held(end_ns=2 * MS - 1) == [(0, 2 * MS - 1, "f")]
    assert held(end_ns=2 * MS) == [(0, 2 * MS, "f blocked")]


def test_a_sample_that_is_half_full_or_more_is_running_throughout() -> None:
    assert held((4 * MS, 4000, 2 * MS)) == [(0, 4 * MS, "f"), (4 * MS, 20 * MS, "f blocked")]


def test_a_burst_that_fills_less_than_half_of_its_sample_is_put_at_its_end() -> None:
    assert held((4 * MS, 4000, 2 * MS - 1)) == [
        (0, 2 * MS + 1, "f blocked"),
        (2 * MS + 1, 4 * MS, "f"),
        (4 * MS, 20 * MS, "f blocked"),
    ]


def test_samples_that_touch_are_one_stretch() -> None:
    assert held((4 * MS, 1000, MS), (5 * MS, 1000, MS), (6 * MS, 1000, MS)) == [
        (0, 3 * MS, "f blocked"),
        (3 * MS, 6 * MS, "f"),
        (6 * MS, 20 * MS, "f blocked"),
    ]


def test_a_sample_is_cut_at_the_begin_and_at_the_end_of_what_it_divides() -> None:
    samples = [(6 * MS, 4000, 4 * MS), (16 * MS, 4000, 4 * MS)]

    assert held(*samples, begin_ns=4 * MS, end_ns=14 * MS) == [
        (4 * MS, 6 * MS, "f"),
        (6 * MS, 12 * MS, "f blocked"),
        (12 * MS, 14 * MS, "f"),
    ]


def test_samples_before_and_after_do_not_count() -> None:
    samples = [(2 * MS, 2000, 2 * MS), (19 * MS, 2000, 2 * MS)]

    assert held(*samples, begin_ns=4 * MS, end_ns=14 * MS) == [(4 * MS, 14 * MS, "f blocked")]


def test_samples_that_overlap_count_once() -> None:
    assert held((4 * MS, 3000, 3 * MS), (5 * MS, 3000, 3 * MS)) == [
        (0, 1 * MS, "f blocked"),
        (1 * MS, 5 * MS, "f"),
        (5 * MS, 20 * MS, "f blocked"),
    ]


@pytest.mark.parametrize("used_ns", [0, -1, -(2**63)])
def test_a_sample_of_no_time_is_none(used_ns: int) -> None:
    assert held((4 * MS, 4000, used_ns)) == [(0, 20 * MS, "f blocked")]


def test_a_sample_that_reaches_back_before_the_recording_begins_with_it() -> None:
    assert held((4 * MS, 4_000_000, 4000 * MS)) == [(0, 4 * MS, "f"), (4 * MS, 20 * MS, "f blocked")]


def test_a_tasks_phases_are_divided_as_its_threads_slices_are() -> None:
    recording = recording_of(
        [
            (0, STEP_BEGIN, 1, 1),
            (4 * MS, CPU_USED, 1, 4000, 4 * MS),
            (4 * MS, CPU_USED, 0, 4000, 4 * MS),
            (8 * MS, CPU_USED, 0, 4000, 4 * MS),
            (10 * MS, STEP_END, 1, 1),
        ],
        threads=["main", "pool"],
        resolution_ns=MS,
    )

    timeline = recording.timeline()

    assert phases(timeline, 1) == [(0, 4 * MS, "running"), (4 * MS, 10 * MS, "blocking")]
    assert slices(timeline, 1) == [(0, 4 * MS, "task 1"), (4 * MS, 10 * MS, "task 1 blocked")]


# -- a start that was lost, and times out of order


def lost_start(*rows: tuple[object, ...], **options: object) -> Recording:
    return recording_of([(1000, WAIT_BEGIN, 9), *rows], lost=5, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "end, label, task",
    [
        ((1050, STEP_END, 0, 3), "task 3", 3),
        ((1050, CALL_END), "callback", None),
        ((1050, JOB_END, 0, 0, 0), "job", None),
        ((1050, DATA_END, 0, 8), "connection 8: data", None),
    ],
)
def test_what_was_going_on_when_the_recording_begins_began_with_it(
    end: tuple[int, ...], label: str, task: int | None
) -> None:
    timeline = lost_start(end).timeline()

    assert timeline.slices == [Slice(0, 0, 50, task, True, label)]
    assert timeline.threads[0] == Thread("main", 0, 50)
    assert timeline.lost == 5


def test_a_task_that_was_there_before_the_recording_begins_with_it_and_its_activity_is_inferred() -> None:
    timeline = lost_start(
        (1010, STEP_END, 0, 1),
        (1020, STEP_BEGIN, 0, 2),
        (1030, STEP_END, 0, 2),
        (1040, TASK_WOKEN, 0, 3),
        (1050, TASK_WOKEN, 1, 4, 4),
        (1060, TASK_FINISHED, 0, 5, 0, "five\nf"),
        (1070, TASK_MADE, 0, 6, 0, "f"),
        (1080, WAIT_BEGIN),
        tasks={7: ["seven", "f"]},
    ).timeline()

    assert {task.number: task.begin_ns for task in timeline.tasks} == {1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 70, 7: 0}
    assert phases(timeline, 1) == [(0, 10, "running"), (10, 80, "waiting")]
    assert phases(timeline, 2)[:2] == [(0, 20, "ready"), (20, 30, "running")]
    assert phases(timeline, 3) == [(0, 40, "waiting"), (40, 80, "ready")]
    assert phases(timeline, 4) == [(0, 80, "running")]
    assert phases(timeline, 5) == [(0, 60, "waiting")]
    assert phases(timeline, 7) == [(0, 80, "waiting")]


def test_without_loss_an_end_that_never_began_holds_nothing() -> None:
    timeline = recording_of([(0, WAIT_BEGIN), (10, CALL_END), (20, STEP_END, 0, 1)]).timeline()

    assert timeline.slices == []


def test_time_never_goes_back_within_a_thread_nor_within_a_task() -> None:
    recording = recording_of(
        [
            (100, STEP_BEGIN, 0, 1),
            (90, TASK_MADE, 1, 2, 1, "job"),  # before the recording's first moment
            (200, STEP_END, 0, 1),
            (190, STEP_BEGIN, 1, 1),  # another thread's clock is behind
            (195, STEP_END, 1, 1),
            (210, STEP_BEGIN, 1, 1),
            (205, STEP_END, 1, 1),
            (220, TASK_FINISHED, 1, 1, 0, "a\nb"),
        ],
        threads=["one", "two"],
    )

    timeline = recording.timeline()

    assert phases(timeline, 1) == [(0, 100, "running"), (100, 110, "waiting"), (110, 120, "waiting")]
    assert timeline.tasks[1].begin_ns == 0
    assert slices(timeline, 1) == [(90, 95, "a")]
