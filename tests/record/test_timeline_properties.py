"""Whatever records come, in whatever order: reading never raises, and a timeline keeps what it promises."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.record import Recording, Timeline, events
from weft.record.recording import Record

from .fakes import MS, recording_of

SMALL = st.integers(0, 4)
NUMBERS = st.one_of(SMALL, st.integers(0, 2**32 - 1))
VALUES = st.one_of(SMALL, st.integers(0, 5 * MS), st.integers(-(2**63), 2**63 - 1))
KINDS = st.one_of(st.sampled_from(sorted(events.MEANINGS)), st.integers(0, 255))
NAMES = st.one_of(
    st.sampled_from(["", "main", "name\nkind", "task 1", "task ²", "Loop.shutdown_asyncgens"]), st.text()
)
ROWS = st.tuples(st.integers(-2 * MS, 3 * MS), KINDS, st.integers(0, 3), NUMBERS, VALUES, NAMES)


@st.composite
def recordings(draw: st.DrawFn, *, is_ascending: bool) -> Recording:
    """Draw a recording of any records; their times go up, or nearly so."""
    rows: list[tuple[Any, ...]] = []
    time_ns = 10 * MS
    for step_ns, *rest in draw(st.lists(ROWS, max_size=40)):
        time_ns = max(0, time_ns + (abs(step_ns) if is_ascending else step_ns))
        rows.append((time_ns, *rest))
    return recording_of(
        rows,
        threads=draw(st.lists(st.text(), max_size=3)),
        tasks=draw(st.dictionaries(NUMBERS, st.lists(st.text(), min_size=2, max_size=2), max_size=3)),
        lost=draw(st.sampled_from([0, 1, 2**63])),
        resolution_ns=draw(st.sampled_from([0, 1, MS])),
        connections=draw(st.lists(st.tuples(SMALL, SMALL, st.text()), max_size=3)),
    )


def check(timeline: Timeline, records: list[Record]) -> None:
    """Assert what `weft.record.timeline` says of every timeline."""
    end = timeline.duration_ns
    assert end >= 0
    numbers = [task.number for task in timeline.tasks]
    assert numbers == sorted(set(numbers))
    for thread in timeline.threads:
        assert 0 <= thread.begin_ns <= thread.end_ns <= end
    for task in timeline.tasks:
        assert task.name
        assert 0 <= task.begin_ns <= task.end_ns <= end
        at = task.begin_ns
        for phase in task.phases:
            assert phase.begin_ns == at
            assert phase.end_ns > at
            at = phase.end_ns
        assert at == task.end_ns
    places = [(piece.thread, piece.begin_ns) for piece in timeline.slices]
    assert places == sorted(places)
    for piece in timeline.slices:
        thread = timeline.threads[piece.thread]
        assert thread.begin_ns <= piece.begin_ns < piece.end_ns <= end
        assert piece.task is None or piece.task in numbers
    for before, after in zip(timeline.slices, timeline.slices[1:], strict=False):
        assert before.thread < after.thread or before.end_ns <= after.begin_ns
    if records:
        assert end == max(0, *(record.time_ns - records[0].time_ns for record in records))


@settings(max_examples=400)
@given(recordings(is_ascending=True))
def test_any_records_in_order_of_time_give_a_timeline_that_keeps_its_promises(recording: Recording) -> None:
    check(recording.timeline(), list(recording))


@settings(max_examples=400)
@given(recordings(is_ascending=False))
def test_times_out_of_order_give_one_too(recording: Recording) -> None:
    check(recording.timeline(), list(recording))
