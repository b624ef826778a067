"""The models of running tasks: the same tasks, run one after another, in threads, or interleaved in one thread.

    report = weft.compare([loom, train, river])
    for run in report.runs:
        print(run.model, run.wall_s, run.results)

Each run is recorded; `run.recording.timeline()` is what `weft.figures` draws.
"""

from weft.models.comparison import compare
from weft.models.report import Report, Run
from weft.models.tasks import load_tasks, task

__all__ = ["Report", "Run", "compare", "load_tasks", "task"]
