"""The processes of the benchmarks: compiling the C programs, running the servers, loading one of them at a time.

Owns the servers' lives: when the `running_servers` block is left, for whatever reason, none of them is left.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from command import BenchmarkError
from peers import HERE, environment

READY_TIMEOUT_S = 20.0
END_TIMEOUT_S = 5.0
LOAD_GRACE_S = 15.0
"""How much longer than it should a load may take; the load generator's own alarm comes first."""

MOST_WARMUP_S = 0.3

SOURCES = {"loadgen": ["loadgen.c", "measure.c", "tls.c"], "c_epoll": ["c_epoll.c", "tls.c"]}
"""What each C program is compiled from."""


@dataclass
class Server:
    """One running server."""

    peer: str
    process: "subprocess.Popen[bytes]"
    errors: IO[bytes]
    port: int = 0
    _unread: bytes = field(default=b"", repr=False)

    def raise_if_ended(self) -> None:
        """Raise BenchmarkError if the server has ended."""
        if self.process.poll() is not None:
            raise BenchmarkError(f"the server {self.peer} {_how_it_ended(self.process, self.errors)}")

    def read_line(self, deadline: float) -> str:
        """Return the next line that it prints; raises BenchmarkError if it ends, or the deadline passes, before."""
        assert self.process.stdout is not None
        while b"\n" not in self._unread:
            left_s = max(0.0, deadline - time.monotonic())
            if not select.select([self.process.stdout], [], [], left_s)[0]:
                raise BenchmarkError(f"the server {self.peer} did not say in time what it should")
            piece = os.read(self.process.stdout.fileno(), 4096)
            if not piece:
                self.process.wait()
                self.raise_if_ended()
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode(errors="replace")


@dataclass(frozen=True)
class Load:
    """What a server is loaded with: `target` and `message` are loadgen's options that say where and what to send."""

    target: Sequence[str]
    message: Sequence[str]
    connections: int
    seconds: float
    depth: int = 1

    @property
    def warmup_s(self) -> float:
        """How long it runs before it is measured."""
        return min(MOST_WARMUP_S, self.seconds)


def compiled_program(name: str) -> Path:
    """Return the path of a C program of this folder, compiled first if its source is newer."""
    sources, program = [HERE / source for source in SOURCES[name]], HERE / name
    newest = max(source.stat().st_mtime for source in [*sources, *HERE.glob("*.h")])
    if program.exists() and program.stat().st_mtime >= newest:
        return program
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler) is None:
        raise BenchmarkError(f"{name} must be compiled, and there is no C compiler {compiler!r} (CC names another)")
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".compiled-") as folder:
        made = Path(folder, name)
        command = [compiler, "-O2", "-Wall", "-Wextra", "-o", str(made), *map(str, sources), "-ldl"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            raise BenchmarkError(f"{' '.join(command)} failed:\n{ended.stderr.strip()}")
        made.replace(program)  # whole or not at all: another run may be about to start it
    return program


@contextmanager
def running_servers(commands: Mapping[str, Sequence[str]], core: int) -> Iterator[list[Server]]:
    """Run each peer's command, all of them at once and on the same core; give the servers once they listen."""
    with ExitStack() as stack:
        servers = [stack.enter_context(_server(peer, command, core)) for peer, command in commands.items()]
        deadline = time.monotonic() + READY_TIMEOUT_S
        for server in servers:
            said = server.read_line(deadline)
            word, _, port = said.partition(" ")
            if word != "READY" or not port.isdecimal():
                raise BenchmarkError(f"the server {server.peer} said {said!r} instead of READY and its port")
            server.port = int(port)
        yield servers


def apply_load(server: Server, load: Load, cores: tuple[int, int]) -> tuple[dict[str, float], float]:
    """Load a server from the second core; return what the load generator measured, and what others took of a core."""
    server.raise_if_ended()
    server_core, client_core = cores
    command = [str(compiled_program("loadgen")), *load.target, *load.message, "-S", str(server.process.pid)]
    command += ["-c", str(load.connections), "-d", str(load.depth), "-t", str(load.seconds), "-w", str(load.warmup_s)]
    command += ["-A", str(server_core), "-B", str(client_core)]
    patience_s = load.seconds + load.warmup_s + LOAD_GRACE_S
    ended = subprocess.run(
        pinned(command, client_core), capture_output=True, text=True, check=False, timeout=patience_s
    )
    if ended.returncode == 0:
        measured: dict[str, float] = json.loads(ended.stdout)
        return measured, foreign_share(measured)
    server.raise_if_ended()
    raise BenchmarkError(
        f"the load on {server.peer} ended with exit code {ended.returncode}; it said: {ended.stderr.strip()}\n"
        f"the server, which still runs, said: {_said(server.errors)}"
    )


def foreign_share(measured: Mapping[str, float]) -> float:
    """Return what others took of the busier of the two cores: the time in which neither we nor nobody had it."""
    on_server_core = 1 - measured["server_core_idle"] - measured["server_share"]
    on_client_core = 1 - measured["client_core_idle"] - measured["client_share"]
    return max(0.0, on_server_core, on_client_core)


def pinned(command: Sequence[str], core: int) -> list[str]:
    """Return a command that runs the given one on one core only."""
    return ["taskset", "--cpu-list", str(core), *command]


@contextmanager
def _server(peer: str, command: Sequence[str], core: int) -> Iterator[Server]:
    process = None
    with tempfile.TemporaryFile() as errors:  # not a pipe: nobody reads it before the end, and a pipe could fill up
        try:
            with _interrupts_held() as release:
                process = subprocess.Popen(
                    pinned(command, core),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=environment(peer),
                    preexec_fn=release,  # there are no other threads here
                )
            yield Server(peer, process, errors)
        finally:
            if process is not None:
                _end(process)


@contextmanager
def _interrupts_held() -> Iterator[Callable[[], object]]:
    """Hold Ctrl-C and SIGTERM back, lest one falls between a process's start and our knowing of it.

    Gives what the new process must call to have its own signals again.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield partial(signal.pthread_sigmask, signal.SIG_SETMASK, before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _how_it_ended(process: "subprocess.Popen[bytes]", errors: IO[bytes]) -> str:
    return f"ended with exit code {process.returncode}; it said: {_said(errors)}"


def _said(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read().decode(errors="replace").strip() or "nothing"
