"""What the contract's tests share: one loop for each poller, a bound for each test, and its descriptors counted."""

import asyncio
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bound import bounded

import weft
from weft.core.epoll import EpollPoller
from weft.core.readiness import KqueuePoller, SelectPoller
from weft.ports import Poller
from weft.transports.uring import UringPoller, why_no_uring

from .leftovers import Census, children

BOUND_S = 30
POLLERS: list[type[Poller]] = [SelectPoller]
if hasattr(select, "epoll"):
    POLLERS.append(EpollPoller)
if hasattr(select, "kqueue"):
    POLLERS.append(KqueuePoller)
if why_no_uring() is None:
    POLLERS.append(UringPoller)


pytest_pyfunc_call = bounded(BOUND_S)


@pytest.fixture(autouse=True)
def descriptors() -> Iterator[Callable[[], int]]:
    """Counts the open descriptors; every test must leave as many as it found."""

    def count() -> int:
        return len(os.listdir("/dev/fd"))

    before = count()
    yield count
    assert count() == before, "the test left descriptors open (or closed some that it did not open)"


@pytest.fixture(autouse=True)
def no_thread_and_no_child_left() -> Iterator[None]:
    """Every test must leave no thread, and no child process, neither alive nor as a zombie."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before, "the test left a thread"
    assert children() == [], "the test left a child process"


@pytest.fixture(params=POLLERS, ids=lambda made_by: made_by.__name__)
def make_poller(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def poller(make_poller: Any, descriptors: object) -> Iterator[Poller]:
    poller = make_poller()
    yield poller
    poller.close()


@pytest.fixture
def reported() -> list[dict[str, Any]]:
    """What the loop's exception handler was told. A test that expects something takes it out."""
    return []


@pytest.fixture
def loop(make_poller: Any, descriptors: object, reported: list[dict[str, Any]]) -> Iterator[weft.Loop]:
    loop = weft.Loop(poller=make_poller())
    loop.set_exception_handler(lambda loop, context: reported.append(context))
    yield loop
    if not loop.is_closed():
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(settle())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
    assert reported == [], "the loop reported what no test expected"


@pytest.fixture
def nothing_left(loop: weft.Loop) -> Iterator[Census]:
    """While the loop still lives, everything that the test's connections were made of must go."""
    census = Census(loop)
    yield census
    left = [] if loop.is_closed() else loop.run_until_complete(census.until_gone())
    assert (left or census.left() or census.transports()) == [], "the test left something behind"


async def settle() -> None:
    """Let what is under way come to its end."""
    for _ in range(5):
        await asyncio.sleep(0)


def unix_pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
        return ours, theirs


@pytest.fixture(params=[unix_pair, tcp_pair], ids=["unix", "tcp"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected, non-blocking stream sockets: ours, for a transport, and the peer's."""
    ours, theirs = request.param()
    ours.setblocking(False)
    theirs.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()
