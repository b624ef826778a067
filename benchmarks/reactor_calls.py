"""Small measurements of one Twisted reactor, in this process: python reactor_calls.py REACTOR [--scale X].

Owns what is measured; `twisted_reactors.py` runs it for each peer in turn and compares. Prints one JSON object, as
`loops.py` does.
"""

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from loops import BATCH, FIRED_DELAY_S, WARMUP_SHARE, nothing
from peers import REACTORS


def run_until_crash(reactor: Any, first: Callable[[], object]) -> None:
    """Run the reactor, with `first` its first call, until it crashes: the only way out that can be taken twice."""
    reactor.callWhenRunning(first)
    reactor.run(installSignalHandlers=False)


def call_later_cancelled(reactor: Any, count: int) -> None:
    """Timers are made and cancelled at once, as most timeouts are, many in each turn."""
    left = count

    def turn() -> None:
        nonlocal left
        size = min(left, BATCH)
        left -= size
        for _ in range(size):
            reactor.callLater(60, nothing).cancel()
        reactor.callLater(0, turn if left else reactor.crash)

    run_until_crash(reactor, turn)


def call_later_fired(reactor: Any, count: int) -> None:
    """Timers are made, and come due together."""
    left = count

    def call() -> None:
        nonlocal left
        left -= 1
        if not left:
            reactor.crash()

    def make() -> None:
        for _ in range(count):
            reactor.callLater(FIRED_DELAY_S, call)

    run_until_crash(reactor, make)


def call_later_chain(reactor: Any, count: int) -> None:
    """Each call schedules the next one at once: a turn of the reactor for each."""
    left = count

    def call() -> None:
        nonlocal left
        left -= 1
        reactor.callLater(0, call if left else reactor.crash)

    run_until_crash(reactor, call)


MEASUREMENTS: dict[str, tuple[Callable[[Any, int], None], int]] = {
    "callLater, cancelled": (call_later_cancelled, 200_000),
    "callLater, fired": (call_later_fired, 100_000),
    "callLater(0) chain": (call_later_chain, 100_000),
}
"""A measurement's name, what runs, and how many operations of it at a scale of 1."""


def measure(reactor: Any, scale: float) -> tuple[dict[str, float], float]:
    """Return nanoseconds an operation for each measurement, and the share of the time that others had the core."""
    figures: dict[str, float] = {}
    wall_ns = cpu_ns = 0
    for name, (body, count) in MEASUREMENTS.items():
        operations = max(BATCH, round(count * scale))
        body(reactor, max(BATCH, round(operations * WARMUP_SHARE)))
        gc.collect()
        wall_begin, cpu_begin = time.perf_counter_ns(), time.process_time_ns()
        body(reactor, operations)
        wall, cpu = time.perf_counter_ns() - wall_begin, time.process_time_ns() - cpu_begin
        figures[name] = wall / operations
        wall_ns += wall
        cpu_ns += cpu
    return figures, max(0.0, 1 - cpu_ns / wall_ns)


def main() -> int:
    """Measure one reactor and print the figures."""
    parser = argparse.ArgumentParser(description="Measure one Twisted reactor in this process; prints JSON.")
    parser.add_argument("reactor", choices=REACTORS, help="which")
    parser.add_argument("--scale", type=float, default=1.0, help="how many operations, relative to the usual number")
    arguments = parser.parse_args()
    REACTORS[arguments.reactor]()
    from twisted.internet import reactor

    figures, foreign = measure(reactor, arguments.scale)
    print(json.dumps({"ns": figures, "foreign": foreign}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
