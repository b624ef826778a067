"""Records to intervals: what `weft.record.timeline` describes, from what `weft.record.events` lists.

One pass over the records follows who holds each thread and what each task does; then each hold is divided into
running and blocking by the CPU samples of its thread. A recording whose start was overwritten is read from where it
begins: what was already going on then is taken as begun there.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from weft.record import events
from weft.record.timeline import Activity, Outcome, Phase, Slice, Task, Thread, Timeline

if TYPE_CHECKING:
    from weft.record.recording import Record

OUTCOMES = {
    events.RETURNED: Outcome.RETURNED,
    events.RAISED: Outcome.RAISED,
    events.CANCELLED: Outcome.CANCELLED,
}
HOUSEKEEPING = frozenset({"Loop.shutdown_asyncgens", "Loop.shutdown_default_executor"})
"""Coroutines that a loop is closed with: they are in the recording, and in no picture."""
DEFAULT_NAME = re.compile(r"Task-\d+\Z")
MOSTLY = 0.5
"""A sample in which a thread computed for more than this share of the time counts as running throughout."""


@dataclass
class Hold:
    """A stretch of time for which something held a thread."""

    begin_ns: int
    end_ns: int
    task: int | None
    label: str


@dataclass
class Life:
    """A task, as far as the records have told of it."""

    number: int
    begin_ns: int
    parent: int | None = None
    kind: str = ""
    name: str = ""
    end_ns: int | None = None
    outcome: Outcome = Outcome.UNFINISHED
    since_ns: int = 0
    activity: Activity = Activity.READY
    detail: str = ""
    is_woken: bool = False
    thread: int = 0
    phases: list[tuple[int, int, Activity, str, int]] = field(default_factory=list)

    def turn_to(self, activity: Activity, at_ns: int, detail: str = "", thread: int = 0) -> None:
        """End the phase that lasts, and begin another."""
        if at_ns > self.since_ns:
            self.phases.append((self.since_ns, at_ns, self.activity, self.detail, self.thread))
        self.since_ns = at_ns
        self.activity = activity
        self.detail = detail
        self.thread = thread


@dataclass
class Samples:
    """When a thread computed: intervals in order, each (begin, end, computed ns)."""

    begins: list[int] = field(default_factory=list)
    intervals: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, begin_ns: int, end_ns: int, used_ns: int) -> None:
        """Add the next interval."""
        self.begins.append(begin_ns)
        self.intervals.append((begin_ns, end_ns, used_ns))

    def divide(self, begin_ns: int, end_ns: int) -> list[tuple[int, int, bool]]:
        """Return the parts of a stretch of time as (begin, end, whether the thread computed)."""
        parts: list[tuple[int, int, bool]] = []
        at = begin_ns
        index = max(0, bisect_right(self.begins, begin_ns) - 1)
        for low, high, used in self.intervals[index:]:
            if low >= end_ns:
                break
            # A burst that fills little of its interval is put at its end: it woke the thread, and was then seen.
            if used < MOSTLY * (high - low):
                low = high - used
            low, high = max(low, at), min(high, end_ns)
            if high <= low:
                continue
            add_part(parts, at, low, False)
            add_part(parts, low, high, True)
            at = high
        add_part(parts, at, end_ns, False)
        return parts


def add_part(parts: list[tuple[int, int, bool]], begin_ns: int, end_ns: int, runs: bool) -> None:
    """Add a part, or make the last one longer if it is of the same kind."""
    if end_ns <= begin_ns:
        return
    if parts and parts[-1][2] == runs and parts[-1][1] == begin_ns:
        parts[-1] = (parts[-1][0], end_ns, runs)
    else:
        parts.append((begin_ns, end_ns, runs))


class Reader:
    """Follows the records of one recording."""

    def __init__(self, resolution_ns: int) -> None:
        self.resolution_ns = resolution_ns
        self.lives: dict[int, Life] = {}
        self.holds: dict[int, list[Hold]] = {}
        self.open_holds: dict[int, Hold] = {}
        self.samples: dict[int, Samples] = {}
        self.spans: dict[int, tuple[int, int]] = {}
        self.channels: dict[tuple[int, int], str] = {}
        self.late_ns: dict[int, int] = {}
        self.last_ns = 0

    def follow(self, records: Iterable[Record]) -> None:
        """Take in every record, in order. The first one's time becomes 0."""
        first_ns: int | None = None
        for record in records:
            if first_ns is None:
                first_ns = record.time_ns
            at = max(0, record.time_ns - first_ns)
            self.last_ns = max(self.last_ns, at)
            begin, _ = self.spans.get(record.thread, (at, at))
            self.spans[record.thread] = (begin, at)
            kind = record.kind
            if kind in (events.STEP_BEGIN, events.STEP_END):
                self.step(record, at)
            elif events.TASK_MADE <= kind <= events.TASK_FINISHED:
                self.task(record, at)
            elif kind == events.CPU_USED:
                begin = max(0, at - record.number * 1000)
                self.samples.setdefault(record.thread, Samples()).add(begin, at, record.value)
            elif kind == events.CALL_BEGIN:
                self.late_ns[record.thread] = max(0, record.value)
                self.begin_hold(record.thread, at, None, record.name or "callback")
            elif kind == events.JOB_BEGIN:
                self.begin_hold(record.thread, at, record.value or None, record.name or "job")
            elif kind == events.DATA_BEGIN:
                label = self.channels.get((record.thread, record.number), f"connection {record.number}")
                self.begin_hold(record.thread, at, None, f"{label}: {record.value} bytes")
            elif kind in (events.CALL_END, events.JOB_END, events.DATA_END, events.RUN_END):
                self.end_hold(record.thread, at)
                self.late_ns.pop(record.thread, None)
            elif kind == events.CHANNEL_OPENED:
                self.channels[record.thread, record.number] = record.name

    def step(self, record: Record, at: int) -> None:
        """A task takes hold of a thread, or lets go."""
        life = self.life(record.number, at)
        if record.kind == events.STEP_BEGIN:
            self.begin_hold(record.thread, at, record.number, "")
            life.turn_to(Activity.RUNNING, at, thread=record.thread)
            life.is_woken = False
        else:
            self.end_hold(record.thread, at)
            life.turn_to(Activity.READY if life.is_woken else Activity.WAITING, at)

    def task(self, record: Record, at: int) -> None:
        """Something else happens to a task."""
        life = self.life(record.number, at)
        if record.kind == events.TASK_MADE:
            life.parent = record.value or None
            life.kind = record.name
        elif record.kind == events.TASK_WOKEN:
            life.is_woken = True
            if life.activity is Activity.WAITING:
                # A timer that could not fire at its moment kept the task from going on since then.
                could_go_on = at - self.late_ns.get(record.thread, 0)
                life.turn_to(Activity.READY, max(life.since_ns, could_go_on))
        elif record.kind == events.TASK_WAITING:
            life.detail = f"task {record.value}" if record.value else record.name
        else:
            life.turn_to(Activity.WAITING, at)
            life.end_ns = at
            life.outcome = OUTCOMES.get(record.value, Outcome.UNFINISHED)
            life.name, _, kind = record.name.partition("\n")
            life.kind = kind or life.kind

    def life(self, number: int, at: int) -> Life:
        """Return what is known of a task."""
        life = self.lives.get(number)
        if life is None:
            life = self.lives[number] = Life(number, at, since_ns=at)
        return life

    def begin_hold(self, thread: int, at: int, task: int | None, label: str) -> None:
        """Something takes hold of a thread; what held it, inside which this happens, is cut in two."""
        outer = self.open_holds.get(thread)
        if outer is not None:
            self.end_hold(thread, at)
        self.open_holds[thread] = Hold(at, at, task, label)

    def end_hold(self, thread: int, at: int) -> None:
        """Whatever holds a thread lets go."""
        hold = self.open_holds.pop(thread, None)
        if hold is not None and at > hold.begin_ns:
            hold.end_ns = at
            self.holds.setdefault(thread, []).append(hold)

    def finish(self, names: Mapping[str, Sequence[str]]) -> None:
        """End what still lasts, and name the tasks that are not over."""
        for thread in list(self.open_holds):
            self.end_hold(thread, self.last_ns)
        for life in self.lives.values():
            if life.end_ns is None:
                life.turn_to(life.activity, self.last_ns, life.detail, life.thread)
                life.end_ns = self.last_ns
                if str(life.number) in names:
                    life.name, life.kind = names[str(life.number)]

    # -- what figures draw

    def parts(self, thread: int, begin_ns: int, end_ns: int) -> list[tuple[int, int, bool]]:
        """Return when a thread computed and when it was blocked while it was held.

        Stretches too short for the samples to tell, and threads without samples, count as computing.
        """
        samples = self.samples.get(thread)
        if not self.resolution_ns or end_ns - begin_ns < 2 * self.resolution_ns:
            return [(begin_ns, end_ns, True)]
        return (samples or Samples()).divide(begin_ns, end_ns)

    def slices(self) -> list[Slice]:
        """Return what each thread did, by thread and time."""
        return [
            Slice(thread, begin, end, self.shown(hold.task), runs, hold.label or self.label(hold.task))
            for thread in sorted(self.holds)
            for hold in self.holds[thread]
            for begin, end, runs in self.parts(thread, hold.begin_ns, hold.end_ns)
        ]

    def shown(self, number: int | None) -> int | None:
        """Return the number of a task that is in the picture, None for one that is not."""
        life = self.lives.get(number or 0)
        return None if life is None or life.kind in HOUSEKEEPING else life.number

    def label(self, number: int | None) -> str:
        """Return a task's name: its own, or what it runs."""
        life = self.lives.get(number or 0)
        if life is None:
            return ""
        kind = life.kind.rpartition("<locals>.")[2]
        if life.name and not DEFAULT_NAME.match(life.name):
            return life.name
        return kind or life.name or f"task {life.number}"

    def tasks(self) -> list[Task]:
        """Return every task's life, by number."""
        numbers = sorted(number for number, life in self.lives.items() if life.kind not in HOUSEKEEPING)
        return [self.task_of(self.lives[number]) for number in numbers]

    def task_of(self, life: Life) -> Task:
        """Return one task's life, its holds divided into running and blocking."""
        phases = []
        for begin, end, activity, detail, thread in life.phases:
            if activity is not Activity.RUNNING:
                phases.append(Phase(begin, end, activity, self.waited_for(detail)))
                continue
            for low, high, runs in self.parts(thread, begin, end):
                phases.append(Phase(low, high, Activity.RUNNING if runs else Activity.BLOCKING))
        return Task(
            number=life.number,
            name=self.label(life.number),
            begin_ns=life.begin_ns,
            end_ns=self.last_ns if life.end_ns is None else life.end_ns,
            outcome=life.outcome,
            parent=life.parent,
            phases=phases,
            kind=life.kind.rpartition("<locals>.")[2],
        )

    def waited_for(self, detail: str) -> str:
        """Return what a task waited for; another task by its name."""
        number = detail.removeprefix("task ")
        return self.label(int(number)) if number != detail and number.isdigit() else detail


def read(
    records: Iterable[Record],
    threads: Sequence[str],
    names: Mapping[str, Sequence[str]],
    lost: int,
    resolution_ns: int,
) -> Timeline:
    """Return the timeline of a recording's records."""
    reader = Reader(resolution_ns)
    reader.follow(records)
    reader.finish(names)
    notes = []
    if resolution_ns:
        notes.append(
            f"running is told from blocking by each thread's CPU clock, every {resolution_ns / 1e6:g} ms; "
            f"what lasts less than {2 * resolution_ns / 1e6:g} ms counts as running"
        )
    if lost:
        notes.append(f"the first {lost:,} records did not fit the recorder's memory, so the start is missing")
    return Timeline(
        threads=[
            Thread(name, *reader.spans.get(number, (0, reader.last_ns))) for number, name in enumerate(threads)
        ],
        tasks=reader.tasks(),
        slices=reader.slices(),
        duration_ns=reader.last_ns,
        lost=lost,
        resolution_ns=resolution_ns,
        notes=notes,
    )
