"""Child processes, as asyncio asks for them. `asyncio.create_subprocess_exec` and its kin work on top of these.

No child watcher takes part, so children can be started from a loop in any thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import subprocess
from collections.abc import Callable
from typing import Any

from weft.core.loop import Core
from weft.transports.process import Children, Process
from weft.transports.reaping import ThreadWatch


class ChildTransport(Process):
    """A child process whose end can be awaited."""

    async def _wait(self) -> int:
        """Return the child's status once it has ended; `asyncio.subprocess.Process.wait` asks for it."""
        future: asyncio.Future[int] = self.loop.create_future()
        self.when_exited(functools.partial(settle, future))
        return await future


class Processes(Core):
    """`subprocess_exec` and `subprocess_shell`."""

    def __init__(self) -> None:
        self._children = Children()

    async def subprocess_exec(
        self,
        protocol_factory: Callable[[], Any],
        program: Any,
        *args: Any,
        stdin: Any = subprocess.PIPE,
        stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE,
        universal_newlines: bool = False,
        shell: bool = False,
        bufsize: int = 0,
        encoding: str | None = None,
        errors: str | None = None,
        text: bool | None = None,
        **kwargs: Any,
    ) -> tuple[Any, Any]:
        """Run a program with its arguments; return (transport, protocol). Further options are Popen's.

        Raises OSError when the program cannot be run, ValueError for options that only make sense with files.
        """
        if shell:
            raise ValueError("shell must be False: use subprocess_shell()")
        refuse_text(universal_newlines, bufsize, encoding, errors, text)
        protocol = protocol_factory()
        options = dict(kwargs, stdin=stdin, stdout=stdout, stderr=stderr)
        return await self._begin_child(protocol, (program, *args), options), protocol

    async def subprocess_shell(
        self,
        protocol_factory: Callable[[], Any],
        cmd: Any,
        *,
        stdin: Any = subprocess.PIPE,
        stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE,
        universal_newlines: bool = False,
        shell: bool = True,
        bufsize: int = 0,
        encoding: str | None = None,
        errors: str | None = None,
        text: bool | None = None,
        **kwargs: Any,
    ) -> tuple[Any, Any]:
        """Run a command line in the shell; return (transport, protocol). Further options are Popen's.

        Raises OSError when the shell cannot be run, ValueError for options that only make sense with files.
        """
        if not isinstance(cmd, (bytes, str)):
            raise ValueError(f"cmd must be a string, not {cmd!r}")
        if not shell:
            raise ValueError("shell must be True: use subprocess_exec()")
        refuse_text(universal_newlines, bufsize, encoding, errors, text)
        protocol = protocol_factory()
        options = dict(kwargs, shell=True, stdin=stdin, stdout=stdout, stderr=stderr)
        return await self._begin_child(protocol, cmd, options), protocol

    async def _begin_child(self, protocol: Any, args: Any, options: dict[str, Any]) -> ChildTransport:
        """Start a child; in a thread if code of the user's is to run in it first, since that may block."""
        popen_class: Any = subprocess.Popen
        spawn = functools.partial(popen_class, args, bufsize=0, **options)
        context = contextvars.copy_context()
        watch: ThreadWatch | None = None
        if options.get("preexec_fn") is None:
            popen = spawn()
        else:
            watch = ThreadWatch(self, context)
            popen = await self._spawn_in_thread(watch, spawn)
        process = ChildTransport(self, self._children, popen, protocol, context)
        process.start(watch)
        try:
            await asyncio.sleep(0)
        except BaseException:
            process.close()  # cancelled: nobody will get hold of it
            await process._wait()
            raise
        return process

    async def _spawn_in_thread(
        self, watch: ThreadWatch, spawn: Callable[[], subprocess.Popen[bytes]]
    ) -> subprocess.Popen[bytes]:
        """Return the child that a thread has started; if this is cancelled, the child is killed once it is there."""
        started: asyncio.Future[None] = self.create_future()  # type: ignore[attr-defined]
        starting = self._children.starting
        starting[id(watch)] = watch
        try:
            watch.start(spawn, functools.partial(settle, started, None))
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


def settle(future: asyncio.Future[Any], result: Any) -> None:
    """Give a future that nobody cancelled its result."""
    if not future.done():
        future.set_result(result)


def refuse_text(universal_newlines: Any, bufsize: Any, encoding: Any, errors: Any, text: Any) -> None:
    """Raise ValueError for options of files and of text: what goes through the pipes is bytes."""
    if universal_newlines:
        raise ValueError("universal_newlines must be False: the pipes carry bytes")
    if bufsize != 0:
        raise ValueError(f"bufsize must be 0, not {bufsize!r}")
    if text:
        raise ValueError("text must be False: the pipes carry bytes")
    if encoding is not None:
        raise ValueError(f"encoding must be None, not {encoding!r}: the pipes carry bytes")
    if errors is not None:
        raise ValueError(f"errors must be None, not {errors!r}: the pipes carry bytes")
