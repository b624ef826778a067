"""What the ecosystem's tests share: a program run on stock asyncio and on Weft, certificates, real servers."""

import asyncio
import gc
import os
import shutil
import ssl
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from bound import bounded

import weft

from .servers import POSTGRES, REDIS, Postgres, Redis, start_postgres, start_redis

BOUND_S = 120
AGAIN_S = 5
NEEDED = {
    "test_redis.py": ("redis-server", REDIS),
    "test_asyncpg.py": ("postgresql", POSTGRES),
}
"""Test file -> the system package of the server that it needs, and where its program is, if anywhere."""
LEFT_OUT = {name: package for name, (package, program) in NEEDED.items() if program is None}
collect_ignore = [] if os.environ.get("CI") else list(LEFT_OUT)

Program = Callable[..., Coroutine[Any, Any, Any]]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name in collect_ignore:
        terminalreporter.write_line(f"LEFT OUT tests/ecosystem/{name}: {LEFT_OUT[name]} is not installed here")


pytest_pyfunc_call = bounded(BOUND_S, AGAIN_S)


# -- one program, two loops


class Held:
    """What this process holds from the operating system, to be compared with later."""

    def __init__(self) -> None:
        gc.collect()
        self.descriptors = set(os.listdir("/dev/fd"))
        self.threads = set(threading.enumerate())
        self.children = children()

    def assert_no_more(self) -> None:
        for thread in set(threading.enumerate()) - self.threads:
            thread.join(AGAIN_S)  # one that has been told to end
        now = Held()
        assert now.threads <= self.threads, "threads were left"
        assert now.children <= self.children, "child processes were left"
        assert len(now.descriptors) <= len(self.descriptors), "descriptors were left"


def children() -> set[str]:
    """Return the process ids of this process's children, zombies among them; where /proc tells them."""
    lists = Path("/proc/self/task").glob("*/children")
    return {child for listed in lists for child in listed.read_text().split()}


@pytest.fixture
def run_on_both() -> Callable[..., Any]:
    """Run `program(*args)` on stock asyncio and on Weft: what they return must be the same, and is returned.

    On Weft, nothing may be reported to the loop's exception handler, and no thread, child process or descriptor left.
    `on_asyncio` and `on_weft` run a coroutine function otherwise than `asyncio.run` and `weft.run` do.
    """

    def run_on_both(program: Program, *args: Any, on_asyncio: Any = None, on_weft: Any = None) -> Any:
        reports: list[dict[str, Any]] = []

        async def main() -> Any:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda loop, context: reports.append(context))
            return isinstance(loop, weft.Loop), await program(*args)

        is_weft, expected = on_asyncio(main) if on_asyncio else asyncio.run(main())
        assert not is_weft
        reports.clear()
        held = Held()
        is_weft, got = on_weft(main) if on_weft else weft.run(main())
        held.assert_no_more()
        assert is_weft
        assert reports == []
        assert got == expected
        return got

    return run_on_both


# -- certificates


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """A server's context, with a certificate for localhost and 127.0.0.1."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def client_context(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context, which trusts that certificate and checks the name."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


# -- real servers


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    with start_redis() as redis:
        yield redis


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with start_postgres() as postgres:
        yield postgres


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for a UNIX socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="weft-"))
    yield folder
    shutil.rmtree(folder)
