"""The recorder: an observer of loops that writes what they do into a bounded memory.

The hot path stores 24 bytes and a reference to a name's key (a code object or a type), and resolves nothing. Names
of tasks and connections are looked up once: when they end, or when the recording is taken. Nothing of the program
is kept alive but code and types.

One recorder serves any number of loops and threads: they share the ring, and each has its number there.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import time
import weakref
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from weft.core import _os
from weft.core.timers import TimerHandle
from weft.ports import Clock, Observer
from weft.record import events
from weft.record.recording import Recording
from weft.record.sampler import Sampler

DEFAULT_CAPACITY = 1 << 18
"""Records kept: at 24 bytes and a reference of 8 each, 8 MiB."""
DEEPEST_WAIT = 16
"""Coroutines looked at, from a task's own inwards, to say what it waits for."""
SAMPLE_INTERVAL_S = 0.001
"""How often to sample where a picture is wanted. It costs a few hundredths of a core, so it is off by default."""


class Recorder:
    """Records what loops and threads do. Use `attach(loop)`, or `weft.run(main(), recorder=...)`; then `take()`."""

    def __init__(
        self,
        capacity: int = DEFAULT_CAPACITY,
        *,
        waits: bool = True,
        sample_interval_s: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Make a recorder of `capacity` records, rounded up to a power of two; the newest are kept.

        With `waits`, a waiting task's record says which coroutine it waits in. With `sample_interval_s`, a thread of
        the recorder's asks each recorded thread's CPU clock that often whether it computed, which tells blocking from
        running; it is not done where the system has no such clocks (macOS). With a `clock`, times are taken from it
        instead of from the system's counters.
        """
        if capacity < 1:
            raise ValueError(f"a recorder needs room for at least one record, not {capacity}")
        self.ring = _os.Ring(capacity, clock)
        self.names_waits = waits
        sampler = None if sample_interval_s is None else Sampler(self, sample_interval_s)
        self.sampler = sampler if hasattr(time, "pthread_getcpuclockid") else None
        self.threads: dict[tuple[int, str], int] = {}
        self.lock = threading.Lock()
        self.tasks: dict[int, tuple[int, Any]] = {}
        self.tasks_made = 0
        self.names: dict[int, tuple[str, str]] = {}
        self.loops: list[weakref.ref[LoopRecorder]] = []

    def attach(self, loop: Any) -> None:
        """Record what `loop` does from now on. While it runs, call this in its thread, and `detach` too."""
        observer = LoopRecorder(self)
        self.loops = [reference for reference in self.loops if reference() is not None]
        self.loops.append(weakref.ref(observer))
        loop.observer = observer
        if loop.is_running():
            observer.run_begin(loop)

    def detach(self, loop: Any) -> None:
        """Record no more of what `loop` does."""
        observer = loop.observer
        loop.observer = None
        if isinstance(observer, LoopRecorder):
            observer.run_end(loop)

    def take(self) -> Recording:
        """Return what was recorded so far, with its names. The recorder goes on."""
        packed, keys, lost = self.ring.snapshot()
        # Lists, made at one stroke: other threads may be recording.
        names = {number: list(pair) for number, pair in list(self.names.items())}
        for number, reference in list(self.tasks.values()):
            task = reference()
            if task is not None:
                names[number] = list(self.names_of(task))
        loops = [loop for loop in [reference() for reference in list(self.loops)] if loop is not None]
        connections = [(loop.thread, number, label) for loop in loops for number, label in list(loop.labels.items())]
        threads = [name for _, name in list(self.threads)]
        return Recording.resolve(packed, keys, lost, threads, names, self.resolution_ns(), connections)

    def resolution_ns(self) -> int:
        """Return within how many ns running is told from blocking; 0 if it is not."""
        return 0 if self.sampler is None else int(self.sampler.interval_s * 1e9)

    def sampling_s(self) -> float:
        """Return the CPU time that sampling has taken so far, in seconds."""
        return 0.0 if self.sampler is None else self.sampler.own_s

    # -- threads

    def enter_thread(self, name: str = "") -> int:
        """Return the number of the calling thread, and watch its CPU clock until `leave_thread`."""
        ident = threading.get_ident()
        identity = (ident, name or threading.current_thread().name)
        with self.lock:
            number = self.threads.setdefault(identity, len(self.threads))
        if self.sampler is not None:
            self.sampler.watch(number, ident)
        return number

    def leave_thread(self, number: int) -> None:
        """Watch the calling thread's CPU clock no more."""
        if self.sampler is not None:
            self.sampler.unwatch(number)

    def put_cpu(self, thread: int, interval_us: int, used_ns: int) -> None:
        """Record that a thread computed."""
        self.ring.put(events.CPU_USED, thread, interval_us, used_ns, None)

    # -- functions that are tasks of their own, outside any loop

    def make_task(self, name: str, kind: str, thread: int, parent: int = 0) -> int:
        """Record a new task that is no asyncio task, made by task `parent` (0: by none); return its number."""
        self.tasks_made += 1
        self.names[self.tasks_made] = (name, kind)
        self.ring.put(events.TASK_MADE, thread, self.tasks_made, parent, kind)
        return self.tasks_made

    def begin_step(self, number: int, thread: int) -> None:
        """Record that such a task takes hold of a thread."""
        self.ring.put(events.STEP_BEGIN, thread, number, 0, None)

    def end_step(self, number: int, thread: int) -> None:
        """Record that such a task lets go of its thread; it may take hold of one again."""
        self.ring.put(events.STEP_END, thread, number, 0, None)

    def finish_task(self, number: int, thread: int, error: BaseException | None) -> None:
        """Record that such a task is over."""
        outcome = events.RETURNED if error is None else events.RAISED
        if type(error).__name__ == "CancelledError":  # asyncio's, or Twisted's
            outcome = events.CANCELLED
        self.ring.put(events.TASK_FINISHED, thread, number, outcome, self.names.pop(number))

    # -- asyncio's tasks

    def number_of(self, task: Any, thread: int, parent: int) -> int:
        """Return a task's number. One that is new gets the next, and is recorded as made by `parent`."""
        entry = self.tasks.get(id(task))
        if entry is not None and entry[1]() is task:
            return entry[0]
        self.tasks_made += 1
        number = self.tasks_made
        self.tasks[id(task)] = (number, weakref.ref(task))
        self.ring.put(events.TASK_MADE, thread, number, parent, code_of(task.get_coro()))
        return number

    def finish(self, task: Any, number: int, thread: int) -> None:
        """Record a task's end, with its name: it may be gone when the recording is taken."""
        self.tasks.pop(id(task), None)
        if task.cancelled():
            outcome = events.CANCELLED
        else:
            # `exception()` would mark it as seen, and asyncio would not tell of it.
            outcome = events.RETURNED if task._exception is None else events.RAISED
        self.ring.put(events.TASK_FINISHED, thread, number, outcome, self.names_of(task))

    def names_of(self, task: Any) -> tuple[str, str]:
        """Return a task's own name and the qualified name of what it runs."""
        coro = task.get_coro()
        kind: str = getattr(coro, "__qualname__", "") or getattr(
            code_of(coro), "co_qualname", type(coro).__qualname__
        )
        return (task.get_name(), kind)


class LoopRecorder(Observer):
    """The observer of one loop, writing to its recorder's ring."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.ring = self.recorder.ring
        self.is_running = False
        self.clock: Any = None
        self.thread = 0
        self.step_type: Any = None
        self.current = 0
        self.current_task: Any = None
        self.outer: list[int] = []
        self.labels: dict[int, str] = {}

    def run_begin(self, loop: Any) -> None:
        """Record that the loop begins to run, and in which thread."""
        self.clock = loop.clock
        self.thread = self.recorder.enter_thread()
        self.is_running = True
        self.ring.put(events.RUN_BEGIN, self.thread, 0, 0, None)

    def run_end(self, loop: Any) -> None:
        """Record that the loop stops running, unless it was detached already."""
        if not self.is_running:
            return
        self.is_running = False
        self.ring.put(events.RUN_END, self.thread, 0, 0, None)
        self.recorder.leave_thread(self.thread)

    def wait_begin(self, timeout_ns: int) -> None:
        """Record the begin of a wait."""
        self.ring.put(events.WAIT_BEGIN, self.thread, 0, timeout_ns, None)

    def wait_end(self, count: int) -> None:
        """Record the end of a wait."""
        self.ring.put(events.WAIT_END, self.thread, 0, count, None)

    def scheduled(self, handle: Any) -> None:
        """Record that a task was woken; other calls are recorded when they run."""
        call = handle
        task = self.task_of(call.callback)
        if task is not None:
            number = self.recorder.number_of(task, self.thread, self.current)
            self.ring.put(events.TASK_WOKEN, self.thread, number, self.current, None)

    def call_begin(self, handle: Any) -> None:
        """Record the begin of a task's step, or of a callback."""
        call = handle
        task = self.task_of(call.callback)
        if task is None:
            late_ns = self.clock.now_ns() - handle.when_ns if isinstance(handle, TimerHandle) else 0
            self.ring.put(events.CALL_BEGIN, self.thread, 0, late_ns, key_of(call.callback))
            return
        self.current_task = task
        self.current = self.recorder.number_of(task, self.thread, 0)
        self.ring.put(events.STEP_BEGIN, self.thread, self.current, 0, None)

    def call_end(self, handle: Any) -> None:
        """Record the end of a step and what the task does then, or the end of a callback."""
        task = self.current_task
        if task is None:
            self.ring.put(events.CALL_END, self.thread, 0, 0, None)
            return
        number = self.current
        self.current_task = None
        self.current = 0
        self.ring.put(events.STEP_END, self.thread, number, 0, None)
        if task.done():
            self.recorder.finish(task, number, self.thread)
            return
        waiter = task._fut_waiter
        if waiter is not None and self.is_running:  # not if this step has detached the recorder
            other = self.recorder.number_of(waiter, self.thread, 0) if isinstance(waiter, asyncio.Task) else 0
            place = wait_of(task) if self.recorder.names_waits else None
            self.ring.put(events.TASK_WAITING, self.thread, number, other, place)

    def task_made(self, task: Any) -> None:
        """Record a new task, unless its first step was seen already; an eager one may be over by now.

        What a task factory returns may be any other future: that is no task.
        """
        if not isinstance(task, asyncio.Task):
            return
        number = self.recorder.number_of(task, self.thread, self.current)
        if task.done():
            self.recorder.finish(task, number, self.thread)

    def nested_begin(self, callback: Any) -> None:
        """Record the begin of a function within a call."""
        self.ring.put(events.CALL_BEGIN, self.thread, 0, 0, key_of(callback))

    def nested_end(self) -> None:
        """Record its end."""
        self.ring.put(events.CALL_END, self.thread, 0, 0, None)

    def routine_made(self, routine: Any) -> int:
        """Record a generator or coroutine as a task; return its number."""
        kind = getattr(routine, "__qualname__", None) or type(routine).__qualname__
        return self.recorder.make_task("", kind, self.thread, self.current)

    def routine_begin(self, number: int) -> None:
        """Record the begin of one of its steps, which may come within another task's."""
        if self.current != number:
            self.ring.put(events.TASK_WOKEN, self.thread, number, self.current, None)
        self.outer.append(self.current)
        self.current = number
        self.ring.put(events.STEP_BEGIN, self.thread, number, 0, None)

    def routine_waits(self, number: int, routine: Any) -> None:
        """Record the end of a step, and where it waits."""
        self.current = self.outer.pop()
        self.ring.put(events.STEP_END, self.thread, number, 0, None)
        place = codes_of(routine) if self.recorder.names_waits else None
        self.ring.put(events.TASK_WAITING, self.thread, number, 0, place)

    def routine_ended(self, number: int, error: BaseException | None) -> None:
        """Record the end of its last step, and its own."""
        self.current = self.outer.pop()
        self.recorder.end_step(number, self.thread)
        self.recorder.finish_task(number, self.thread, error)

    def timer_made(self, timer: Any) -> None:
        """Record a new timer."""
        self.ring.put(events.TIMER_MADE, self.thread, timer.number, timer.when_ns, None)

    def timer_fired(self, timer: Any) -> None:
        """Record that a timer's moment came."""
        self.ring.put(events.TIMER_FIRED, self.thread, timer.number, 0, None)

    def channel_opened(self, number: int, owner: Any, name: Any) -> None:
        """Record a new connection."""
        label = f"{type(owner).__qualname__} {address_text(name)}".rstrip()
        self.labels[number] = label
        self.ring.put(events.CHANNEL_OPENED, self.thread, number, 0, label)

    def data_begin(self, number: int, size_bytes: int) -> None:
        """Record bytes that came in."""
        self.ring.put(events.DATA_BEGIN, self.thread, number, size_bytes, None)

    def data_end(self, number: int) -> None:
        """Record that the protocol has taken them."""
        self.ring.put(events.DATA_END, self.thread, number, 0, None)

    def data_sent(self, number: int, size_bytes: int) -> None:
        """Record bytes that left."""
        self.ring.put(events.DATA_SENT, self.thread, number, size_bytes, None)

    def channel_closed(self, number: int, owner: Any, error: BaseException | None) -> None:
        """Record a connection's end, with its name once more: its beginning may be overwritten by now."""
        value = 0 if error is None else 1
        self.ring.put(events.CHANNEL_CLOSED, self.thread, number, value, self.labels.pop(number, None))

    def job(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Return `call` so that its run in another thread is recorded, for the task that is running now."""
        recorder = self.recorder
        key = key_of(call)
        return Job(recorder, call, key, self.current)

    def task_of(self, callback: Any) -> Any:
        """Return the task of which `callback` is a step; None if it is a step of none."""
        kind = type(callback)
        if kind is FunctionType:
            return None
        if kind is BuiltinFunctionType:
            return callback.__self__ if callback.__name__ == "task_wakeup" else None
        if kind is self.step_type:
            return callback.__self__
        if kind is MethodType:
            owner = callback.__self__
            is_step = isinstance(owner, asyncio.Task) and callback.__name__ in ("__step", "__wakeup")
            return owner if is_step else None
        if kind.__name__ == "TaskStepMethWrapper":
            self.step_type = kind
            return callback.__self__
        return None


class Job:
    """A function that runs in a thread of an executor, recorded there."""

    def __init__(self, recorder: Recorder, call: Callable[[], Any], key: Any, task: int) -> None:
        self.recorder = recorder
        self.call = call
        self.key = key
        self.task = task

    def __call__(self) -> Any:
        """Call the function; record its begin and its end."""
        thread = self.recorder.enter_thread()
        self.recorder.ring.put(events.JOB_BEGIN, thread, 0, self.task, self.key)
        try:
            return self.call()
        finally:
            self.recorder.ring.put(events.JOB_END, thread, 0, self.task, None)
            self.recorder.leave_thread(thread)

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process as the function alone: what it does there is not recorded."""
        return unrecorded, (self.call,)


def unrecorded(call: Callable[[], Any]) -> Callable[[], Any]:
    """Return `call`: what a job is in another process."""
    return call


def key_of(callback: Any) -> Any:
    """Return what names a callback without keeping it alive: its code, its qualified name, or its type.

    A callback that only calls another names that: a partial, or an object with `__wrapped__`.
    """
    while not isinstance(callback, (FunctionType, MethodType, BuiltinFunctionType)):
        inner = callback.func if isinstance(callback, functools.partial) else getattr(callback, "__wrapped__", None)
        if inner is None:
            break
        callback = inner
    if isinstance(callback, BuiltinFunctionType):
        return callback.__qualname__
    return _os.name_key(callback)


def code_of(coro: Any) -> Any:
    """Return a coroutine's or generator's code; the type of anything else that can be awaited."""
    for attribute in ("cr_code", "gi_code", "ag_code", "stands_for"):
        code = getattr(coro, attribute, None)
        if code is not None:
            return code
    return type(coro)


def wait_of(task: Any) -> tuple[Any, ...]:
    """Return the code of each coroutine that a waiting task is in, from its own inwards."""
    return codes_of(task.get_coro())


def codes_of(coro: Any) -> tuple[Any, ...]:
    """Return the code of a coroutine or generator, and of each that it is in, from its own inwards."""
    codes: list[Any] = []
    while coro is not None and len(codes) < DEEPEST_WAIT:
        code = getattr(coro, "cr_code", None) or getattr(coro, "gi_code", None) or getattr(coro, "stands_for", None)
        if code is None:
            break
        codes.append(code)
        coro = getattr(coro, "cr_await", None) or getattr(coro, "gi_yieldfrom", None)
    return tuple(codes)


def address_text(address: Any) -> str:
    """Return a peer's address in the usual short form."""
    if isinstance(address, tuple) and len(address) >= 2:
        host = f"[{address[0]}]" if ":" in str(address[0]) else address[0]
        return f"{host}:{address[1]}"
    return "" if address is None else str(address)
