"""What all runners print: the machine's facts, Markdown tables, and a line of progress while they work.

It also owns what a disturbed measurement is: one during which other processes took more than a tenth of a core.
"""

import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from command import BenchmarkError

MOST_FOREIGN = 0.1
"""The share of a core that other processes may take during a sample. More, and the sample is measured again."""

MOST_TRIES = 4
"""How often a sample is measured, until it is not disturbed."""


class NoisyMachineError(BenchmarkError):
    """Other processes disturbed a sample each time that it was measured."""

    def __init__(self, sample: str, foreign: float) -> None:
        super().__init__(
            f"{sample}: other processes took {foreign:.0%} of a core in the best of {MOST_TRIES} tries, and at most "
            f"{MOST_FOREIGN:.0%} is allowed. Nothing is reported, for the figures would be theirs as much as the "
            "peers'. End what else runs here (top shows it) and repeat, or give --noisy to see the figures anyway."
        )


def machine_facts() -> dict[str, str]:
    """Return what a reader must know of the machine to compare the figures with others."""
    return {
        "CPU": _cpu_model(),
        "cores": f"{len(os.sched_getaffinity(0))} usable of {os.cpu_count()}",
        "kernel": f"{platform.system()} {platform.release()}",
        "C library": " ".join(platform.libc_ver()) or "unknown",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def two_cores() -> tuple[int, int]:
    """Return the first two cores that we may use; the servers' and the load's, in this order.

    Raises BenchmarkError where there is but one: a server and its load would then measure each other.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchmarkError(f"two cores are needed, and this process may use {len(cores)}")
    return cores[0], cores[1]


def facts_list(facts: Mapping[str, str], noisy: bool) -> str:
    """Return the facts as a Markdown list, with a warning if the machine was not quiet."""
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    if noisy:
        lines.append("- **Noisy**: at least one sample was disturbed by other processes; do not quote these figures")
    return "\n".join(lines)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table: the first column to the left, the others to the right, all of them aligned."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [
        [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        for line in (lines[0], rule, *lines[1:])
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in padded)


class Progress:
    """One line on standard error that says what is being measured; on a terminal it is written over."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.step = 0
        self.what = ""
        self.on_terminal = sys.stderr.isatty()

    def show(self, what: str) -> None:
        """Say that the next step begins."""
        self.step += 1
        self.what = what
        self._write(f"{self.step}/{self.steps} {what}")

    def show_disturbed(self, foreign: float) -> None:
        """Say that other processes disturbed the step that is being measured."""
        self._write(f"{self.step}/{self.steps} {self.what}: disturbed, others took {foreign:.0%} of a core")

    def clear(self) -> None:
        """Take the line away, for whatever is written next."""
        if self.on_terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _write(self, line: str) -> None:
        if self.on_terminal:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
        else:
            print(line, file=sys.stderr, flush=True)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
