"""What a test left behind, counted: descriptors, tasks, threads, child processes, transports."""

import asyncio
import gc
import os
import threading
from typing import Any

from weft.ports import Channel, DatagramChannel, Source
from weft.transports.process import Process

PATIENCE_S = 10.0
"""How long what is on its way out (a thread, a child that was killed) may take to be gone."""
TURNS_TO_TELL = 5
"""Turns in which protocols are told the end of what has given its descriptor back already."""
COUNTED = (Source, Channel, DatagramChannel, Process)
EXECUTORS = ("asyncio_", "ThreadPoolExecutor")
"""What the names of an executor's threads begin with: they stay for as long as their executor."""


class Census:
    """What there was at one moment; `left` names what came since and is still there."""

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        # Frozen: neither collected nor listed any more, so that a count looks at the new objects alone. They stay so:
        # or else each of some thousand tests would go through all that there is.
        gc.collect()
        gc.freeze()
        self.descriptors = open_descriptors()
        self.threads = set(threading.enumerate())

    def left(self) -> list[str]:
        """Name what came since and is still there, transports apart."""
        return [
            *(f"descriptor {fd}: {what}" for fd, what in sorted(open_descriptors() - self.descriptors)),
            *(f"task {task!r}" for task in asyncio.all_tasks(self.loop) if task is not current_task()),
            *(f"thread {thread!r}" for thread in set(threading.enumerate()) - self.threads if not is_pooled(thread)),
            *children(),
        ]

    def transports(self) -> list[str]:
        """Name the transports, channels and watches that came since and that somebody still holds."""
        gc.collect()
        return [repr(found) for found in gc.get_objects() if is_transport(type(found))]

    async def until_gone(self) -> list[str]:
        """Wait until nothing is left, and return what is left all the same."""
        end = self.loop.time() + PATIENCE_S
        while (left := self.left()) and self.loop.time() < end:
            await asyncio.sleep(0)
        for _ in range(TURNS_TO_TELL):
            await asyncio.sleep(0)
        return left or self.transports()


def current_task() -> Any:
    """The task that runs; None where no loop does."""
    return asyncio.current_task() if asyncio._get_running_loop() is not None else None


def open_descriptors() -> set[tuple[int, str]]:
    """Every open descriptor, with what it is."""
    found = set()
    for name in os.listdir("/dev/fd"):
        try:
            found.add((int(name), os.readlink(f"/dev/fd/{name}")))
        except OSError:
            pass  # the listing's own
    return found


def is_pooled(thread: threading.Thread) -> bool:
    return thread.name.startswith(EXECUTORS)


def is_transport(kind: type) -> bool:
    return issubclass(kind, COUNTED) and kind.__module__.startswith("weft.transports")


def children() -> list[str]:
    """Name one child that is not reaped, if there is any."""
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return []
    return ["a child that runs" if ended is None else f"a zombie: {ended}"]
