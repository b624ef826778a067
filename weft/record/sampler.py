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
        if not interval_s > 0:
            raise ValueError(f"the interval between samples must be more than 0 s, not {interval_s}")
        self.recorder = recorder
        self.interval_s = interval_s
        self.lock = threading.Lock()
        self.wake = threading.Event()
        self.clocks: dict[int, list[int]] = {}
        self.worker: threading.Thread | None = None

    def watch(self, number: int, ident: int) -> None:
        """Watch the calling thread, whose identity is `ident`; it must call `unwatch` before it ends."""
        clock = time.pthread_getcpuclockid(ident)
        with self.lock:
            self.clocks[number] = [clock, time.clock_gettime_ns(clock), time.monotonic_ns()]
            if self.worker is None:
                self.wake.clear()
                self.worker = threading.Thread(target=self.work, name="weft-sampler", daemon=True)
                self.worker.start()

    def unwatch(self, number: int) -> None:
        """Watch a thread no more; what it computed up to now is recorded."""
        with self.lock:
            self.sample(number)
            self.clocks.pop(number, None)
            if not self.clocks:
                self.worker = None
                self.wake.set()

    def work(self) -> None:
        """Sample every watched thread at each interval, until there is none."""
        me = threading.current_thread()
        while True:
            self.wake.wait(self.interval_s)
            with self.lock:
                if self.worker is not me:
                    return
                for number in self.clocks:
                    self.sample(number)

    def sample(self, number: int) -> None:
        """Record what a thread computed since its last sample; a clock that stood still is not worth a record."""
        state = self.clocks.get(number)
        if state is None:
            return
        clock, cpu_before, at_before = state
        cpu, now = time.clock_gettime_ns(clock), time.monotonic_ns()
        if cpu > cpu_before:
            self.recorder.put_cpu(number, (now - at_before) // 1000, cpu - cpu_before)
        state[1:] = cpu, now
