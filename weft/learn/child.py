"""The process in which a learner's program runs: `python -m weft.learn.child FOLDER PROGRAM`.

The program runs as under plain Python, with a recorder on every Weft loop that it makes and its threads watched.
When it is over, FOLDER has the recording (`recording.weft`) and the story (`story.json`): what it raised, what
nobody handled, which threads it started, where they stood. The first Ctrl-C interrupts the program, and both are
written all the same.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import logging
import os
import sys
import threading
import time
import traceback
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

from weft.faces.asyncio import Loop
from weft.faces.asyncio.features import load_features
from weft.learn.marks import Marks, install
from weft.learn.running import BEGUN, RECORDING, STORY
from weft.learn.watch import Watch
from weft.record import SAMPLE_INTERVAL_S, Recorder
from weft.record.recorder import Job
from weft.script import run_script

MOST_TOLD = 50
"""Of each sort of thing: a program that fails without end must not fill the disk."""


class Story:
    """What is told of a program beside its recording."""

    def __init__(self) -> None:
        self.exception: dict[str, Any] | None = None
        self.unhandled: list[str] = []
        self.never_awaited: list[str] = []
        self.threads: list[str] = []
        self.loops = 0
        self.calls: Counter[str] = Counter()

    def listen(self, folder: str) -> None:
        """Hear of everything that Python tells of when nobody handles it; it is told as ever, too."""
        self.hear_program(folder)
        self.hear_logs()
        self.hear_threads()
        self.hear_warnings()

    def hear_program(self, folder: str) -> None:
        """Hear of the exception that ends the program."""
        tell = sys.excepthook

        def hook(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
            own = [frame for frame in traceback.extract_tb(frames) if frame.filename.startswith(folder)]
            line = error.lineno if isinstance(error, SyntaxError) else own[-1].lineno if own else None
            where = own[-1].name if own else ""
            self.exception = {"type": kind.__name__, "message": str(error), "line": line, "function": where}
            tell(kind, error, frames)

        sys.excepthook = hook

    def hear_logs(self) -> None:
        """Hear of what a loop or a Deferred reports because nobody handled it."""
        story = self

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if record.levelno >= logging.ERROR:
                    add(story.unhandled, told(record))
                if logging.lastResort is not None and not logging.getLogger().handlers:
                    logging.lastResort.handle(record)  # as if there were no handler but that of last resort

        for name in ("asyncio", "weft"):
            logging.getLogger(name).addHandler(Handler(logging.WARNING))

    def hear_threads(self) -> None:
        """Hear of exceptions in threads, and of those that Python cannot raise anywhere."""
        tell_thread, tell_unraisable = threading.excepthook, sys.unraisablehook

        def in_thread(arguments: threading.ExceptHookArgs) -> None:
            name = arguments.thread.name if arguments.thread else "a thread"
            add(self.unhandled, f"{arguments.exc_type.__name__} in {name}: {arguments.exc_value}")
            tell_thread(arguments)

        def unraisable(arguments: Any) -> None:
            add(self.unhandled, f"{arguments.exc_type.__name__}: {arguments.exc_value}")
            tell_unraisable(arguments)

        threading.excepthook, sys.unraisablehook = in_thread, unraisable

    def hear_warnings(self) -> None:
        """Hear of coroutines that were made and never awaited."""
        show = warnings.showwarning

        def hear(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if category is RuntimeWarning and "was never awaited" in str(message):
                add(self.never_awaited, str(message))
            show(message, category, *rest, **more)

        warnings.showwarning = hear


def add(told: list[str], text: str) -> None:
    """Add to what is told, within a bound."""
    if len(told) < MOST_TOLD:
        told.append(text)


def told(record: logging.LogRecord) -> str:
    """Return a line of a log, and the exception that it is about."""
    text = record.getMessage().splitlines()[0]
    if record.exc_info and record.exc_info[1] is not None:
        text += f" ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
    return text


def record_loops(recorder: Recorder, story: Story) -> None:
    """Attach the recorder to every loop that is made from now on, by whatever way."""
    make = Loop.__init__

    @functools.wraps(make)
    def made(self: Loop, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        story.loops += 1
        recorder.attach(self)

    Loop.__init__ = made  # type: ignore[method-assign]


def record_threads(recorder: Recorder, marks: Marks, story: Story) -> None:
    """Have every thread that is started from now on recorded; an executor's only while it works."""
    start = threading.Thread.start

    @functools.wraps(start)
    def started(self: threading.Thread) -> None:
        target = getattr(self, "_target", None)
        home = (getattr(target, "__module__", "") or "").partition(".")[0]
        if home not in ("asyncio", "weft"):
            add(story.threads, self.name)
            if home != "concurrent":
                label = getattr(target, "__qualname__", self.name)
                is_drawn = getattr(target, "is_drawn", False)  # then it needs no other name in the picture
                work = self.run if is_drawn else Job(recorder, self.run, label, 0)

                def run_recorded() -> None:
                    try:
                        work()
                    finally:
                        marks.leave()

                self.run = run_recorded  # type: ignore[method-assign]
        start(self)

    threading.Thread.start = started  # type: ignore[method-assign]


def count_calls(folder: str, names: list[str], story: Story) -> None:
    """Count the calls of the program's functions of these names: what a recording of loops cannot tell."""
    known: dict[CodeType, str] = {}

    def follow(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            code = frame.f_code
            if code not in known:
                file = os.path.basename(code.co_filename).removesuffix(".py")
                own = {code.co_name, f"{file}.{code.co_name}"} if code.co_filename.startswith(folder) else set()
                known[code] = next((name for name in names if name in own), "")
            if known[code]:
                story.calls[known[code]] += 1

    sys.setprofile(follow)
    threading.setprofile(follow)


def import_early(folder: Path) -> None:
    """Import what Weft imports when a program first needs it: that takes a while, and no step of the program's."""
    load_features()
    for package in ("deferred", "endpoints", "services"):
        importlib.import_module(f"weft.{package}")
    if any("keep_chain" in path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("*.py")):
        importlib.import_module("weft.figures.chain_rows")


def join_threads() -> None:
    """Wait for the threads that the program left running, as Python does at its end; first for executors' jobs."""
    for found in gc.get_objects():
        if isinstance(found, ThreadPoolExecutor):
            found.shutdown()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()


def run(folder: Path, program: Path, watched: list[str]) -> int:
    """Run the program, write what was recorded to the folder, and return the exit code."""
    import_early(program.parent)
    own_folder = str(program.parent) + os.sep
    story = Story()
    recorder = Recorder(sample_interval_s=SAMPLE_INTERVAL_S)
    marks = Marks(recorder, own_folder)
    watch = Watch(str(program), marks.began_ns)
    install(marks)
    story.listen(own_folder)
    record_loops(recorder, story)
    record_threads(recorder, marks, story)
    watch.start()
    if watched:
        count_calls(own_folder, watched, story)
    (folder / BEGUN).touch()
    wall, cpu = time.monotonic(), time.process_time()
    code, _ = run_script(str(program), [])
    try:
        join_threads()
    except KeyboardInterrupt:
        code = 130
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu - recorder.sampling_s()
    sys.setprofile(None)
    marks.finish()
    recording = recorder.take()
    watch.stop()
    gc.collect()  # what is still held in a cycle has its last chance to be reported
    install(None)
    recording.save(folder / RECORDING)
    numbers = dict(recorder.threads)
    written = vars(story) | {
        "exit_code": code if isinstance(code, int) else 1,
        "wall_s": wall,
        "cpu_s": cpu,
        "marked": sorted(marks.tasks.values()),
        "stacks": marks.stacks,
        "chains": marks.chains,
        "notes": marks.notes,
        "samples": watch.samples(numbers),
    }
    (folder / STORY).write_text(json.dumps(written), encoding="utf-8")
    return code if isinstance(code, int) else 1


def main() -> int:
    """Run the program that the command line names."""
    folder, program, *watched = sys.argv[1:]
    return run(Path(folder), Path(program).absolute(), watched)


if __name__ == "__main__":
    sys.exit(main())
