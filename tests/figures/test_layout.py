import itertools

from hypothesis import given
from hypothesis import strategies as st

from weft.figures import wording
from weft.figures.blocks import MOST_MOVED_GRAINS, Span, stack
from weft.figures.layout import Bounds, Scale, columns, lanes, profile, ticks
from weft.figures.shares import apportion
from weft.record.timeline import Activity

from .samples import HOSTILE, MS, crowd, interleaved

BOUNDS = Bounds(threads=4, rails=6, bundles=2)


@given(st.lists(st.tuples(st.integers(0, 1_000), st.integers(1, 300))))
def test_extents_on_one_lane_never_overlap(pieces):
    extents = sorted((float(top), float(top + length)) for top, length in pieces)

    placed = lanes(extents)

    for lane in set(placed):
        own = [extent for extent, where in zip(extents, placed, strict=True) if where == lane]
        assert all(above[1] <= below[0] for above, below in itertools.pairwise(own))


@given(st.lists(st.tuples(st.integers(0, 1_000), st.integers(1, 300)), min_size=1))
def test_no_more_lanes_than_extents_at_one_moment(pieces):
    extents = sorted((float(top), float(top + length)) for top, length in pieces)

    placed = lanes(extents)

    crowded = max(sum(top <= at < bottom for top, bottom in extents) for at, _ in extents)
    assert max(placed) + 1 == crowded


@given(st.integers(1, 10**15), st.integers(1, 20))
def test_ticks_start_at_zero_and_are_few_and_even(total, most):
    made = ticks(total, most)

    assert made[0].ns == 0
    assert len(made) <= most + 1
    assert len({after.ns - before.ns for before, after in itertools.pairwise(made)}) <= 1
    assert len({tick.label for tick in made}) == len(made)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 2_000), st.integers(0, 3), st.booleans()), max_size=300))
def test_blocks_never_overlap_and_runs_are_thick_enough(pieces):
    spans, now = [], 0
    for gap, length, task, running in pieces:
        activity = Activity.RUNNING if running else Activity.BLOCKING
        spans.append(Span(now + gap, now + gap + length, activity, task))
        now += gap + length
    scale = Scale(max(now, 1), 300.0)

    blocks = stack(spans, scale, 3.0, now)

    assert all(above.bottom <= below.top + 1e-6 for above, below in itertools.pairwise(blocks))
    assert all(block.height >= 3.0 - 1e-6 for block in blocks if block.first.activity is Activity.RUNNING)
    assert len(blocks) <= 300 / 3 + MOST_MOVED_GRAINS + 2


def test_a_crowd_of_short_runs_is_merged_into_what_took_longest():
    spans = [Span(at, at + (9 if at % 20 else 1), Activity.RUNNING, at % 20) for at in range(0, 100_000, 10)]

    blocks = stack(spans, Scale(100_000, 300.0), 3.0, 100_000)

    assert sum(block.spans for block in blocks) == len(spans)
    assert all(block.first.task == 10 for block in blocks if block.spans > 10)


def test_a_long_run_in_a_crowd_keeps_its_own_block():
    spans = [Span(at, at + 1, Activity.RUNNING, at % 3) for at in range(500)]
    spans.append(Span(500, 900, Activity.RUNNING, 7))

    blocks = stack(spans, Scale(1_000, 300.0), 3.0, 1_000)

    assert blocks[-1].first.task == 7
    assert blocks[-1].height > 90


@given(st.lists(st.tuples(st.integers(0, 1_000), st.booleans()), min_size=1, max_size=9), st.integers(0, 20))
def test_apportioned_cells_sum_up_and_leave_no_run_out(pairs, cells):
    weights, must = [weight for weight, _ in pairs], [is_run for _, is_run in pairs]

    parts = apportion(weights, must, cells)

    assert sum(parts) == (cells if sum(weights) or any(must) else 0)
    assert sum(must) > cells or all(part >= 1 for part, is_run in zip(parts, must, strict=True) if is_run)


def test_few_tasks_have_a_rail_each():
    timeline = interleaved()

    made = columns(timeline, BOUNDS, Scale(timeline.duration_ns, 600.0), least=3, head=10)

    assert [[task.name for task in rail] for rail in made.rails] == [["kettle"], ["toast"], ["egg"]]
    assert not made.bundles
    assert not made.cuts


def test_many_tasks_of_a_kind_are_bundled_and_what_is_cut_is_said():
    timeline = crowd(1_000, kinds=10)

    made = columns(timeline, BOUNDS, Scale(timeline.duration_ns, 600.0), least=3, head=10)

    assert [len(bundle.tasks) for bundle in made.bundles] == [100, 100]
    assert made.cuts == ["800 more tasks in 8 kinds are not drawn"]


def test_a_profile_counts_tasks_by_what_they_do():
    timeline = crowd(10)

    rows = profile(timeline.tasks, Scale(timeline.duration_ns, 51.0))

    assert round(rows[0][Activity.RUNNING], 6) == 1
    assert round(rows[25][Activity.WAITING], 6) == 10
    whole = sum(sum(row.values()) for row in rows) * timeline.duration_ns / 51
    assert round(whole / MS) == 10 * 500


def test_durations_are_worded_in_their_own_unit():
    assert [wording.duration(ns) for ns in (0, 7, 50_000, 999_999, 1_620_000_000)] == [
        "0 s", "7 ns", "50 µs", "1 ms", "1.62 s",
    ]  # fmt: skip


def test_names_are_one_short_line_without_controls():
    for text in HOSTILE:
        shown = wording.name(text)

        assert 0 < wording.width(shown, wording.cell) <= wording.MOST_NAME_CHARACTERS
        assert shown.isprintable()


@given(st.text(max_size=80), st.integers(1, 30), st.integers(1, 4))
def test_wrapped_text_stays_within_its_width(text, most, lines):
    made = wording.wrap(text, most, lines)

    assert len(made) <= lines
    assert all(wording.width(line, wording.cell) <= most for line in made)
