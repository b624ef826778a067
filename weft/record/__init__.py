"""Recordings: what really ran, when, for which task, and what kept it waiting.

    recorder = weft.record.Recorder()
    weft.run(main(), recorder=recorder)
    recording = recorder.take()
    recording.save("run.weft")

A recording is iterated for its records, and `timeline()` reads it as intervals, which `weft.figures` draws.
"""

from weft.record.recorder import SAMPLE_INTERVAL_S, Recorder
from weft.record.recording import Record, Recording
from weft.record.timeline import Activity, Outcome, Phase, Slice, Task, Thread, Timeline

__all__ = [
    "SAMPLE_INTERVAL_S",
    "Activity",
    "Outcome",
    "Phase",
    "Record",
    "Recorder",
    "Recording",
    "Slice",
    "Task",
    "Thread",
    "Timeline",
]
