"""The processes of the echo benchmark: compiling the C programs, running the servers, loading one of them at a time.

Owns the servers' lives: when the `running_servers` block is left, for whatever reason, none of them is left.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from command import BenchmarkError
from peers import C_PEERS, HERE, environment

READY_TIMEOUT_S = 20.0
END_TIMEOUT_S = 5.0
LOAD_GRACE_S = 15.0
"""How much longer than it should a load may take; the load generator's own alarm comes first."""


@dataclass
class Server:
    """One running server."""

    peer: str
    process: "subprocess.Popen[bytes]"
    errors: IO[bytes]
    port: int
    path: str | None

    def raise_if_ended(self) -> None:
        """Raise BenchmarkError if the server has ended."""
        if self.process.poll() is not None:
            raise BenchmarkError(f"the server {self.peer} {_how_it_ended(self.process, self.errors)}")


@dataclass(frozen=True)
class Load:
    """What a server is loaded with: messages of this size, on this many connections, for this long."""

    size_bytes: int
    connections: int
    seconds: float
    warmup_s: float = 0.3


def compiled_program(name: str) -> Path:
    """Return the path of a C program of this folder, compiled first if its source is newer."""
    source, program = HERE / f"{name}.c", HERE / name
    if program.exists() and program.stat().st_mtime >= source.stat().st_mtime:
        return program
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler) is None:
        raise BenchmarkError(f"{name} must be compiled, and there is no C compiler {compiler!r} (CC names another)")
    command = [compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise BenchmarkError(f"{' '.join(command)} failed:\n{ended.stderr.strip()}")
    return program


@contextmanager
def running_servers(peers: Sequence[str], mode: str, core: int) -> Iterator[list[Server]]:
    """Run an echo server of each peer, all of them at once and on the same core; give them once they listen."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="weft-echo-"))
        paths = [f"{folder}/{peer}.sock" if mode == "unix" else None for peer in peers]
        servers = [stack.enter_context(_server(peer, path, core)) for peer, path in zip(peers, paths, strict=True)]
        deadline = time.monotonic() + READY_TIMEOUT_S
        for server in servers:
            server.port = _wait_for_port(server, deadline)
        yield servers


def apply_load(server: Server, load: Load, server_core: int, client_core: int) -> dict[str, float]:
    """Load a server from the client's core; return what the load generator measured."""
    server.raise_if_ended()
    target = ["-u", server.path] if server.path is not None else ["-p", str(server.port)]
    command = [str(compiled_program("loadgen")), *target, "-S", str(server.process.pid), "-s", str(load.size_bytes)]
    command += ["-c", str(load.connections), "-t", str(load.seconds), "-w", str(load.warmup_s)]
    command += ["-A", str(server_core), "-B", str(client_core)]
    patience_s = load.seconds + load.warmup_s + LOAD_GRACE_S
    ended = subprocess.run(
        pinned(command, client_core), capture_output=True, text=True, check=False, timeout=patience_s
    )
    if ended.returncode == 0:
        measured: dict[str, float] = json.loads(ended.stdout)
        return measured
    server.raise_if_ended()
    raise BenchmarkError(
        f"the load on {server.peer} ended with exit code {ended.returncode}; it said: {ended.stderr.strip()}\n"
        f"the server, which still runs, said: {_said(server.errors)}"
    )


def pinned(command: list[str], core: int) -> list[str]:
    """Return a command that runs the given one on one core only."""
    return ["taskset", "--cpu-list", str(core), *command]


@contextmanager
def _server(peer: str, path: str | None, core: int) -> Iterator[Server]:
    if peer in C_PEERS:
        where = ["-u", path] if path is not None else ["-p", "0"]
        command = [str(compiled_program(peer.replace("-", "_"))), *where]
    else:
        where = ["--unix", path] if path is not None else ["--port", "0"]
        command = [sys.executable, str(HERE / "servers.py"), peer, *where]
    with (
        tempfile.TemporaryFile() as errors,  # not a pipe: nobody reads it before the end, and a pipe could fill up
        subprocess.Popen(
            pinned(command, core),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment(peer),
        ) as process,
    ):
        try:
            yield Server(peer, process, errors, port=0, path=path)
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()
        process.wait()


def _wait_for_port(server: Server, deadline: float) -> int:
    """Return the port in the server's line "READY PORT"."""
    assert server.process.stdout is not None
    said = b""
    while not said.endswith(b"\n"):
        left_s = max(0.0, deadline - time.monotonic())
        if not select.select([server.process.stdout], [], [], left_s)[0]:
            raise BenchmarkError(f"the server {server.peer} was not ready within {READY_TIMEOUT_S:g} s")
        piece = os.read(server.process.stdout.fileno(), 4096)
        if not piece:
            server.process.wait()
            server.raise_if_ended()
        said += piece
    word, _, port = said.decode(errors="replace").strip().partition(" ")
    if word != "READY" or not port.isdecimal():
        raise BenchmarkError(f"the server {server.peer} said {said!r} instead of READY and its port")
    return int(port)


def _how_it_ended(process: "subprocess.Popen[bytes]", errors: IO[bytes]) -> str:
    return f"ended with exit code {process.returncode}; it said: {_said(errors)}"


def _said(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read().decode(errors="replace").strip() or "nothing"
