"""The poets as child processes: started together, ready together, ended together.

It owns the life of the processes that run `slow_server.py`, each on a free port of its own. However the block ends,
by its last line, an exception or Ctrl-C, every process has been ended and reaped when it is left.
"""

import math
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Pace:
    """How long a poem takes to arrive, and in how many pieces."""

    duration_s: float
    pieces: int

    @property
    def pause_s(self) -> float:
        """The time between one piece and the next."""
        return self.duration_s / self.pieces

    def chunk_bytes(self, poem_bytes: int) -> int:
        """Return the size of a piece of a poem that is `poem_bytes` long."""
        return math.ceil(poem_bytes / self.pieces)


class ServerNotReadyError(Exception):
    """A server ended, or said nothing, before it was ready; the message has what it wrote to its standard error."""


def poem_path(name: str) -> Path:
    """Return where the poem of this name lies."""
    return HERE / "poems" / f"{name}.txt"


@contextmanager
def poetry_servers(paces: Mapping[str, Pace], timeout_s: float = 10.0) -> Iterator[dict[str, int]]:
    """Run one server for each named poem; give each name's port once all of them listen.

    Raises ServerNotReadyError if one of them is not listening within `timeout_s` of the start.
    """
    with ExitStack() as stack:
        servers = {name: stack.enter_context(_server(name, pace)) for name, pace in paces.items()}
        deadline = time.monotonic() + timeout_s
        yield {name: _wait_for_port(name, *server, deadline) for name, server in servers.items()}


def ports_variable(ports: Mapping[str, int]) -> str:
    """Return the ports in the form that the environment variable POETRY_PORTS has."""
    return ",".join(f"{name}={port}" for name, port in ports.items())


@contextmanager
def _server(name: str, pace: Pace) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Run one server process; give it and the file that its standard error goes to (a pipe could fill up)."""
    poem = poem_path(name)
    chunk_bytes = pace.chunk_bytes(poem.stat().st_size)
    command = [sys.executable, str(HERE / "slow_server.py"), str(poem)]
    command += ["--pause", str(pace.pause_s), "--chunk", str(chunk_bytes)]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        try:
            yield process, errors
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes], patience_s: float = 5.0) -> None:
    """End a process and reap it: politely at first, by force when it does not go."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also when Ctrl-C cuts the wait short; a process that has ended already is left in peace
        process.kill()
        process.wait()


def _wait_for_port(name: str, process: subprocess.Popen[bytes], errors: IO[bytes], deadline: float) -> int:
    """Return the port in the server's line "READY port", waiting for it until the deadline."""
    assert process.stdout is not None
    said = b""
    while not said.endswith(b"\n"):
        left_s = max(0.0, deadline - time.monotonic())
        if not select.select([process.stdout], [], [], left_s)[0]:
            raise _not_ready(name, "said nothing in time", errors)
        piece = os.read(process.stdout.fileno(), 4096)  # past Python's buffer, which select knows nothing of
        if not piece:
            raise _not_ready(name, f"ended with exit code {process.wait()}", errors)
        said += piece
    word, _, port = said.decode(errors="replace").strip().partition(" ")
    if word != "READY" or not port.isdecimal():
        raise _not_ready(name, f"said {said!r} instead of READY and its port", errors)
    return int(port)


def _not_ready(name: str, what: str, errors: IO[bytes]) -> ServerNotReadyError:
    errors.seek(0)
    complaint = errors.read().decode(errors="replace").strip() or "nothing"
    return ServerNotReadyError(f"the server of {name!r} {what}; on its standard error: {complaint}")
