"""Child processes: started, fed, read, signalled and reaped, with asyncio's SubprocessTransport interface.

A process is a Popen with a pipe transport for each of its standard streams that is a pipe, and a watch that tells of
its end (reaping.py). Its protocol is told `connection_made` first; then of bytes and ends of pipes, and of the exit,
in whatever order they come; and `connection_lost` once, last of all, when the child has ended and every pipe has.

Starting a child takes as long as the system needs to run the new program, and no longer: a tenth of a millisecond.
That is so because it is done with vfork. Python code that is to run in the child in between (preexec_fn) forbids
vfork, and may take as long as it likes, so such a child is started in a thread (`reaping.ThreadWatch`).
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import signal as signals
import subprocess
from collections.abc import Callable
from typing import Any

from weft.transports.pipe import ReadPipe, WritePipe, read_pipe, write_pipe
from weft.transports.reaping import PidfdWatch, ThreadWatch, discard, kill, reap, watch_child

logger = logging.getLogger("weft")

# States.
STARTING = 0
RUNNING = 1
EXITED = 2
OVER = 3

STATES = {
    STARTING: "the child runs, its pipes are being connected",
    RUNNING: "the child runs",
    EXITED: "the child has ended and is reaped; a pipe is still open",
    OVER: "child and pipes have ended; connection_lost was called, or is about to be",
}


class Children:
    """The children of one loop that are not over yet, those that are being started included."""

    def __init__(self) -> None:
        self.processes: dict[int, Process] = {}
        self.starting: dict[int, ThreadWatch] = {}

    def end_all(self) -> None:
        """Kill and reap every child, and close its pipes: the loop is closing, nobody is told of anything."""
        for watch in list(self.starting.values()):
            watch.give_up()
        self.starting.clear()
        for process in list(self.processes.values()):
            process.end()
        self.processes.clear()


class Process(asyncio.SubprocessTransport):
    """A child process, and the transports of its pipes."""

    def __init__(
        self,
        loop: Any,
        children: Children,
        popen: subprocess.Popen[bytes],
        protocol: Any,
        context: contextvars.Context,
    ) -> None:
        super().__init__({"subprocess": popen})
        self.loop = loop
        self.children = children
        self.popen = popen
        self.protocol = protocol
        self.context = context
        self.state = STARTING
        self.is_asked_to_close = False
        self.returncode: int | None = None
        self.pipes: dict[int, ReadPipe | WritePipe] = {}
        self.open_pipes = 0
        self.watch: PidfdWatch | ThreadWatch | None = None
        self.exit_callbacks: list[Callable[[int], None]] = []

    def __repr__(self) -> str:
        how = "running" if self.returncode is None else f"returncode={self.returncode}"
        return f"<weft.Process pid={self.popen.pid} {how} pipes={sorted(self.pipes)}>"

    # -- beginning

    def start(self, watch: ThreadWatch | None = None) -> None:
        """Connect the pipes, watch the child, and tell the protocol. `watch`: the thread that started the child.

        If anything of that fails, the child is killed and reaped, and nothing is left open.
        """
        try:
            for fd, pipe, make in (
                (0, self.popen.stdin, write_pipe),
                (1, self.popen.stdout, read_pipe),
                (2, self.popen.stderr, read_pipe),
            ):
                if pipe is not None:
                    self.connect(fd, make(self.loop, pipe, ChildPipe(self, fd), self.context))
            if watch is None:
                self.watch = watch_child(self.loop, self.popen, self.ended, self.context)
            else:
                self.watch = watch
                watch.when_ended(self.ended)
        except BaseException:
            self.end()
            raise
        self.state = RUNNING
        self.children.processes[id(self)] = self
        self.context.run(self.call, "connection_made", self)

    def connect(self, fd: int, pipe: ReadPipe | WritePipe) -> None:
        """Start the transport of one of the child's standard streams."""
        pipe.start()
        self.pipes[fd] = pipe
        self.open_pipes += 1

    # -- what happens

    def ended(self) -> None:
        """The child has ended: reap it, and tell so."""
        returncode = reap(self.popen)
        assert returncode is not None, f"child {self.popen.pid} was said to have ended, and runs"
        self.returncode = returncode
        self.state = EXITED
        callbacks = self.exit_callbacks
        self.exit_callbacks = []
        try:
            self.call("process_exited")
        finally:  # also if that is interrupted
            for callback in callbacks:
                callback(returncode)
            self.finish_if_over()

    def pipe_lost(self, fd: int, error: BaseException | None) -> None:
        """One of the pipes has ended."""
        if self.state == STARTING or self.state == OVER:
            return  # starting failed: the protocol never heard of the child
        self.open_pipes -= 1
        try:
            self.call("pipe_connection_lost", fd, error)
        finally:
            self.finish_if_over()

    def finish_if_over(self) -> None:
        """Tell `connection_lost` in the next turn, once child and pipes have ended: the last of them comes here."""
        if self.state == EXITED and self.open_pipes == 0:
            self.state = OVER
            self.loop.call_soon(self.finish, context=self.context)

    def finish(self) -> None:
        """Tell the protocol that all is over."""
        self.children.processes.pop(id(self), None)
        self.call("connection_lost", None)

    def call(self, method: str, *args: Any) -> None:
        """Call a method of the protocol's; report what it raises, and go on."""
        try:
            getattr(self.protocol, method)(*args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.loop.report(
                {
                    "message": f"protocol.{method}() failed",
                    "exception": error,
                    "transport": self,
                    "protocol": self.protocol,
                }
            )

    def when_exited(self, callback: Callable[[int], None]) -> None:
        """Call `callback(status)` once the child has ended; at once if it has."""
        if self.returncode is not None:
            callback(self.returncode)
        else:
            self.exit_callbacks.append(callback)

    # -- ending

    def is_closing(self) -> bool:
        """Return whether `close` was called."""
        return self.is_asked_to_close

    def close(self) -> None:
        """Close the pipes, and kill the child if it runs. It is reaped as ever, and the protocol told."""
        if self.is_asked_to_close:
            return
        self.is_asked_to_close = True
        for pipe in self.pipes.values():
            pipe.close()
        if self.returncode is None:
            kill(self.popen)

    def end(self) -> None:
        """Kill and reap the child and close its pipes at once; nobody is told."""
        is_lost = self.state == RUNNING and reap(self.popen) is None
        self.state = OVER
        self.is_asked_to_close = True
        kill(self.popen)  # before its pipes end, which might move it to something else
        for pipe in self.pipes.values():
            pipe.abort()
        discard(self.popen)
        self.returncode = self.popen.returncode
        if self.watch is not None:
            self.watch.close()
        if is_lost:
            logger.warning("%r was killed: its loop was closed while it ran", self)

    # -- what it is

    def get_pid(self) -> int:
        """Return the child's number."""
        return self.popen.pid

    def get_returncode(self) -> int | None:
        """Return the child's status, below zero for a signal's number; None until its end was told."""
        return self.returncode

    def get_pipe_transport(self, fd: int) -> Any:
        """Return the transport of the child's stdin (0), stdout (1) or stderr (2); None if that is no pipe."""
        return self.pipes.get(fd)

    def send_signal(self, signal: int) -> None:
        """Send a signal to the child; to one that has just ended none is sent.

        Raises ProcessLookupError once child and pipes are over, and where the system refuses, OSError.
        """
        if self.state == OVER:
            raise ProcessLookupError(f"child process {self.popen.pid} has ended")
        if reap(self.popen) is None:
            self.popen.send_signal(signal)

    def terminate(self) -> None:
        """Ask the child to end (SIGTERM)."""
        self.send_signal(signals.SIGTERM)

    def kill(self) -> None:
        """End the child (SIGKILL)."""
        self.send_signal(signals.SIGKILL)

    def set_protocol(self, protocol: Any) -> None:
        """Tell another protocol from now on."""
        self.protocol = protocol

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self.protocol


class ChildPipe(asyncio.Protocol):
    """The protocol of one of a child's pipes: it tells the child's."""

    def __init__(self, process: Process, fd: int) -> None:
        self.process = process
        self.fd = fd

    def data_received(self, data: bytes) -> None:
        """Hand on what the child wrote."""
        self.process.call("pipe_data_received", self.fd, data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Hand on that the pipe has ended."""
        self.process.pipe_lost(self.fd, exc)

    def pause_writing(self) -> None:
        """Hand on that the child reads too slowly."""
        self.process.protocol.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that the child has read on."""
        self.process.protocol.resume_writing()
