"""Child processes: a program's standard input and output as a connection, `ssh host nc ...` say."""

from __future__ import annotations

import asyncio
import logging
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from weft.endpoints.base import ClientEndpoint, Factory, P, check_seconds
from weft.endpoints.duplex import Bytes, Duplex
from weft.errors import EndpointError, ProcessExitError

logger = logging.getLogger("weft")

END_TIMEOUT_S = 5.0
"""How long a child may take to end once its input has, before it is asked to, and then before it is killed."""
MOST_LOGGED_BYTES = 4096
"""How much of a line of a child's standard error stands in one line of the log."""
STDIN, STDOUT, STDERR = 0, 1, 2
ERRORS = {"inherit": None, "drop": subprocess.DEVNULL, "log": subprocess.PIPE}


@dataclass(frozen=True)
class Process(ClientEndpoint):
    """Connects to a program's standard input and output by starting it; the connection lasts as long as the child.

    `close()` ends the child's input; a child that does not end by itself then gets a SIGTERM after `end_timeout_s`,
    and a SIGKILL after as long again. `abort()` kills it at once. A child that fails ends the connection with a
    ProcessExitError.
    """

    command: tuple[str, ...]
    """The program and its arguments; no shell takes part."""
    errors: Literal["inherit", "drop", "log"] = "inherit"
    """What becomes of its standard error: it goes where ours does, nowhere, or to the log, line by line."""
    folder: str | None = None
    """The folder to start it in."""
    environment: Mapping[str, str] | None = field(default=None, hash=False)
    """Its whole environment; None: ours."""
    end_timeout_s: float | None = END_TIMEOUT_S

    def __post_init__(self) -> None:
        if not self.command or not self.command[0]:
            raise EndpointError("the program is missing: the first value is its path, or a name on the PATH")
        if self.errors not in ERRORS:
            raise EndpointError(f"errors is {self.errors!r}, and must be {', '.join(ERRORS)}")
        check_seconds("end_timeout", self.end_timeout_s)

    def __str__(self) -> str:
        return shlex.join(self.command)

    async def connect(self, factory: Factory[P]) -> tuple[asyncio.Transport, P]:
        """Start the program. Raises OSError where that cannot be done."""
        _, ends = await asyncio.get_running_loop().subprocess_exec(
            lambda: ChildEnds(Child(factory(), self)),
            *self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=ERRORS[self.errors],
            cwd=self.folder,
            env=self.environment,
        )
        return ends.connection, cast(P, ends.connection.get_protocol())


class Child(Duplex):
    """The connection to a child process."""

    def __init__(self, protocol: asyncio.BaseProtocol, endpoint: Process) -> None:
        super().__init__(protocol)
        self.endpoint = endpoint
        self.process: asyncio.SubprocessTransport
        self.is_killed = False
        self.is_output_over = False
        self._timer: asyncio.TimerHandle | None = None

    def write(self, data: Bytes) -> None:
        """Send bytes to the child's input. If it has closed that, they are lost, and the end tells."""
        if self.writing.is_closing() and not self.has_written_eof and not self._is_closing:
            if data:
                self.failed(BrokenPipeError(f"{self.endpoint.command[0]} closed its input before it took all"))
        else:
            super().write(data)

    def close_both(self) -> None:
        """End the child's input; take what it still says, so that it can end, and give it a bounded time."""
        self.writing.close()
        if not self.is_output_over:
            self.reading.resume_reading()
        self._set_timer(self.process.terminate)

    def abort(self) -> None:
        """Kill the child."""
        self._is_closing = self.is_killed = True
        self._drop_timer()
        self.process.close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the child's transport (an asyncio.SubprocessTransport) under "process", its number under "pid"."""
        if name == "process":
            return self.process
        return self.process.get_pid() if name == "pid" else default

    def child_ended(self) -> None:
        """The child is gone, and all that it said has come."""
        self._drop_timer()
        returncode = self.process.get_returncode()
        if returncode and not self.is_killed:
            said = f"signal {-returncode} ended it" if returncode < 0 else f"its status is {returncode}"
            self.failed(ProcessExitError(f"{self.endpoint.command[0]} failed: {said}", returncode))
        self.process.close()
        self.ended()

    def _set_timer(self, act: Any) -> None:
        if self.endpoint.end_timeout_s is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.endpoint.end_timeout_s, self._time_is_over, act)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_over(self, act: Any) -> None:
        self.is_killed = True
        try:
            act()
        except ProcessLookupError:
            return  # it has ended; something that it started still holds its output
        if act == self.process.terminate:
            self._set_timer(self.process.kill)


class ChildEnds(asyncio.SubprocessProtocol):
    """What the loop tells of a child, for its connection."""

    def __init__(self, connection: Child) -> None:
        self.connection = connection
        self._line = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Its pipes are there."""
        connection = self.connection
        connection.process = cast(asyncio.SubprocessTransport, transport)
        connection.writing = cast(asyncio.WriteTransport, connection.process.get_pipe_transport(STDIN))
        connection.reading = cast(asyncio.ReadTransport, connection.process.get_pipe_transport(STDOUT))
        connection.open()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """It said something."""
        if fd == STDOUT:
            self.connection.came(data)
            return
        *lines, rest = (self._line + data).split(b"\n")
        for line in lines:
            for start in range(0, max(len(line), 1), MOST_LOGGED_BYTES):
                self._log(line[start : start + MOST_LOGGED_BYTES])
        while len(rest) > MOST_LOGGED_BYTES:
            self._log(rest[:MOST_LOGGED_BYTES])
            rest = rest[MOST_LOGGED_BYTES:]
        self._line = rest

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """It closed one of its pipes."""
        if fd == STDOUT:
            self.connection.is_output_over = True
            self.connection.input_ended()
        elif fd == STDIN:
            if exc is not None and not self.connection.is_killed:
                self.connection.failed(exc)
        elif self._line:
            self._log(self._line)
            self._line = b""

    def pause_writing(self) -> None:
        """It does not take what is written."""
        self.connection.pause_writing()

    def resume_writing(self) -> None:
        """It has taken what was written."""
        self.connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, and its pipes are."""
        if exc is not None:
            self.connection.failed(exc)
        self.connection.child_ended()

    def _log(self, line: bytes) -> None:
        text = line.decode(errors="backslashreplace")
        logger.warning(
            "%s (process %s): %s", self.connection.endpoint.command[0], self.connection.process.get_pid(), text
        )
