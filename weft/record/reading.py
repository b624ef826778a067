"""Records to intervals: what `weft.record.timeline` describes, from what `weft.record.events` lists.

One pass over the records follows who holds each thread and what each task does; then each hold is divided into
running and blocking by the CPU samples of its thread. A recording whose start was overwritten is read from where it
begins: what was already going on then is taken as begun there.

Times of different threads are read on different CPUs and can be out of order by a little: time never goes back
within a thread, nor within a task. A damaged order of records gives a strange picture, never an error.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
ENDS = frozenset({events.STEP_END, events.CALL_END, events.JOB_END, events.DATA_END})
HOLDING = ENDS | {
    events.RUN_BEGIN,
    events.RUN_END,
    events.WAIT_BEGIN,
    events.WAIT_END,
    events.STEP_BEGIN,
    events.CALL_BEGIN,
    events.JOB_BEGIN,
    events.DATA_BEGIN,
}
"""Records that tell what holds their thread; the others happen within that."""
DEFAULT_NAME = re.compile(r"Task-\d+\Z")
MOSTLY = 0.5
"""A sample in which a thread computed for more than this share of the time counts as running throughout."""


@dataclass
class Connection:
    """What a connection is called: known when it opens, or only when it ends."""

    number: int
    name: str = ""


@dataclass
class Hold:
    """A stretch of time for which something held a thread."""

    begin_ns: int
    end_ns: int
    task: int | None
    label: str
    connection: Connection | None = None


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
    detail: str | int = ""
    is_woken: bool = False
    thread: int = 0
    phases: list[tuple[int, int, Activity, str | int, int]] = field(default_factory=list)

    def turn_to(self, activity: Activity, at_ns: int, detail: str | int = "", thread: int = 0) -> None:
        """End the phase that lasts, and begin another, unless all is over. A task as `detail` is its number."""
        if self.end_ns is not None:
            return
        at_ns = max(at_ns, self.since_ns)
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
        for place in range(index, len(self.intervals)):
            low, high, used = self.intervals[place]
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

    def __init__(self, resolution_ns: int, lost: int) -> None:
        self.resolution_ns = resolution_ns
        self.is_start_lost = lost > 0
        self.lives: dict[int, Life] = {}
        self.holds: dict[int, list[Hold]] = {}
        self.open_holds: dict[int, list[Hold]] = {}
        self.run_depths: dict[int, list[int]] = {}
        self.heard_of: set[int] = set()
        self.samples: dict[int, Samples] = {}
        self.spans: dict[int, tuple[int, int]] = {}
        self.connections: dict[tuple[int, int], Connection] = {}
        self.late_ns: dict[int, int] = {}
        self.has_lent_holds = False
        self.last_ns = 0

    def follow(self, records: Iterable[Record]) -> None:
        """Take in every record, in order. The first one's time becomes 0."""
        first_ns: int | None = None
        for record in records:
            if first_ns is None:
                first_ns = record.time_ns
            begin, at = self.spans.get(record.thread, (-1, 0))
            at = max(at, record.time_ns - first_ns)
            self.last_ns = max(self.last_ns, at)
            self.spans[record.thread] = (at if begin < 0 else begin, at)
            kind = record.kind
            if kind in HOLDING:
                if kind in ENDS and self.is_start_lost and record.thread not in self.heard_of:
                    self.take_up_hold(record)
                self.heard_of.add(record.thread)
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
                connection = self.connection(record)
                self.begin_hold(record.thread, at, None, f"{record.value} bytes", connection)
            elif kind in (events.CALL_END, events.JOB_END, events.DATA_END):
                self.end_hold(record.thread, at)
                self.late_ns.pop(record.thread, None)
            elif kind in (events.RUN_BEGIN, events.RUN_END):
                self.run(record, at)
            elif kind == events.CHANNEL_OPENED:
                self.connections[record.thread, record.number] = Connection(record.number, record.name)
            elif kind == events.CHANNEL_CLOSED:
                connection = self.connection(record)
                connection.name = connection.name or record.name
                del self.connections[record.thread, record.number]

    def run(self, record: Record, at: int) -> None:
        """A loop begins to run, perhaps within a job, or stops: whatever it left open in its thread is over."""
        thread = record.thread
        depths = self.run_depths.setdefault(thread, [])
        if record.kind == events.RUN_BEGIN:
            depths.append(len(self.open_holds.get(thread, ())))
            return
        depth = depths.pop() if depths else 0
        while len(self.open_holds.get(thread, ())) > depth:
            self.end_hold(thread, at)
        self.late_ns.pop(thread, None)

    def connection(self, record: Record) -> Connection:
        """Return the connection that a record is about; one whose opening was lost has no name yet."""
        return self.connections.setdefault((record.thread, record.number), Connection(record.number))

    def step(self, record: Record, at: int) -> None:
        """A task takes hold of a thread, or lets go."""
        life = self.life(record, at)
        if record.kind == events.STEP_BEGIN:
            self.begin_hold(record.thread, at, record.number, "")
            life.turn_to(Activity.RUNNING, at, thread=record.thread)
            life.is_woken = False
        else:
            self.end_hold(record.thread, at)
            life.turn_to(Activity.READY if life.is_woken else Activity.WAITING, at)

    def task(self, record: Record, at: int) -> None:
        """Something else happens to a task."""
        life = self.life(record, at)
        if life.end_ns is not None:
            return
        if record.kind == events.TASK_MADE:
            life.parent = record.value or None
            life.kind = record.name
        elif record.kind == events.TASK_WOKEN:
            life.is_woken = True
            self.lend_hold(record.thread, record.number)
            if life.activity is Activity.WAITING:
                # A timer that could not fire at its moment kept the task from going on since then.
                could_go_on = at - self.late_ns.get(record.thread, 0)
                life.turn_to(Activity.READY, max(life.since_ns, could_go_on))
        elif record.kind == events.TASK_WAITING:
            if life.activity is Activity.WAITING:
                life.detail = record.value or record.name
        else:
            life.turn_to(Activity.WAITING, at)
            life.end_ns = life.since_ns
            life.outcome = OUTCOMES.get(record.value, Outcome.UNFINISHED)
            name, newline, kind = record.name.rpartition("\n")
            life.name, life.kind = (name, kind) if newline else (kind, life.kind)

    def life(self, record: Record, at: int) -> Life:
        """Return what is known of a task. Of one that was there before the first record, what it did is inferred."""
        number, kind = record.number, record.kind
        life = self.lives.get(number)
        if life is not None:
            return life
        if not self.is_start_lost or kind == events.TASK_MADE:
            life = Life(number, at, since_ns=at)
        elif kind == events.STEP_BEGIN:
            life = Life(number, 0)
        elif kind == events.STEP_END or (kind == events.TASK_WOKEN and record.value == number):
            life = Life(number, 0, activity=Activity.RUNNING, thread=record.thread)
        else:
            life = Life(number, 0, activity=Activity.WAITING)
        self.lives[number] = life
        return life

    def take_up_hold(self, record: Record) -> None:
        """Begin, at the first record, a hold of which only the end was kept."""
        thread = record.thread
        self.spans[thread] = (0, self.spans[thread][1])
        if record.kind == events.STEP_END:
            self.begin_hold(thread, 0, record.number, "")
        elif record.kind == events.JOB_END:
            self.begin_hold(thread, 0, record.value or None, "job")
        elif record.kind == events.DATA_END:
            self.begin_hold(thread, 0, None, "data", self.connection(record))
        else:
            self.begin_hold(thread, 0, None, "callback")

    def begin_hold(
        self, thread: int, at: int, task: int | None, label: str, connection: Connection | None = None
    ) -> None:
        """Something takes hold of a thread; what held it, inside which this happens, is cut in two."""
        open_holds = self.open_holds.setdefault(thread, [])
        if open_holds:
            self.keep(thread, open_holds[-1], at)
        open_holds.append(Hold(at, at, task, label, connection))

    def end_hold(self, thread: int, at: int) -> None:
        """Whatever holds a thread lets go; what held it around that does again."""
        open_holds = self.open_holds.get(thread)
        if open_holds:
            self.keep(thread, open_holds.pop(), at)
            if open_holds:
                open_holds[-1].begin_ns = at

    def keep(self, thread: int, hold: Hold, at: int) -> None:
        """Keep what is over of a hold."""
        if at > hold.begin_ns:
            self.holds.setdefault(thread, []).append(replace(hold, end_ns=at))

    def lend_hold(self, thread: int, task: int) -> None:
        """Count a callback of no task as that of the first task that it wakes: it runs on its behalf."""
        open_holds = self.open_holds.get(thread)
        if open_holds and open_holds[-1].task is None:
            open_holds[-1].task = task
            self.has_lent_holds = True

    def finish(self, names: Mapping[int, tuple[str, str]], connections: Mapping[tuple[int, int], str]) -> None:
        """End what still lasts, and name the tasks and connections that are not over."""
        for thread, open_holds in self.open_holds.items():
            while open_holds:
                self.end_hold(thread, self.last_ns)
        for key, connection in self.connections.items():
            connection.name = connection.name or connections.get(key, "")
        if self.is_start_lost:  # a task of which no record was kept waited all the time
            for number in names.keys() - self.lives.keys():
                self.lives[number] = Life(number, 0, activity=Activity.WAITING)
        for life in self.lives.values():
            if life.end_ns is None:
                life.turn_to(life.activity, self.last_ns, life.detail, life.thread)
                life.end_ns = self.last_ns
                if life.number in names:
                    life.name, life.kind = names[life.number]

    # -- what figures draw

    def parts(self, thread: int, begin_ns: int, end_ns: int) -> list[tuple[int, int, bool]]:
        """Return when a thread computed and when it was blocked while it was held.

        Stretches too short for the samples to tell count as computing. A thread without samples stood still.
        """
        samples = self.samples.get(thread)
        if not self.resolution_ns or end_ns - begin_ns < 2 * self.resolution_ns:
            return [(begin_ns, end_ns, True)]
        return (samples or Samples()).divide(begin_ns, end_ns)

    def slices(self) -> list[Slice]:
        """Return what each thread did, by thread and time."""
        return [
            Slice(thread, begin, end, self.shown(hold.task), runs, self.hold_label(hold))
            for thread in sorted(self.holds)
            for hold in self.holds[thread]
            for begin, end, runs in self.parts(thread, hold.begin_ns, hold.end_ns)
        ]

    def hold_label(self, hold: Hold) -> str:
        """Return what held a thread."""
        if hold.connection is None:
            return hold.label or self.label(hold.task)
        return f"{hold.connection.name or f'connection {hold.connection.number}'}: {hold.label}"

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

    def waited_for(self, detail: str | int) -> str:
        """Return what a task waited for; another task by its name."""
        return detail if isinstance(detail, str) else self.label(detail) or f"task {detail}"


def read(
    records: Iterable[Record],
    threads: Sequence[str],
    names: Mapping[int, tuple[str, str]],
    connections: Mapping[tuple[int, int], str],
    lost: int,
    resolution_ns: int,
) -> Timeline:
    """Return the timeline of a recording's records."""
    reader = Reader(resolution_ns, lost)
    reader.follow(records)
    reader.finish(names, connections)
    unnamed = range(len(threads), max(reader.spans, default=-1) + 1)
    threads = [*threads, *(f"thread {number}" for number in unnamed)]
    notes = []
    if reader.has_lent_holds:
        notes.append("A callback that only wakes a task is drawn as that task's.")
    return Timeline(
        threads=[Thread(name, *reader.spans.get(number, (0, reader.last_ns))) for number, name in enumerate(threads)],
        tasks=reader.tasks(),
        slices=reader.slices(),
        duration_ns=reader.last_ns,
        lost=lost,
        resolution_ns=resolution_ns,
        notes=notes,
    )
