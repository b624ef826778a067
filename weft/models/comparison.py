"""Running the same tasks under each model, and recording what really runs.

Whatever the model, a task that raises does not take the others with it, and results come in the order of the tasks.
A coroutine function runs on a Weft loop in every model: alone on it one after another and in threads, together with
the others when interleaved. A plain function is called where its turn comes; interleaved, it blocks the others.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from weft.errors import UnknownModelError
from weft.faces.asyncio import Loop, new_event_loop
from weft.models.report import Report, Run
from weft.models.tasks import NamedTask, named_tasks
from weft.record.recorder import DEFAULT_CAPACITY, SAMPLE_INTERVAL_S, Recorder


@dataclass
class Outcomes:
    """What the tasks of a run came to, filled in as they end."""

    results: list[Any] = field(default_factory=list)
    exceptions: list[BaseException | None] = field(default_factory=list)
    task_s: list[float] = field(default_factory=list)
    threads: set[threading.Thread] = field(default_factory=set)
    """The threads themselves: the number of one that ended may be given to the next."""

    @classmethod
    def of(cls, count: int) -> Outcomes:
        """Return outcomes for so many tasks, all of them still to come."""
        return cls([None] * count, [None] * count, [0.0] * count)

    def settle(self, index: int, started: float, result: Any, error: BaseException | None) -> None:
        """Note how a task ended, in the thread in which it ran."""
        self.task_s[index] = time.monotonic() - started
        self.results[index] = result
        self.exceptions[index] = error
        self.threads.add(threading.current_thread())


def run_sync(tasks: Sequence[NamedTask], recorder: Recorder, outcomes: Outcomes) -> None:
    """Run the tasks one after another in the calling thread."""
    for index in range(len(tasks)):
        run_alone(tasks[index], index, recorder, outcomes)


def run_in_threads(tasks: Sequence[NamedTask], recorder: Recorder, outcomes: Outcomes) -> None:
    """Run each task in a thread of its own."""
    interruptions: list[BaseException] = []

    def work(index: int) -> None:
        try:
            run_alone(tasks[index], index, recorder, outcomes)
        except BaseException as error:  # SystemExit and KeyboardInterrupt: for whoever compares
            interruptions.append(error)

    # Daemons: a plain function cannot be interrupted, and Ctrl-C must end the program all the same.
    threads = [
        threading.Thread(target=work, args=(index,), name=task.name, daemon=True) for index, task in enumerate(tasks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if interruptions:
        raise interruptions[0]


def run_interleaved(tasks: Sequence[NamedTask], recorder: Recorder, outcomes: Outcomes) -> None:
    """Run all the tasks on one loop in the calling thread."""
    with recorded_runner(recorder) as runner:
        run_on_loop(runner.get_loop(), list(enumerate(tasks)), outcomes)


def run_alone(task: NamedTask, index: int, recorder: Recorder, outcomes: Outcomes) -> None:
    """Run one task to its end in the calling thread: a coroutine function on a loop of its own."""
    if task.is_coroutine_function:
        with recorded_runner(recorder) as runner:
            run_on_loop(runner.get_loop(), [(index, task)], outcomes)
        return
    thread = recorder.enter_thread()
    number = recorder.make_task(task.name, getattr(task.function, "__qualname__", task.name), thread)
    started = time.monotonic()
    result: Any = None
    error: BaseException | None = None
    recorder.begin_step(number, thread)
    try:
        result = call(task)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as raised:
        error = raised
    finally:
        recorder.end_step(number, thread)
        recorder.finish_task(number, thread, error)
        recorder.leave_thread(thread)
    outcomes.settle(index, started, result, error)


def recorded_runner(recorder: Recorder) -> asyncio.Runner:
    """Return a runner that makes a recorded Weft loop, and cleans up behind it."""

    def make_loop() -> Loop:
        loop = new_event_loop()
        recorder.attach(loop)
        return loop

    return asyncio.Runner(loop_factory=make_loop)


def run_on_loop(loop: asyncio.AbstractEventLoop, tasks: Sequence[tuple[int, NamedTask]], outcomes: Outcomes) -> None:
    """Run tasks together on a loop until the last one has ended."""
    left = len(tasks)
    is_running = True

    def settle(index: int, started: float, future: asyncio.Task[Any]) -> None:
        nonlocal left
        left -= 1
        if left == 0 and is_running:  # else an interruption ends the loop, and what is left is cleaned up on it
            loop.stop()
        error: BaseException | None
        if future.cancelled():
            result, error = None, asyncio.CancelledError()
        else:
            error = future.exception()
            result = future.result() if error is None else None
        outcomes.settle(index, started, result, error)

    running = []  # a loop knows its tasks weakly: one that waits for what only itself refers to would be collected
    for index, task in tasks:
        started = time.monotonic()
        future = loop.create_task(coroutine_of(task), name=task.name)
        future.add_done_callback(lambda done, index=index, started=started: settle(index, started, done))  # type: ignore[misc]
        running.append(future)
    try:
        loop.run_forever()
    finally:
        is_running = False


def coroutine_of(task: NamedTask) -> Coroutine[Any, Any, Any]:
    """Return a coroutine that runs the task; it is called what the task's function is called."""

    async def call_here() -> Any:
        return call(task)

    if task.is_coroutine_function:
        coroutine: Any = task.function()
    else:
        coroutine = call_here()
        coroutine.__qualname__ = getattr(task.function, "__qualname__", task.name)
    made: Coroutine[Any, Any, Any] = coroutine
    return made


def call(task: NamedTask) -> Any:
    """Call a plain function and return what it returns. What it raises can be raised from a coroutine as well."""
    try:
        result = task.function()
    except StopIteration as error:
        raise RuntimeError(f"{task.name} raised StopIteration") from error
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError(
            f"{task.name} is a plain function and returned a coroutine; make it a coroutine function (async def), "
            "or wrap one: functools.partial(function, argument)"
        )
    return result


@dataclass(frozen=True)
class Model:
    """A way to run tasks."""

    title: str
    caption: str
    run: Callable[[Sequence[NamedTask], Recorder, Outcomes], None]


MODELS = {
    "sync": Model("One after another", "one thread, one task at a time", run_sync),
    "threads": Model("In threads", "a thread for each task", run_in_threads),
    "interleaved": Model("Interleaved", "one thread, passed through the tasks in turn", run_interleaved),
}
"""The models by name, in the order in which they are explained."""


def check_models(models: Iterable[str]) -> list[str]:
    """Return the models' names as a list. Raises UnknownModelError, and ValueError if there is none."""
    names = [models] if isinstance(models, str) else list(models)
    for name in names:
        if name not in MODELS:
            raise UnknownModelError(f"there is no model {name!r}; the models are {', '.join(MODELS)}")
    if not names:
        raise ValueError(f"name at least one model: {', '.join(MODELS)}")
    return names


def compare(
    tasks: Iterable[Callable[[], Any]],
    models: Iterable[str] = tuple(MODELS),
    *,
    capacity: int = DEFAULT_CAPACITY,
    on_begin: Callable[[str], object] | None = None,
) -> Report:
    """Run the same tasks under each model, and report what each came to and what really ran.

    `tasks` are functions that take nothing, coroutine functions and plain ones alike; `models` are names among
    "sync", "threads" and "interleaved". `capacity` is how many records are kept for each model, and
    `on_begin(title)` is called before each run.

    What a task raises is in the report. KeyboardInterrupt and SystemExit pass through. Raises TypeError for what is
    no task, UnknownModelError for what is no model, RuntimeError when called while a loop runs in this thread.
    """
    named = named_tasks(tasks)
    names = check_models(models)
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("weft.compare() runs loops of its own; call it from plain code, not from a coroutine")
    runs = []
    for name in names:
        if on_begin is not None:
            on_begin(MODELS[name].title)
        runs.append(run_model(name, named, capacity))
    return Report(runs)


def run_model(name: str, tasks: Sequence[NamedTask], capacity: int) -> Run:
    """Run the tasks under one model."""
    model = MODELS[name]
    recorder = Recorder(capacity, sample_interval_s=SAMPLE_INTERVAL_S)
    outcomes = Outcomes.of(len(tasks))
    cpu_before, wall_before = time.process_time(), time.monotonic()
    model.run(tasks, recorder, outcomes)
    wall_s = time.monotonic() - wall_before
    cpu_s = time.process_time() - cpu_before - recorder.sampling_s()
    return Run(
        model=name,
        title=model.title,
        caption=model.caption,
        names=[task.name for task in tasks],
        results=outcomes.results,
        exceptions=outcomes.exceptions,
        task_s=outcomes.task_s,
        wall_s=wall_s,
        cpu_s=cpu_s,
        threads=len(outcomes.threads),
        recording=recorder.take(),
    )
