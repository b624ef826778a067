"""Small measurements of one event loop, in this process: python loops.py KIND [--scale X].

Owns what is measured; `calls.py` runs it for each peer in turn and compares. Prints one JSON object: nanoseconds an
operation for each measurement, and the share of the time in which this process did not have its core.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from peers import LOOPS

Loop = asyncio.AbstractEventLoop

FIRED_DELAY_S = 0.001
"""The delay of the timers that fire: not 0, which uvloop would turn into a call_soon, and over by the time that all
of them are made."""

BATCH = 1000
"""How many operations a burst makes in one turn: not a flood, whose cost is memory and has a line of its own."""

WARMUP_SHARE = 0.05
"""How much of each measurement is run once before, unmeasured: caches and free lists are full then."""


def nothing() -> None:
    """Do nothing: what is measured is the way to get here."""


def in_batches(loop: Loop, count: int, batch: Callable[[int], None]) -> None:
    """Run `batch` with BATCH operations in each turn of the loop, until there were `count` of them."""
    left = count

    def turn() -> None:
        nonlocal left
        size = min(left, BATCH)
        left -= size
        batch(size)
        loop.call_soon(turn if left else loop.stop)

    loop.call_soon(turn)
    loop.run_forever()


def call_soon_chain(loop: Loop, count: int) -> None:
    """Each call schedules the next one: a turn of the loop for each."""
    left = count

    def call() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(call)
        else:
            loop.stop()

    loop.call_soon(call)
    loop.run_forever()


def call_soon_burst(loop: Loop, count: int) -> None:
    """Many calls are scheduled in one turn and run in the next."""

    def batch(size: int) -> None:
        for _ in range(size):
            loop.call_soon(nothing)

    in_batches(loop, count, batch)


def call_soon_flood(loop: Loop, count: int) -> None:
    """All calls are scheduled before the first of them runs: what a long queue costs, its memory included."""
    for _ in range(count):
        loop.call_soon(nothing)
    loop.call_soon(loop.stop)
    loop.run_forever()


def call_later_cancelled(loop: Loop, count: int) -> None:
    """Timers are made and cancelled at once, as most timeouts are."""

    def batch(size: int) -> None:
        for _ in range(size):
            loop.call_later(60, nothing).cancel()

    in_batches(loop, count, batch)


def call_later_fired(loop: Loop, count: int) -> None:
    """Timers are made, and come due together."""
    left = count

    def call() -> None:
        nonlocal left
        left -= 1
        if not left:
            loop.stop()

    for _ in range(count):
        loop.call_later(FIRED_DELAY_S, call)
    loop.run_forever()


async def sleep_0(loop: Loop, count: int) -> None:
    """One task gives way again and again."""
    for _ in range(count):
        await asyncio.sleep(0)


async def create_task_gather(loop: Loop, count: int) -> None:
    """Tasks that return at once are made and gathered, many at a time."""

    async def return_at_once() -> None:
        pass

    for begin in range(0, count, BATCH):
        size = min(BATCH, count - begin)
        await asyncio.gather(*[loop.create_task(return_at_once()) for _ in range(size)])


async def future_wake_up(loop: Loop, count: int) -> None:
    """One task waits for futures, one after another; a call of the next turn resolves each."""
    for _ in range(count):
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        await future


async def run_in_executor(loop: Loop, count: int) -> None:
    """There and back again: a call in another thread, awaited, one after another."""
    for _ in range(count):
        await loop.run_in_executor(None, nothing)


CALLBACKS: dict[str, tuple[Callable[[Loop, int], None], int]] = {
    "call_soon chain": (call_soon_chain, 500_000),
    "call_soon burst": (call_soon_burst, 500_000),
    "call_soon, a million": (call_soon_flood, 1_000_000),
    "call_later, cancelled": (call_later_cancelled, 300_000),
    "call_later, fired": (call_later_fired, 100_000),
}
COROUTINES: dict[str, tuple[Callable[[Loop, int], Coroutine[Any, Any, None]], int]] = {
    "sleep(0)": (sleep_0, 300_000),
    "create_task and gather": (create_task_gather, 100_000),
    "future wake-up": (future_wake_up, 200_000),
    "run_in_executor": (run_in_executor, 10_000),
}
"""For both: a measurement's name, what runs, and how many operations of it at a scale of 1."""

MEASUREMENTS = (*CALLBACKS, *COROUTINES)


def runner_of(name: str, loop: Loop) -> tuple[Callable[[int], object], int]:
    """Return what runs so many operations of a measurement, and how many it runs at a scale of 1."""
    if name in CALLBACKS:
        callback_body, count = CALLBACKS[name]
        return lambda operations: callback_body(loop, operations), count
    coroutine_body, count = COROUTINES[name]
    return lambda operations: loop.run_until_complete(coroutine_body(loop, operations)), count


def measure(loop: Loop, scale: float) -> tuple[dict[str, float], float]:
    """Return nanoseconds an operation for each measurement, and the share of the time that others had the core."""
    figures: dict[str, float] = {}
    wall_ns = cpu_ns = 0
    for name in MEASUREMENTS:
        run, count = runner_of(name, loop)
        operations = max(BATCH, round(count * scale))
        run(max(BATCH, round(operations * WARMUP_SHARE)))
        gc.collect()
        wall_begin, cpu_begin = time.perf_counter_ns(), time.process_time_ns()
        run(operations)
        wall, cpu = time.perf_counter_ns() - wall_begin, time.process_time_ns() - cpu_begin
        figures[name] = wall / operations
        if name != "run_in_executor":  # there the process waits: time without the core is no sign of others
            wall_ns += wall
            cpu_ns += cpu
    return figures, max(0.0, 1 - cpu_ns / wall_ns)


def main() -> int:
    """Measure one peer's loop and print the figures."""
    parser = argparse.ArgumentParser(description="Measure one event loop in this process; prints JSON.")
    parser.add_argument("kind", choices=LOOPS, help="whose event loop")
    parser.add_argument("--scale", type=float, default=1.0, help="how many operations, relative to the usual number")
    arguments = parser.parse_args()
    loop = LOOPS[arguments.kind]()
    try:
        figures, foreign = measure(loop, arguments.scale)
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
    print(json.dumps({"ns": figures, "foreign": foreign}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
