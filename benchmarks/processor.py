"""Where the CPU's time goes: a core's idle time and a process's CPU time, read before and after what is measured."""

import resource
import time
from dataclasses import dataclass
from pathlib import Path

IDLE_COLUMNS = (3, 4)
"""Of a core's line in /proc/stat (man 5 proc_stat): idle and iowait."""

TIME_COLUMNS = 8
"""How many of its columns add up to the core's whole time; those after them are within others."""


@dataclass(frozen=True)
class CoreTime:
    """How long a core existed, and was idle, in the kernel's ticks (usually 10 ms)."""

    idle: int
    all: int

    def idle_share_since(self, before: "CoreTime") -> float:
        """Return how much of the time since then the core had nothing to do."""
        return (self.idle - before.idle) / max(1, self.all - before.all)


def core_time(core: int) -> CoreTime:
    """Return a core's time so far."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *columns = line.split()
        if name == f"cpu{core}":
            ticks = [int(column) for column in columns[:TIME_COLUMNS]]
            return CoreTime(sum(ticks[column] for column in IDLE_COLUMNS), sum(ticks))
    raise ValueError(f"/proc/stat has no core {core}")


def process_cpu_s(process_id: int) -> float:
    """Return the CPU time that a process has used, all of its threads together, to the nanosecond."""
    return time.clock_gettime(~process_id << 3 | 2)  # what clock_getcpuclockid(3) gives on Linux


def children_cpu_s() -> float:
    """Return the CPU time of all children of this process that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
