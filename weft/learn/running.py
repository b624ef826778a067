"""Running a learner's program in a process of its own, under a time limit, and what came of it."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from weft.errors import RecordingError
from weft.learn.watch import Sample, slept_ns
from weft.record import Activity, Recording, Slice, Task, Timeline

BEGUN, RECORDING, STORY = "begun", "recording.weft", "story.json"
"""The files by which the program's process tells that the program begins, what was recorded, and how it ended."""
USUAL_START_S = 0.5
"""How long it takes until a program begins on a machine that is not busy. A busy one gets more time for all of it."""
FAREWELL_S = 5.0
"""How long an interrupted program may take to end and to write its recording."""
Echo = Callable[[str, IO[str]], None]


@dataclass(frozen=True)
class Raised:
    """The exception that ended a program."""

    type: str
    message: str
    line: int | None
    """The line of the program that it came through last."""
    function: str

    def __str__(self) -> str:
        place = "" if self.line is None else f" in line {self.line}"
        return f"{self.type}{place}: {self.message}" if self.message else f"{self.type}{place}"


@dataclass(frozen=True)
class Run:
    """One run of a program: what it printed, how it ended, and what was recorded."""

    program: Path
    exit_code: int
    """0 for a program that ended well; negative for one that a signal ended."""
    output: str
    errors: str
    limit_s: float
    is_over_time: bool = False
    """Whether it was stopped because it did not end within the limit."""
    recording: Recording | None = None
    exception: Raised | None = None
    unhandled: Sequence[str] = ()
    """What a loop, a thread or a Deferred reported because nobody handled it."""
    never_awaited: Sequence[str] = ()
    threads: Sequence[str] = ()
    """The threads that it started, by their names: its own and an executor's."""
    loops: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    stacks: Sequence[dict[str, Any]] = ()
    """What `keep_stack` kept: {"title", "calls": [{"function", "file", "line", "owner"}]}, outermost first."""
    chains: Sequence[dict[str, Any]] = ()
    """What `keep_chain` kept: {"title", "rows"}; `weft.learn.chains` reads them."""
    notes: Sequence[tuple[int, str, float]] = ()
    """What `note` noted: (ns since the recorder was made, name, value)."""
    calls: dict[str, int] = field(default_factory=dict)
    """How often each function of `Chapter.watched` was called."""
    marked: Sequence[int] = ()
    """The numbers of tasks that `@drawn` made."""
    samples: Sequence[Sample] = ()
    sources: dict[str, str] = field(default_factory=dict)
    """The program and the files beside it that held a thread, as they were when it ran: path -> text."""

    @functools.cached_property
    def timeline(self) -> Timeline:
        """What was recorded, as intervals. A marked task is over after its last step, not when the program is."""
        if self.recording is None:
            return Timeline((), (), (), 0)
        timeline = self.recording.timeline()
        return replace(timeline, tasks=[self._cut(task) for task in timeline.tasks])

    def _cut(self, task: Task) -> Task:
        last = task.phases[-1] if task.phases else None
        if task.number not in self.marked or last is None or last.activity is not Activity.WAITING:
            return task
        return replace(task, phases=task.phases[:-1], end_ns=last.begin_ns)

    @functools.cached_property
    def begin_ns(self) -> int:
        """When the timeline begins, in ns since the recorder was made: what samples and notes count from."""
        first = next(iter(self.recording or ()), None)
        return 0 if first is None else first.time_ns

    @property
    def lines(self) -> list[str]:
        """What it printed, without the spaces at the ends of lines."""
        return [line.rstrip() for line in self.output.splitlines()]

    def source(self, line: int, file: str = "") -> str:
        """Return a line of the program, or of another file, for evidence."""
        lines = self.sources.get(file or str(self.program.absolute()), "").splitlines()
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""

    def told(self, place: tuple[str, int] | None) -> str:
        """Return a place in words, to follow others: " in line 12: time.sleep(1)"."""
        if place is None:
            return ""
        file, line = place
        whose = "" if file == str(self.program.absolute()) else f" of {os.path.basename(file)}"
        return f" in line {line}{whose}: {self.source(line, file)}"

    # -- who was there

    def task(self, name: str) -> Task | None:
        """Return the first task of this name."""
        return next((task for task in self.timeline.tasks if task.name == name), None)

    def name_of(self, number: int | None) -> str:
        """Return a task's name by its number."""
        return next((task.name for task in self.timeline.tasks if task.number == number), "a callback")

    @property
    def threads_used(self) -> int:
        """In how many threads tasks or callbacks ran."""
        return len({piece.thread for piece in self.timeline.slices})

    # -- what held a thread

    def holds(self) -> Iterator[Hold]:
        """Return every stretch of time for which one task or callback held a thread."""
        whole: list[Slice] = []
        for piece in self.timeline.slices:
            if whole and not is_one_hold(whole[-1], piece):
                yield self._hold(whole)
                whole = []
            whole.append(piece)
        if whole:
            yield self._hold(whole)

    def _hold(self, pieces: Sequence[Slice]) -> Hold:
        first, end = pieces[0], pieces[-1].end_ns
        computed = sum(piece.end_ns - piece.begin_ns for piece in pieces if piece.running)
        by_place = slept_ns(self._samples_in(first.thread, first.begin_ns, end))
        slept = min(end - first.begin_ns - computed, sum(by_place.values()))
        place = max(by_place, key=by_place.__getitem__, default=None)
        return Hold(first.thread, first.task, first.label, first.begin_ns, end, slept, computed, place)

    def _samples_in(self, thread: int, begin_ns: int, end_ns: int) -> Sequence[Sample]:
        """Return a thread's samples between two moments of the timeline."""
        samples = self._samples_of.get(thread, [])
        low, high = (
            bisect_left(samples, at + self.begin_ns, key=lambda sample: sample.time_ns) for at in (begin_ns, end_ns)
        )
        return samples[low:high]

    @functools.cached_property
    def _samples_of(self) -> dict[int, list[Sample]]:
        found: dict[int, list[Sample]] = {}
        for sample in self.samples:
            found.setdefault(sample.thread, []).append(sample)
        return found


@dataclass(frozen=True)
class Hold:
    """A stretch of time for which one task, or a callback of none, held a thread."""

    thread: int
    task: int | None
    label: str
    begin_ns: int
    end_ns: int
    slept_ns: int
    """How long the thread slept meanwhile, for sure: a call blocked it."""
    computed_ns: int
    place: tuple[str, int] | None
    """The file and the line where it slept longest, if it slept."""


def is_one_hold(before: Slice, after: Slice) -> bool:
    """Return whether a slice goes on with what the one before it did: it computed, and then waited, or so."""
    return before.thread == after.thread and before.task == after.task and before.end_ns == after.begin_ns


def run_program(
    program: Path, *, limit_s: float, interpreted: bool = False, watched: Sequence[str] = (), echo: Echo | None = None
) -> Run:
    """Run a program to its end, or until `limit_s` is over, and return what came of it.

    The limit is for a machine that has time for it: one that is slow to begin the program has longer.

    `echo` is given what it prints, as it prints it. With `interpreted` it runs on Weft's interpreted build. Ctrl-C
    ends the program too, and is raised here. Whatever it started is ended with it.
    """
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    if interpreted:
        environment["WEFT_PURE"] = "1"
    with tempfile.TemporaryDirectory(prefix="weft-learn-") as folder:
        command = [sys.executable, "-m", "weft.learn.child", folder, str(program.absolute()), *watched]
        process = subprocess.Popen(
            command,
            cwd=program.absolute().parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            process_group=0,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        streams = [(process.stdout, sys.stdout), (process.stderr, sys.stderr)]
        texts: list[list[str]] = [[], []]
        readers = [
            threading.Thread(target=read, args=(*pair, echo, text)) for pair, text in zip(streams, texts, strict=True)
        ]
        for reader in readers:
            reader.start()
        try:
            begun_s = wait_until_begun(process, Path(folder) / BEGUN)
            is_over_time = not ends_within(process, limit_s * max(1, begun_s / USUAL_START_S))
        finally:
            end(process)
            for reader in readers:
                reader.join()
            for stream, _ in streams:
                stream.close()
        output, errors = ("".join(text) for text in texts)
        run = Run(program, process.returncode, output, errors, limit_s, is_over_time)
        return with_story(run, Path(folder))


def read(stream: IO[str], to: IO[str], echo: Echo | None, text: list[str]) -> None:
    """Take in what a program prints, line by line."""
    for line in stream:
        text.append(line)
        if echo is not None:
            echo(line, to)


def wait_until_begun(process: subprocess.Popen[str], sign: Path) -> float:
    """Wait until the program in a process begins, or the process ends; return for how long, in seconds."""
    started = time.monotonic()
    while not sign.exists() and not ends_within(process, 0):
        time.sleep(0.01)
    return time.monotonic() - started


def ends_within(process: subprocess.Popen[str], limit_s: float) -> bool:
    """Return whether a process ends by itself in time; it is left unreaped."""
    deadline = time.monotonic() + limit_s
    pause_s = 0.005
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_s)
        pause_s = min(0.05, pause_s * 1.5)
    return True


def end(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started: interrupted first, so that it can write what was recorded."""
    # Its number, which is its group's, is its own until it is reaped.
    try:
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            process.send_signal(signal.SIGINT)
            ends_within(process, FAREWELL_S)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # nobody is left; macOS says it the second way
            pass
        process.wait()


def with_story(run: Run, folder: Path) -> Run:
    """Return a run with what its process wrote; one that had to be killed wrote nothing."""
    try:
        story = json.loads((folder / STORY).read_text(encoding="utf-8"))
        recording = Recording.load(folder / RECORDING)
    except (OSError, ValueError, RecordingError):
        return run
    samples = [Sample(*sample) for sample in story["samples"]]
    raised = story["exception"]
    return replace(
        run,
        recording=recording,
        exit_code=story["exit_code"],
        exception=None if raised is None else Raised(**raised),
        samples=samples,
        sources={file: text_of(file) for file in {str(run.program.absolute()), *(sample.file for sample in samples)}},
        notes=[(at, name, value) for at, name, value in story["notes"]],
        **{
            key: story[key]
            for key in (
                "unhandled",
                "never_awaited",
                "threads",
                "loops",
                "wall_s",
                "cpu_s",
                "stacks",
                "chains",
                "calls",
                "marked",
            )
        },
    )


def text_of(file: str) -> str:
    """Return a source file's text; "" for one that cannot be read."""
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
