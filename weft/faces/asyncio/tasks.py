"""What asyncio asks of a loop for each task, future and finished job: compiled, so that it is cheap.

No coroutine is touched here: tasks are asyncio's own, this only makes them.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable
from typing import Any

from weft.core.handle import Handle, make_handle
from weft.core.loop import Core

ASYNCIO = vars(asyncio)
"""Where a class of asyncio's is found faster than as an attribute of the module."""
FACTORIES_NAME = sys.version_info >= (3, 13, 3)
"""Whether a task's name is the task factory's to give; before that Python, the loop sets it afterwards."""


class Tasks(Core):
    """Tasks, futures, debug mode's question, and calls from other threads."""

    def __init__(self, waker: Any) -> None:
        self._waker = waker
        self._task_factory: Any = None

    def _check_closed(self) -> None:
        if self.is_over:
            raise RuntimeError("Event loop is closed")

    def get_debug(self) -> bool:
        """Return whether debug mode is on."""
        return self.is_debugging

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        """Call `callback(*args)` soon; may be called from any thread, and wakes the loop."""
        if self.is_over:
            raise RuntimeError("Event loop is closed")
        handle = make_handle(callback, args, context)
        if self.is_debugging:
            from weft.faces.asyncio import debugging

            debugging.check_callback(callback, "call_soon_threadsafe")
            handle.origin = debugging.stack_of_caller()
        self.inbox.append(handle)
        self.inbox_is_filled = True
        self._waker.wake()
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        """Return a new future of this loop."""
        return asyncio.Future(loop=self)  # type: ignore[arg-type]  # its other bases make a loop of it

    def create_task(
        self,
        coro: Any,
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
        **options: Any,
    ) -> asyncio.Task[Any]:
        """Return a new task that runs `coro`. Further options are the Task's own, or the task factory's."""
        if self.is_over:
            raise RuntimeError("Event loop is closed")
        if self._task_factory is not None:
            task: Any = self._make_task(coro, name, context, options)
        else:
            make = ASYNCIO["Task"]
            if name is None and context is None and not options:
                task = make(coro, loop=self)
            else:
                task = make(coro, loop=self, name=name, context=context, **options)
            if self.is_debugging and task._source_traceback:
                from weft.faces.asyncio import debugging

                debugging.forget_own_line(task)
        if self.observer is not None:
            self.observer.task_made(task)
        return task  # type: ignore[no-any-return]

    def _make_task(
        self, coro: Any, name: str | None, context: contextvars.Context | None, options: dict[str, Any]
    ) -> Any:
        """Have the task factory make a task. It is told only of the options that were given."""
        if context is not None:
            options["context"] = context
        if name is not None and FACTORIES_NAME:
            options["name"] = name
        task = self._task_factory(self, coro, **options)
        if name is not None and not FACTORIES_NAME:
            try:
                task.set_name(name)
            except AttributeError:
                pass  # a factory's future without a name
        return task

    def set_task_factory(self, factory: Any) -> None:
        """Have tasks made by `factory(loop, coro, **options)`; None for asyncio's own."""
        if factory is not None and not callable(factory):
            raise TypeError("task factory must be a callable or None")
        self._task_factory = factory

    def get_task_factory(self) -> Any:
        """Return the task factory, None for asyncio's own tasks."""
        return self._task_factory
