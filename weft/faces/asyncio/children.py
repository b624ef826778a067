"""Starting a child process and awaiting its end, as asyncio does both."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from weft.faces.asyncio.threads import settle
from weft.transports.process import Children, Process
from weft.transports.reaping import ThreadWatch


class ChildTransport(Process):
    """A child process whose end can be awaited."""

    async def _wait(self) -> int:
        """Return the child's status once it has ended; `asyncio.subprocess.Process.wait` asks for it."""
        future: asyncio.Future[int] = self.loop.create_future()
        self.when_exited(functools.partial(settle, future))
        return await future


async def begin_child(loop: Any, protocol: Any, args: Any, options: dict[str, Any]) -> ChildTransport:
    """Start a child; in a thread if code of the user's is to run in it first, since that may block."""
    refuse_inactive_watcher()
    popen_class: Any = subprocess.Popen
    spawn = functools.partial(popen_class, args, bufsize=0, **options)
    context = contextvars.copy_context()
    watch: ThreadWatch | None = None
    if options.get("preexec_fn") is None:
        popen = spawn()
    else:
        watch = ThreadWatch(loop, context)
        popen = await spawn_in_thread(loop, watch, spawn)
    process = ChildTransport(loop, children_of(loop), popen, protocol, context)
    try:
        process.start(watch)
    except (SystemExit, KeyboardInterrupt):
        process.close()  # nobody will get hold of it
        raise
    try:
        await asyncio.sleep(0)
    except BaseException:
        process.close()  # cancelled: nobody will get hold of it
        await process._wait()
        raise
    return process


def children_of(loop: Any) -> Children:
    """Return the children of a loop, which has none until it is asked for the first."""
    if loop._children is None:
        loop._children = Children()
    children: Children = loop._children
    return children


async def spawn_in_thread(
    loop: Any, watch: ThreadWatch, spawn: Callable[[], subprocess.Popen[bytes]]
) -> subprocess.Popen[bytes]:
    """Return the child that a thread has started; if this is cancelled, the child is killed once it is there."""
    started: asyncio.Future[None] = loop.create_future()
    starting = children_of(loop).starting
    starting[id(watch)] = watch
    try:
        watch.start(spawn, functools.partial(settle, started))
        await started
    except BaseException:
        watch.give_up()
        raise
    finally:
        starting.pop(id(watch), None)
    if watch.error is not None:
        raise watch.error
    assert watch.popen is not None
    return watch.popen


def refuse_inactive_watcher() -> None:
    """Raise RuntimeError where the program has set a child watcher of its own that is not active, as asyncio does.

    One that is active is not needed: the loop hears of its children by itself. Python 3.14 has no watchers any more.
    """
    if sys.version_info >= (3, 14):
        return
    watcher = getattr(asyncio.get_event_loop_policy(), "_watcher", None)  # get_child_watcher() would make one
    if watcher is None:
        return
    with watcher as entered:
        asked = entered if sys.version_info < (3, 12) else watcher  # as asyncio of each Python does
        if not asked.is_active():
            raise RuntimeError("the child watcher that was set is not active: attach it to a loop, or set none")
