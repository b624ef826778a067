"""Redis and PostgreSQL of our own: started in a temporary folder, on a free port and a UNIX socket, and stopped."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

STOP_S = 30
REDIS = shutil.which("redis-server")


def find_postgres() -> str | None:
    """Return the folder of PostgreSQL's programs: on the path, or where Debian puts the newest version's."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version)
    on_path = [Path(folder) for folder in os.get_exec_path()]
    for folder in [*on_path, *reversed(folders)]:
        if all(shutil.which(program, path=str(folder)) for program in ("initdb", "postgres")):
            return str(folder)
    return None


def version(folder: Path) -> list[int]:
    """Return the numbers in a folder's name."""
    return [int(number) for number in re.findall(r"\d+", str(folder))]


POSTGRES = find_postgres()


@dataclass
class Redis:
    """Where a Redis listens."""

    port: int
    path: str


@dataclass
class Postgres:
    """Where a PostgreSQL listens; its superuser `weft` needs no password."""

    port: int
    folder: str


@contextlib.contextmanager
def start_redis() -> Iterator[Redis]:
    """Run a Redis that keeps nothing on disk."""
    assert REDIS is not None, "no redis-server: apt-get install redis-server"
    with temporary_folder() as folder:
        redis = Redis(free_port(), f"{folder}/redis.sock")
        options = ["--port", str(redis.port), "--unixsocket", redis.path, "--save", "", "--appendonly", "no"]
        command = [REDIS, "--bind", "127.0.0.1", "--dir", folder, *options]
        with running(command, signal.SIGTERM, "Ready to accept connections"):
            yield redis


@contextlib.contextmanager
def start_postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL with a new, empty database. It refuses to be root: then it is run as `postgres`."""
    assert POSTGRES is not None, "no PostgreSQL: apt-get install postgresql"
    with temporary_folder() as folder:
        user: dict[str, Any] = {}
        if os.getuid() == 0:
            user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(folder, "postgres", "postgres")
        data = f"{folder}/data"
        initdb = [f"{POSTGRES}/initdb", "-D", data, "-U", "weft", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(initdb, check=True, cwd=folder, stdout=subprocess.DEVNULL, **user)
        postgres = Postgres(free_port(), folder)
        listening = ["-h", "127.0.0.1", "-p", str(postgres.port), "-k", folder]
        command = [f"{POSTGRES}/postgres", "-D", data, "-F", *listening]
        with running(command, signal.SIGINT, "ready to accept connections", cwd=folder, **user):
            yield postgres


@contextlib.contextmanager
def running(command: list[str], stop: signal.Signals, ready: str, **options: Any) -> Iterator[None]:
    """Run a server from when it has printed `ready` until the end of the block, when `stop` ends it."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options
    ) as server:
        assert server.stdout is not None
        printed = read_until(ready, server.stdout)
        try:
            assert ready in printed, f"{command} did not start:\n{printed}"
            yield
        finally:
            server.send_signal(stop)
            try:
                server.communicate(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                server.kill()
                raise


def read_until(text: str, stream: IO[str]) -> str:
    """Return what a stream holds up to the line with `text`, or up to its end."""
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if text in line:
            break
    return "".join(lines)


@contextlib.contextmanager
def temporary_folder() -> Iterator[str]:
    """Make a folder with a path short enough for a UNIX socket, and that another user can be given."""
    folder = tempfile.mkdtemp(prefix="weft-", dir="/tmp")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now, neither for streams nor for datagrams."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as sock, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            port: int = sock.getsockname()[1]
            try:
                datagrams.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
