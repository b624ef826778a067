"""Small measurements of one kind of Deferred, in this process: python deferred_calls.py KIND [--scale X].

Owns what is measured; `deferreds.py` runs it for each peer in turn and compares. Prints one JSON object: nanoseconds
an operation and bytes an object for each measurement, and the share of the time in which others had this core.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Generator
from typing import Any

PEERS = ("weft", "weft-pure", "twisted")

WARMUP_SHARE = 0.05
"""How much of each measurement is run once before, unmeasured."""

KEPT = 10_000
"""How many objects are kept while the memory that they hold is measured."""

STEPS = 1000
"""Steps of one generator, and awaits of one coroutine: starting it counts for little."""


def same(value: object) -> object:
    """Return the value: the least that a callback can do."""
    return value


class Kind:
    """One library's Deferred under the names that the measurements use."""

    def __init__(self, peer: str) -> None:
        if peer == "twisted":
            from twisted.internet import defer

            self.deferred: Any = defer.Deferred
            self.add_callback = "addCallback"
            self.inline_callbacks: Any = defer.inlineCallbacks
            self.ensure_deferred: Any = defer.ensureDeferred
        else:
            import weft

            self.deferred = weft.Deferred
            self.add_callback = "add_callback"
            self.inline_callbacks = weft.inline_callbacks
            self.ensure_deferred = weft.ensure_deferred

    def fired(self) -> Any:
        """Return a Deferred that has fired."""
        deferred = self.deferred()
        deferred.callback(1)
        return deferred


def make_and_fire(kind: Kind, count: int) -> None:
    """Make one and fire it: no callbacks."""
    make = kind.deferred
    for _ in range(count):
        make().callback(1)


def ten_callbacks(kind: Kind, count: int) -> None:
    """Make one, add ten callbacks, fire it."""
    make = kind.deferred
    if kind.add_callback == "addCallback":
        for _ in range(count):
            deferred = make()
            for _ in range(10):
                deferred.addCallback(same)
            deferred.callback(1)
    else:
        for _ in range(count):
            deferred = make()
            for _ in range(10):
                deferred.add_callback(same)
            deferred.callback(1)


def wait_for_another(kind: Kind, count: int) -> None:
    """One's callback returns another, which fires afterwards."""
    make = kind.deferred
    for _ in range(count):
        outer, inner = make(), make()
        getattr(outer, kind.add_callback)(lambda _, inner=inner: inner)
        getattr(outer, kind.add_callback)(same)
        outer.callback(1)
        inner.callback(2)


def inline_fired(kind: Kind, count: int) -> None:
    """A generator's step whose Deferred has fired, with making that one."""

    def routine() -> Generator[Any, Any, None]:
        for _ in range(STEPS):
            yield kind.fired()

    run = kind.inline_callbacks(routine)
    for _ in range(count // STEPS):
        run()


def inline_waiting(kind: Kind, count: int) -> None:
    """A generator's step that waits, and goes on when its Deferred fires, with making that one."""
    waiting: list[Any] = []

    def routine() -> Generator[Any, Any, None]:
        for _ in range(STEPS):
            deferred = kind.deferred()
            waiting.append(deferred)
            yield deferred

    run = kind.inline_callbacks(routine)
    for _ in range(count // STEPS):
        run()
        while waiting:
            waiting.pop().callback(1)


def await_fired(kind: Kind, count: int) -> None:
    """A coroutine's await of a Deferred that has fired: in an asyncio task, or in the library's own driver."""
    deferred = kind.fired()

    async def work() -> None:
        for _ in range(count):
            await deferred

    if kind.add_callback == "addCallback":
        kind.ensure_deferred(work())
    else:
        asyncio.run(work())


def await_future(kind: Kind, count: int) -> None:
    """An asyncio task's await of a Future that is done: what the line above is to be compared with."""

    async def work() -> None:
        future = asyncio.get_running_loop().create_future()
        future.set_result(1)
        for _ in range(count):
            await future

    asyncio.run(work())


MEASUREMENTS: dict[str, tuple[Callable[[Kind, int], None], int]] = {
    "make and fire": (make_and_fire, 300_000),
    "make, ten callbacks, fire": (ten_callbacks, 50_000),
    "wait for another": (wait_for_another, 50_000),
    "inline step, fired": (inline_fired, 200_000),
    "inline step, waits": (inline_waiting, 200_000),
    "await, fired": (await_fired, 500_000),
    "await of a done Future": (await_future, 500_000),
}
"""A measurement's name, what runs, and how many operations of it at a scale of 1."""

MEMORY = ("bytes, not fired", "bytes, with a callback", "bytes, fired")


def memory(kind: Kind) -> dict[str, float]:
    """Return the bytes that a Deferred holds: a new one, with a callback, after firing through that."""

    def bare() -> Any:
        return kind.deferred()

    def with_callback() -> Any:
        deferred = kind.deferred()
        getattr(deferred, kind.add_callback)(same)
        return deferred

    def fired() -> Any:
        deferred = with_callback()
        deferred.callback(1)
        return deferred

    figures: dict[str, float] = {}
    for name, make in zip(MEMORY, (bare, with_callback, fired), strict=True):
        kept: list[Any] = [None] * KEPT
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for index in range(KEPT):
            kept[index] = make()
        figures[name] = (tracemalloc.get_traced_memory()[0] - before) / KEPT
        tracemalloc.stop()
    return figures


def measure(kind: Kind, scale: float) -> tuple[dict[str, float], float]:
    """Return the figures, and the share of the time that others had the core."""
    figures: dict[str, float] = {}
    wall_ns = cpu_ns = 0
    for name, (run, count) in MEASUREMENTS.items():
        operations = max(STEPS, round(count * scale / STEPS) * STEPS)
        run(kind, max(STEPS, round(operations * WARMUP_SHARE)))
        gc.collect()
        wall_begin, cpu_begin = time.perf_counter_ns(), time.process_time_ns()
        run(kind, operations)
        wall, cpu = time.perf_counter_ns() - wall_begin, time.process_time_ns() - cpu_begin
        figures[name] = wall / operations
        wall_ns += wall
        cpu_ns += cpu
    return figures | memory(kind), max(0.0, 1 - cpu_ns / wall_ns)


def main() -> int:
    """Measure one peer's Deferred and print the figures."""
    parser = argparse.ArgumentParser(description="Measure one kind of Deferred in this process; prints JSON.")
    parser.add_argument("kind", choices=PEERS, help="whose Deferred")
    parser.add_argument("--scale", type=float, default=1.0, help="how many operations, relative to the usual number")
    arguments = parser.parse_args()
    figures, foreign = measure(Kind(arguments.kind), arguments.scale)
    print(json.dumps({"figures": figures, "foreign": foreign}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
