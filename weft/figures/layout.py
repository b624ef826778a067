"""Where things stand in a figure: the scale of time, its ticks, and the columns that each panel has.

Pure computing, shared by all renderers: positions are in the renderer's own unit (pixels, or rows of a terminal),
and nothing here draws. Time runs down.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weft.figures import wording
from weft.figures.palette import kind_of
from weft.figures.panel import Panel
from weft.record.timeline import Activity, Phase, Task, Thread, Timeline


@dataclass(frozen=True, slots=True)
class Scale:
    """Time to position: `total_ns` of time fill `height`."""

    total_ns: int
    height: float

    def at(self, ns: int) -> float:
        """Return where a moment stands, from 0 at the top to `height`."""
        return min(max(ns, 0), self.total_ns) / self.total_ns * self.height

    def span(self, length: float) -> int:
        """Return how many nanoseconds a length stands for."""
        return round(length / self.height * self.total_ns)


@dataclass(frozen=True, slots=True)
class Tick:
    """One mark on the axis of time."""

    ns: int
    label: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many columns of each sort a panel may have; what goes beyond is counted and said."""

    threads: int
    rails: int
    bundles: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """Tasks of one kind that are too many to draw apart: drawn as how many there are at each moment."""

    kind: str
    tasks: Sequence[Task]
    peak: int
    """How many of them were alive at once, at most."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What a panel draws, from left to right, and what it leaves out."""

    threads: Sequence[tuple[int, Thread]]
    """Each with its index in the timeline."""
    rails: Sequence[Sequence[Task]]
    """Each holds the tasks that follow one another on it; their drawn extents never overlap."""
    bundles: Sequence[Bundle]
    cuts: Sequence[str]
    """A sentence for each sort of column of which some are not drawn."""

    @property
    def shared(self) -> bool:
        """Whether a rail may hold more than one task."""
        return any(len(rail) > 1 for rail in self.rails)


def total_ns(panels: Iterable[Panel]) -> int:
    """Return the time that all panels fit into, at least 1 ns."""
    return max((end_ns(panel.timeline) for panel in panels), default=0) or 1


def end_ns(timeline: Timeline) -> int:
    """Return the last moment of a timeline."""
    ends = [timeline.duration_ns]
    for parts in (timeline.tasks, timeline.slices, timeline.threads):
        ends.extend(part.end_ns for part in parts)
    return max(ends)


def is_empty(timeline: Timeline) -> bool:
    """Whether there is nothing in a timeline that a panel could draw."""
    return end_ns(timeline) <= 0 or not (timeline.tasks or timeline.slices)


def ticks(total: int, most: int) -> list[Tick]:
    """Return at most `most` + 1 marks at round times, from 0 on, all in one unit."""
    steps = (factor * 10**power for power in range(20) for factor in (1, 2, 5))
    step = next(step for step in steps if step * most >= total)
    unit_ns, unit = wording.unit_of(max(total, 1))
    digits = next(count for count in range(12) if step * 10**count % unit_ns == 0)
    return [Tick(ns, f"{ns / unit_ns:.{digits}f} {unit}" if ns else "0") for ns in range(0, total + 1, step)]


def lanes(extents: Sequence[tuple[float, float]]) -> list[int]:
    """Return the lane of each extent (top, bottom), ordered by their tops, so that those of a lane never overlap.

    No packing needs fewer lanes; among the free ones the leftmost is taken.
    """
    placed: list[int] = []
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    for top, bottom in extents:
        while busy and busy[0][0] <= top:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (bottom, lane))
        placed.append(lane)
    return placed


def columns(timeline: Timeline, bounds: Bounds, scale: Scale, *, least: float, head: float) -> Columns:
    """Return what a panel draws within `bounds`.

    A life is drawn at least `least` long and needs `head` above it for its letter when it shares a rail.
    """
    threads = list(enumerate(timeline.threads))
    cuts = []
    if len(threads) > bounds.threads:
        kept = _busiest(timeline, bounds.threads)
        cuts.append(f"{wording.count(len(threads) - bounds.threads, 'more thread')}, which ran least, not drawn")
        threads = [(index, thread) for index, thread in threads if index in kept]
    rails, bundles, left = _tasks(timeline.tasks, bounds, scale, least, head)
    if left:
        kinds = len({kind_of(task) for task in left})
        verb = "is" if len(left) == 1 else "are"
        cuts.append(f"{wording.count(len(left), 'more task')} in {wording.count(kinds, 'kind')} {verb} not drawn")
    return Columns(threads, rails, bundles, cuts)


def phases_of(task: Task) -> Sequence[Phase]:
    """Return a task's phases; one that has none waited all its life, as far as is known."""
    return task.phases or (Phase(task.begin_ns, task.end_ns, Activity.WAITING),)


def profile(tasks: Sequence[Task], scale: Scale) -> list[dict[Activity, float]]:
    """Return how many tasks did what in each row (a unit of the scale's height), on average over the row."""
    rows = max(1, round(scale.height))
    whole = {activity: [0] * (rows + 1) for activity in Activity}
    part = {activity: [0.0] * (rows + 1) for activity in Activity}
    for task in tasks:
        for phase in phases_of(task):
            begin, end = scale.at(phase.begin_ns), scale.at(phase.end_ns)
            first, last = int(begin), int(end)
            parts = part[phase.activity]
            if first == last:
                parts[first] += end - begin
                continue
            parts[first] += first + 1 - begin
            parts[last] += end - last
            whole[phase.activity][first + 1] += 1
            whole[phase.activity][last] -= 1
    made: list[dict[Activity, float]] = []
    alive = dict.fromkeys(Activity, 0)
    for row in range(rows):
        for activity in Activity:
            alive[activity] += whole[activity][row]
        made.append({activity: alive[activity] + part[activity][row] for activity in Activity})
    return made


def _busiest(timeline: Timeline, most: int) -> set[int]:
    held = [0] * len(timeline.threads)
    for piece in timeline.slices:
        if 0 <= piece.thread < len(held):
            held[piece.thread] += piece.end_ns - piece.begin_ns
    return set(sorted(range(len(held)), key=lambda index: (-held[index], index))[:most])


def _tasks(
    tasks: Sequence[Task], bounds: Bounds, scale: Scale, least: float, head: float
) -> tuple[list[list[Task]], list[Bundle], list[Task]]:
    """Return the rails, the bundles and the tasks that are left out."""
    if len(tasks) <= bounds.rails:
        return [[task] for task in tasks], [], []
    by_kind: dict[str, list[Task]] = {}
    for task in tasks:
        by_kind.setdefault(kind_of(task), []).append(task)
    rails: list[list[Task]] = []
    many: list[tuple[str, list[Task]]] = []
    for kind, members in by_kind.items():
        room = bounds.rails - len(rails)
        packed = _packed(members, room, scale, least, head) if len(members) <= 8 * room else None
        if packed is None:
            many.append((kind, members))
        else:
            rails.extend(packed)
    many.sort(key=lambda pair: -len(pair[1]))
    bundles = [Bundle(kind, members, _peak(members)) for kind, members in many[: bounds.bundles]]
    return rails, bundles, [task for _, members in many[bounds.bundles :] for task in members]


def _packed(tasks: Sequence[Task], room: int, scale: Scale, least: float, head: float) -> list[list[Task]] | None:
    """Return rails that hold the tasks, None if there is no room for that many."""
    ordered = sorted(tasks, key=lambda task: (task.begin_ns, task.number))
    extents = []
    for task in ordered:
        top = scale.at(task.begin_ns)
        extents.append((top - head, max(scale.at(task.end_ns), top + least)))
    lane_of = lanes(extents)
    number = max(lane_of) + 1
    if number > room:
        return None
    rails: list[list[Task]] = [[] for _ in range(number)]
    for task, lane in zip(ordered, lane_of, strict=True):
        rails[lane].append(task)
    return rails


def _peak(tasks: Sequence[Task]) -> int:
    """Return how many of the tasks were alive at once, at most; one that begins as another ends does not count."""
    changes = sorted([(task.begin_ns, 1) for task in tasks] + [(task.end_ns, -1) for task in tasks])
    alive = peak = 0
    for _, change in changes:
        alive += change
        peak = max(peak, alive)
    return max(peak, 1)
