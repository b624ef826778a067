"""Whether a thread computed or waited, asked of its own CPU clock at short intervals.

A thread of the recorder's wakes every interval and reads the CPU clock of each recorded thread. Where the clock
advanced, the thread computed for that long within the interval; where it did not, the thread waited. Nothing of the
program is changed for it, so it holds for any blocking call; its resolution is the interval, and longer while a
thread holds the interpreter (up to `sys.getswitchinterval()`).
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft.record.recorder import Recorder


class Sampler:
    """Watches the CPU clocks of threads. Its own thread lives while there is a thread to watch."""

    def __init__(self, recorder: Recorder, interval_s: float) -> None:
        if not 0 < interval_s <= threading.TIMEOUT_MAX:
            raise ValueError(f"the interval between samples must be more than 0 s and finite, not {interval_s}")
        self.recorder = recorder
        self.interval_s = interval_s
        self.lock = threading.Lock()
        self.clocks: dict[int, list[int]] = {}
        self.depths: dict[int, int] = {}
        self.worker: threading.Thread | None = None
        self.own_s = 0.0
        """CPU time that sampling itself has taken, in seconds."""

    def watch(self, number: int, ident: int) -> None:
        """Watch the calling thread, whose identity is `ident`; it should call `unwatch` before it ends.

        Watching a thread twice takes two `unwatch` to end: a job may run in its own loop's thread.
        """
        clock = time.pthread_getcpuclockid(ident)
        with self.lock:
            self.sample(number)
            self.depths[number] = self.depths.get(number, 0) + 1
            self.clocks[number] = [clock, time.clock_gettime_ns(clock), time.monotonic_ns()]
            if self.worker is None:
                self.worker = threading.Thread(target=self.work, name="weft-sampler", daemon=True)
                self.worker.start()

    def unwatch(self, number: int) -> None:
        """Watch a thread no more; what it computed up to now is recorded."""
        with self.lock:
            self.sample(number)
            self.depths[number] = self.depths.get(number, 1) - 1
            if self.depths[number] <= 0:
                self.forget(number)

    def work(self) -> None:
        """Sample every watched thread at each interval, until there is none."""
        me = threading.current_thread()
        spent_s = 0.0
        while True:
            time.sleep(self.interval_s)
            self.own_s += time.thread_time() - spent_s
            spent_s = time.thread_time()
            with self.lock:
                if self.worker is not me:
                    return
                for number in list(self.clocks):
                    self.sample(number)

    def forget(self, number: int) -> None:
        """Drop a thread; after the last one, this sampler's thread ends."""
        self.clocks.pop(number, None)
        self.depths.pop(number, None)
        if not self.clocks:
            self.worker = None

    def sample(self, number: int) -> None:
        """Record what a thread computed since its last sample; a clock that stood still is not worth a record."""
        state = self.clocks.get(number)
        if state is None:
            return
        clock, cpu_before, at_before = state
        try:
            cpu, now = time.clock_gettime_ns(clock), time.monotonic_ns()
        except OSError:  # the thread ended without a word
            self.forget(number)
            return
        if cpu > cpu_before:
            self.recorder.put_cpu(number, (now - at_before) // 1000, cpu - cpu_before)
        state[1:] = cpu, now
