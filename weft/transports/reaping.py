"""Learning of a child's end, and taking its status, so that no child is left behind as a zombie.

Where the system has pidfds (Linux 5.3) the poller watches one. Elsewhere a thread waits for the child, without taking
its status: that is always done in the loop's thread, so that a signal never goes to a number that is another
process's by then.
"""

from __future__ import annotations

import contextvars
import logging
import os
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from weft.core import _os
from weft.ports import Source

logger = logging.getLogger("weft")

DEATH_S = 1.0
"""How long a child that was killed, or a thread that has done its work, is waited for. What takes longer (a child of
another user's, a system call that cannot be interrupted) is left to a thread."""
UNKNOWN_STATUS = 255
"""The status of a child whose real one somebody else took, as asyncio has it."""


class PidfdWatch(Source):
    """Watches a child by its pidfd, reaps it, and calls `ended()` once, within `context`, when it has ended."""

    def __init__(
        self,
        loop: Any,
        fd: int,
        popen: subprocess.Popen[bytes],
        ended: Callable[[], None],
        context: contextvars.Context,
    ) -> None:
        self.loop = loop
        self.fd = fd
        self.popen = popen
        self.ended = ended
        self.context = context
        loop.poller.add(fd, self, _os.READ)

    def ready(self, events: int) -> None:
        """The child has ended: reap it before anyone's handler of SIGCHLD can, who may take every child's status."""
        self.close()
        reap(self.popen)
        self.loop.call_soon(self.ended, context=self.context)

    def fail(self, error: BaseException) -> None:
        """Report what `ready` raised."""
        self.loop.report({"message": "Watching a child process failed", "exception": error})

    def close(self) -> None:
        """Watch no more; the descriptor is given back. Closing twice does nothing."""
        if self.fd >= 0:
            self.loop.poller.remove(self.fd)
            os.close(self.fd)
            self.fd = -1


class ThreadWatch:
    """Waits for a child in a thread, and has `ended()` called once in the loop, within `context`.

    With `start` the thread starts the child too, and has `started()` called then, with `popen` or `error` set. It
    stays while the child lives: the system may tie a child's life to the thread that made it (PR_SET_PDEATHSIG).
    """

    def __init__(self, loop: Any, context: contextvars.Context) -> None:
        self.loop = loop
        self.context = context
        self.ended: Callable[[], None] | None = None
        self.started: Callable[[], None] | None = None
        self.popen: subprocess.Popen[bytes] | None = None
        self.error: BaseException | None = None
        self.is_given_up = False
        self.has_ended = False
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def watch(self, popen: subprocess.Popen[bytes], ended: Callable[[], None]) -> None:
        """Begin to wait for a child. Raises RuntimeError when no thread can be had."""
        self.popen = popen
        self.ended = ended
        self.run(self.wait)

    def start(self, spawn: Callable[[], subprocess.Popen[bytes]], started: Callable[[], None]) -> None:
        """Begin to start a child; `started()` is called then. Raises RuntimeError when no thread can be had."""
        self.started = started
        self.run(lambda: self.spawn_and_wait(spawn))

    def when_ended(self, ended: Callable[[], None]) -> None:
        """Have `ended()` called when the child that was started has ended: soon, if it has already."""
        self.ended = ended
        if self.has_ended:
            self.loop.call_soon(self.tell_ended, context=self.context)

    def run(self, work: Callable[[], None]) -> None:
        """Do something in the thread."""
        self.thread = threading.Thread(target=work, name="weft-child", daemon=True)
        self.thread.start()

    def spawn_and_wait(self, spawn: Callable[[], subprocess.Popen[bytes]]) -> None:
        """Start the child and wait for it, in the thread."""
        try:
            popen = spawn()
        except BaseException as error:
            self.error = error
            self.tell(self.tell_started)
            return
        with self.lock:
            self.popen = popen
            is_given_up = self.is_given_up
        if is_given_up:
            discard(popen)
            return
        self.tell(self.tell_started)
        self.wait()

    def wait(self) -> None:
        """Wait for the child, in the thread."""
        assert self.popen is not None
        try:
            wait_until_ended(self.popen)
        except ChildProcessError:
            pass  # reaped meanwhile: it has ended
        self.tell(self.tell_ended)

    def tell(self, callback: Callable[[], None]) -> None:
        """Have something called in the loop."""
        try:
            self.loop.call_soon_threadsafe(callback, context=self.context)
        except RuntimeError:
            pass  # the loop was closed, and took care of the child then

    def tell_started(self) -> None:
        """Say in the loop that the child has started, or has not."""
        if not self.is_given_up and self.started is not None:
            self.started()

    def tell_ended(self) -> None:
        """Say in the loop that the child has ended, to whoever wants to know by now."""
        self.has_ended = True
        self.join()
        if not self.is_given_up and self.ended is not None:
            self.ended()

    def give_up(self) -> None:
        """Want the child no more: it is killed, now or as soon as it has started. Nothing is called any more."""
        with self.lock:
            self.is_given_up = True
            popen = self.popen
        if popen is not None:
            discard(popen)

    def close(self) -> None:
        """Call nothing any more. The thread ends with the child."""
        self.is_given_up = True
        if self.popen is not None and self.popen.returncode is not None:
            self.join()

    def join(self) -> None:
        """Wait for the thread, which has nothing left to do."""
        if self.thread is not None and self.thread is not threading.current_thread():
            self.thread.join(DEATH_S)


def watch_child(
    loop: Any, popen: subprocess.Popen[bytes], ended: Callable[[], None], context: contextvars.Context
) -> PidfdWatch | ThreadWatch:
    """Have `ended()` called in the loop, within `context`, when a child has ended. It may not be reaped yet then."""
    if hasattr(os, "pidfd_open"):
        try:
            fd = os.pidfd_open(popen.pid)
        except OSError:
            pass  # an old system, no descriptor left, or a child that was reaped at once (SIGCHLD ignored)
        else:
            try:
                return PidfdWatch(loop, fd, popen, ended, context)
            except BaseException:
                os.close(fd)
                raise
    watch = ThreadWatch(loop, context)
    watch.watch(popen, ended)
    return watch


def wait_until_ended(popen: subprocess.Popen[bytes]) -> None:
    """Wait until a child has ended, and leave it to be reaped. Raises ChildProcessError if it has been."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
    else:
        popen.wait()


def reap(popen: subprocess.Popen[bytes]) -> int | None:
    """Return a child's status if it has ended, taking it if nobody did yet; None while it runs.

    A status below zero is the number of the signal that ended it, negated.
    """
    if popen.returncode is None:
        try:
            pid, status = os.waitpid(popen.pid, os.WNOHANG)
        except ChildProcessError:
            if popen.returncode is None:  # else another thread took it through `popen` this very moment
                popen.returncode = UNKNOWN_STATUS
                logger.warning(
                    "the status of child process %d was taken by somebody else: %d is reported in its stead",
                    popen.pid,
                    UNKNOWN_STATUS,
                )
        else:
            if pid:
                popen.returncode = os.waitstatus_to_exitcode(status)
    return popen.returncode


def kill(popen: subprocess.Popen[bytes]) -> None:
    """Kill a child, if it runs and is ours to kill."""
    if reap(popen) is None:
        try:
            popen.kill()
        except (ProcessLookupError, PermissionError):
            pass  # it ended just now; or it has become another user's


def discard(popen: subprocess.Popen[bytes]) -> None:
    """Kill and reap a child that nobody wants, and close our ends of its pipes."""
    for pipe in (popen.stdin, popen.stdout, popen.stderr):
        if pipe is not None:
            pipe.close()
    kill(popen)
    try:
        popen.wait(DEATH_S)
    except subprocess.TimeoutExpired:
        threading.Thread(target=popen.wait, name="weft-child", daemon=True).start()
