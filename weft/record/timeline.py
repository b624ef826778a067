"""A recording read as intervals: what each thread ran, and what each task waited for.

Figures draw a Timeline and nothing else, so what a picture shows can be tested without drawing it. All times are
integer nanoseconds from the start of the recording. This module holds the shapes; `weft.record.reading` makes them
from a recording's records.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field


class Activity(enum.Enum):
    """What a task does during a phase."""

    RUNNING = "running"
    """It holds a thread, and the thread computes."""
    BLOCKING = "blocking"
    """It holds a thread, and the thread waits: nothing else can run there."""
    READY = "ready"
    """It could go on, but its thread is held by something else."""
    WAITING = "waiting"
    """It waits for something to happen and holds no thread."""


class Outcome(enum.Enum):
    """How a task ended."""

    RETURNED = "returned"
    RAISED = "raised"
    CANCELLED = "cancelled"
    UNFINISHED = "unfinished"
    """It was still alive when the recording was taken."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of a task's life, in which it did one thing."""

    begin_ns: int
    end_ns: int
    activity: Activity
    detail: str = ""
    """For WAITING: what it waits for, as far as it is known, for example "sleep" or "StreamReader.read"."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task's life. Its phases are in order, do not overlap, and cover it from `begin_ns` to `end_ns`."""

    number: int
    name: str
    begin_ns: int
    end_ns: int
    outcome: Outcome
    parent: int | None = None
    """The number of the task that made this one; None for a task made outside any task."""
    phases: Sequence[Phase] = ()
    kind: str = ""
    """What it runs: the coroutine's or function's qualified name. Tasks of one kind can be grouped."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One stretch of a thread's time that something held it. Where a thread has no slice, it was idle."""

    thread: int
    """Index into `Timeline.threads`."""
    begin_ns: int
    end_ns: int
    task: int | None
    """The number of the task that held the thread; None for a callback that belongs to no task."""
    running: bool
    """True: the thread computed. False: it was held while it waited (a blocking call)."""
    label: str
    """What ran: the task's name, the callback's qualified name, or the transport's event."""


@dataclass(frozen=True, slots=True)
class Thread:
    """One thread that ran something, from the first moment it was observed to the last."""

    name: str
    begin_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """All of a recording, as intervals."""

    threads: Sequence[Thread]
    tasks: Sequence[Task]
    """In the order of their numbers."""
    slices: Sequence[Slice]
    """By thread, then by time; the slices of one thread never overlap."""
    duration_ns: int
    lost: int = 0
    """How many records did not fit the recorder's memory; the oldest are dropped, so the start is missing then."""
    resolution_ns: int = 0
    """Within how many ns the bounds between running and blocking are known; 0 where no thread's CPU was sampled."""
    notes: Sequence[str] = field(default_factory=tuple)
    """What a reader of the picture must know about how it was recorded."""
