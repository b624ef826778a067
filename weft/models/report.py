"""What a comparison found: for each model, what every task came to, how long it took, and its recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weft.record.recording import Recording


@dataclass(frozen=True)
class Run:
    """The tasks, run once under one model."""

    model: str
    """The model's name, as `compare` takes it."""
    title: str
    """The model's name in words, for a heading."""
    caption: str
    """What the model does, in a few words."""
    names: Sequence[str]
    """The tasks' names, in the order in which they were given; results, exceptions and times are in the same one."""
    results: Sequence[Any]
    """What each task returned; None for one that raised."""
    exceptions: Sequence[BaseException | None]
    """What each task raised; None for one that returned."""
    task_s: Sequence[float]
    """How long each task took, from its start to its end, in seconds."""
    wall_s: float
    """From the start of the first task to the end of the last, in seconds."""
    cpu_s: float
    """CPU time that the whole process used meanwhile, in seconds, less what sampling for the recording took."""
    threads: int
    """How many threads ran tasks."""
    recording: Recording
    """What really ran."""

    @property
    def ratio(self) -> float:
        """The wall time, as a share of the sum of what the tasks took one by one: 1 where nothing overlapped."""
        return self.wall_s / (sum(self.task_s) or 1.0)


@dataclass(frozen=True)
class Report:
    """A comparison: one run for each model, in the order in which the models were asked for."""

    runs: Sequence[Run]

    @property
    def results_are_equal(self) -> bool:
        """Whether every model gave the same results, and the same kinds of exceptions with the same texts."""
        first = self.runs[0]
        return all(outcomes(run) == outcomes(first) for run in self.runs)

    @property
    def has_failures(self) -> bool:
        """Whether any task raised under any model."""
        return any(error is not None for run in self.runs for error in run.exceptions)


def outcomes(run: Run) -> list[tuple[Any, Any, str]]:
    """Return what each task came to, in a form that can be compared."""
    return [(result, type(error), str(error)) for result, error in zip(run.results, run.exceptions, strict=True)]
