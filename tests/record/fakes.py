"""A clock that stands still until told, a poller on it, and recordings made of hand-written records."""

import re
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import weft
from weft.ports import Clock, Poller, Source
from weft.record import Recorder, Recording, events
from weft.record.recording import RECORD

MS = 1_000_000
"""Nanoseconds in a millisecond."""

Happening = tuple[str, int, int, str]
"""(kind, number, value, name)."""


class FakeClock(Clock):
    """Shows what it is told to show."""

    def __init__(self) -> None:
        self.at_ns = 5_000

    def now_ns(self) -> int:
        return self.at_ns

    def advance(self, ns: int) -> None:
        self.at_ns += ns


class FakePoller(Poller):
    """Has no events, and waits by moving the clock on."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(is_edge_triggered=True)
        self.clock = clock

    def add(self, fd: int, source: Source, events: int) -> None:
        pass

    def modify(self, fd: int, events: int) -> None:
        pass

    def remove(self, fd: int) -> None:
        pass

    def wait(self, timeout_ns: int) -> int:
        assert timeout_ns >= 0, "the program waits for something that never comes"
        self.clock.advance(timeout_ns)
        return 0

    def close(self) -> None:
        pass


def record_program(
    main: Callable[[FakeClock], Coroutine[Any, Any, Any]],
    recorder: Recorder | None = None,
    clock: FakeClock | None = None,
) -> Recording:
    """Return what was recorded of `main(clock)`, run with a clock that stands still but for waits and its own doing.

    What it raises is dropped.
    """
    clock = clock or FakeClock()
    recorder = recorder or Recorder(clock=clock, sample_interval_s=None)
    loop = weft.Loop(FakePoller(clock), clock)
    recorder.attach(loop)
    task = loop.create_task(main(clock), name="main")
    try:
        loop.run_until_complete(task)
    except BaseException as error:
        del error
    finally:
        loop.close()
    return recorder.take()


def story(recording: Recording, without: Iterable[str] = ("run", "wait", "timer")) -> list[Happening]:
    """Return what happened, but for the kinds whose names begin with one of `without`, and how the loop stops.

    Names are without the functions that they were defined in.
    """
    told = [
        (events.MEANINGS[record.kind][0], record.number, record.value, re.sub(r"\S*<locals>\.", "", record.name))
        for record in recording
        if not events.MEANINGS[record.kind][0].startswith(tuple(without))
    ]
    if told[-2:-1] == [("call_begin", 0, 0, "Loop._stop_after")]:
        del told[-2:]
    return told


def recording_of(
    rows: Iterable[tuple[Any, ...]],
    *,
    threads: Iterable[str] = ("main",),
    tasks: dict[int, list[str]] | None = None,
    lost: int = 0,
    resolution_ns: int = 0,
    connections: Iterable[tuple[int, int, str]] = (),
) -> Recording:
    """Return a recording of rows (time_ns, kind, thread, number, value, name), of which the last may be left out."""
    packed, keys = [], []
    for row in rows:
        time_ns, kind, thread, number, value, name = (*row, *(0, 0, 0, "")[len(row) - 2 :])
        packed.append(RECORD.pack(time_ns, value, number, kind, thread))
        keys.append(name or None)
    return Recording.resolve(
        b"".join(packed), keys, lost, list(threads), tasks or {}, resolution_ns, list(connections)
    )
