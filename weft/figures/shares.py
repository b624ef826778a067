"""What a terminal's cells show: how a row's few cells are shared by what happened in its time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weft.figures.layout import Bundle, Scale, phases_of, profile
from weft.record.timeline import Activity, Slice, Task, Thread

Row = dict[tuple[Activity, int | None], int]
"""What happened in a row's time, in the order in which it began, and for how many nanoseconds."""

IDLE = (Activity.WAITING, None)
"""The key of a thread's time in which nothing held it."""


def row_of(ns: int, scale: Scale) -> int:
    """Return the row that a moment belongs to."""
    return min(ns * int(scale.height) // scale.total_ns, int(scale.height) - 1)


def extent(begin_ns: int, end_ns: int, scale: Scale) -> range:
    """Return the rows of an interval: at least one, and not one that it only touches."""
    first = row_of(begin_ns, scale)
    return range(first, max(first, row_of(max(end_ns - 1, 0), scale)) + 1)


def thread_rows(thread: Thread, slices: Iterable[Slice], scale: Scale) -> dict[int, Row]:
    """Return what held a thread in each row of its life, idle time last."""
    made: dict[int, Row] = {row: {} for row in extent(thread.begin_ns, thread.end_ns, scale)}
    for piece in slices:
        activity = Activity.RUNNING if piece.running else Activity.BLOCKING
        _share(made, (activity, piece.task), piece.begin_ns, piece.end_ns, scale)
    for row, held in made.items():
        begin, end = _bounds(row, scale)
        alive = min(end, thread.end_ns) - max(begin, thread.begin_ns)
        held[IDLE] = max(0, alive - sum(held.values()))
    return made


def task_rows(task: Task, scale: Scale) -> dict[int, Row]:
    """Return what a task did in each row of its life."""
    made: dict[int, Row] = {row: {} for row in extent(task.begin_ns, task.end_ns, scale)}
    for phase in phases_of(task):
        _share(made, (phase.activity, None), phase.begin_ns, phase.end_ns, scale)
    return made


def bundle_rows(bundle: Bundle, scale: Scale, cells: int) -> list[dict[Activity, int]]:
    """Return how many of `cells` each activity fills in each row; all cells are the most tasks there ever were."""
    made = []
    for row in profile(bundle.tasks, scale):
        alive = sum(row.values())
        used = min(cells, max(1, round(alive / bundle.peak * cells))) if alive > 1e-9 else 0
        keys = [activity for activity in Activity if row[activity] > 1e-9]
        weights = [row[activity] for activity in keys]
        must = [activity is Activity.RUNNING for activity in keys]
        made.append(dict(zip(keys, apportion(weights, must, used), strict=True)))
    return made


def apportion(weights: Sequence[float], must: Sequence[bool], cells: int) -> list[int]:
    """Return how many of `cells` each weight gets, in proportion; what `must` be seen gets one while there are any.

    The parts sum to `cells`, except that nothing is given to weights that are all zero.
    """
    total = sum(weights)
    parts = [0] * len(weights)
    if total <= 0 and not any(must):
        return parts
    by_weight = sorted(range(len(weights)), key=lambda index: (-weights[index], index))
    for index in [index for index in by_weight if must[index]][:cells]:
        parts[index] = 1
    for _ in range(cells - sum(parts)):
        lacking = max(by_weight, key=lambda index: weights[index] / total * cells - parts[index] if total else 0)
        parts[lacking] += 1
    return parts


def _share(rows: dict[int, Row], key: tuple[Activity, int | None], begin_ns: int, end_ns: int, scale: Scale) -> None:
    for row in extent(begin_ns, end_ns, scale):
        begin, end = _bounds(row, scale)
        if row in rows:
            held = rows[row]
            held[key] = held.get(key, 0) + max(0, min(end, end_ns) - max(begin, begin_ns))


def _bounds(row: int, scale: Scale) -> tuple[int, int]:
    """Return the first moment of a row and the first one after it: exactly those that `row_of` puts in it."""
    height = int(scale.height)
    return -(-row * scale.total_ns // height), -(-(row + 1) * scale.total_ns // height)
