"""The recorder's memory: bounded, the newest kept, what was lost told exactly, names still known."""

import asyncio
from pathlib import Path

import pytest

from weft.record import Outcome, Recorder, Recording, events

from .fakes import FakeClock, record_program


def recorder_of(capacity: int) -> Recorder:
    return Recorder(capacity, clock=FakeClock(), sample_interval_s=None)


def put(recorder: Recorder, count: int) -> Recording:
    """Record `count` things, of which each has a value of its own: 0, 1, 2, ..."""
    for value in range(count):
        recorder.put_cpu(0, 0, value)
    return recorder.take()


@pytest.mark.parametrize(
    "capacity, kept",
    [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (1000, 1024), (1024, 1024), (1025, 2048)],
)
def test_the_capacity_is_rounded_up_to_a_power_of_two(capacity: int, kept: int) -> None:
    recording = put(recorder_of(capacity), 3000)

    assert len(recording) == kept


@pytest.mark.parametrize("capacity", [1, 2, 8])
@pytest.mark.parametrize("beyond", [-1, 0, 1, 2, 100])
def test_the_newest_records_are_kept_oldest_first_and_the_lost_are_counted(capacity: int, beyond: int) -> None:
    recording = put(recorder_of(capacity), capacity + beyond)

    lost = max(0, beyond)
    assert [record.value for record in recording] == list(range(lost, capacity + beyond))
    assert recording.lost == lost


@pytest.mark.parametrize("capacity", [0, -1])
def test_a_capacity_of_no_records_is_refused(capacity: int) -> None:
    with pytest.raises(ValueError, match=f"at least one record, not {capacity}"):
        Recorder(capacity)


def test_an_empty_recorder_gives_an_empty_recording() -> None:
    recording = recorder_of(4).take()

    assert len(recording) == 0
    assert list(recording) == []
    assert recording.lost == 0
    assert recording.timeline().tasks == []


def test_taking_a_recording_leaves_the_recorder_as_it_was() -> None:
    recorder = recorder_of(4)
    put(recorder, 3)

    first, second = recorder.take(), recorder.take()
    third = put(recorder, 3)

    assert list(first) == list(second)
    assert [record.value for record in first] == [0, 1, 2]
    assert [record.value for record in third] == [2, 0, 1, 2]
    assert third.lost == 2


def test_a_record_keeps_the_widest_values_that_its_fields_hold_and_wraps_wider_numbers() -> None:
    recorder = recorder_of(8)

    recorder.put_cpu(65535, 2**32 - 1, 2**63 - 1)
    recorder.put_cpu(65536, 2**32, -(2**63))
    recording = recorder.take()

    assert [(record.thread, record.number, record.value) for record in recording] == [
        (65535, 2**32 - 1, 2**63 - 1),
        (0, 0, -(2**63)),
    ]


def test_an_overwritten_task_is_still_named_when_it_is_over() -> None:
    async def main(clock: FakeClock) -> None:
        for _ in range(100):
            clock.advance(1)
            await asyncio.sleep(0)

    clock = FakeClock()
    recording = record_program(main, Recorder(16, clock=clock, sample_interval_s=None), clock)

    timeline = recording.timeline()
    assert recording.lost
    assert events.TASK_MADE not in [record.kind for record in recording]
    assert [(task.number, task.name, task.kind, task.outcome) for task in timeline.tasks] == [
        (1, "main", "main", Outcome.RETURNED)
    ]
    assert {piece.label for piece in timeline.slices} == {"main"}


def test_overwritten_tasks_that_live_are_named_when_the_recording_is_taken() -> None:
    clock = FakeClock()
    recorder = Recorder(16, clock=clock, sample_interval_s=None)
    taken: list[Recording] = []

    async def idle() -> None:
        await asyncio.sleep(3600)

    async def main(clock: FakeClock) -> None:
        sleeper = asyncio.create_task(idle(), name="sleeper")
        asyncio.current_task().set_name("busy")  # type: ignore[union-attr]
        for _ in range(100):
            clock.advance(1)
            await asyncio.sleep(0)
        taken.append(recorder.take())
        sleeper.cancel()

    record_program(main, recorder, clock)

    timeline = taken[0].timeline()
    assert [(task.name, task.kind, task.outcome) for task in timeline.tasks] == [
        ("busy", "main", Outcome.UNFINISHED),
        ("sleeper", "idle", Outcome.UNFINISHED),
    ]
    sleeper = timeline.tasks[1]
    assert [(phase.begin_ns, phase.end_ns, phase.activity.value) for phase in sleeper.phases] == [
        (0, timeline.duration_ns, "waiting")
    ]


def test_what_a_record_is_about_is_known_until_it_is_overwritten(tmp_path: Path) -> None:
    recorder = recorder_of(4)
    for name in ("first", "second"):
        recorder.make_task(name, "a kind", 0)
        recorder.put_cpu(0, 0, 0)
    names = [record.name for record in recorder.take()]
    for _ in range(3):
        recorder.put_cpu(0, 0, 0)

    recording = recorder.take()
    recording.save(tmp_path / "kept.weft")

    assert names == ["a kind", "", "a kind", ""]
    assert [record.name for record in recording] == [""] * 4
    data = (tmp_path / "kept.weft").read_bytes()
    records = data[-4 - 4 * 28 : -4 - 4 * 4]
    assert records[21::24] == bytes(4), "the byte that the format leaves free is 0"
