"""Loops that must be left clean; and a bound for each test, so that what waits for what never comes is given up."""

import signal
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any

import pytest

from weft.testing import ManualLoop, WatchedLoop, clean_loop

BOUND_S = 60


class Hung(KeyboardInterrupt):
    """A test took too long. A KeyboardInterrupt, because a loop lets nothing else through."""


def give_up(number: int, frame: FrameType | None) -> None:
    raise Hung


@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, BOUND_S)
    outcome = yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    if outcome.excinfo is not None and issubclass(outcome.excinfo[0], Hung):
        error = AssertionError(f"the test did not end within {BOUND_S} s; its traceback says what it was doing")
        outcome.force_exception(error.with_traceback(outcome.excinfo[2]))


Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def run() -> Iterator[Run]:
    """Run a coroutine on a loop on which time goes by itself, and which must be left clean."""
    with clean_loop(ManualLoop) as loop:
        yield loop.run_until_complete


@pytest.fixture
def run_real() -> Iterator[Run]:
    """Run a coroutine on a loop in real time, for sockets and signals; it must be left clean."""
    with clean_loop(WatchedLoop) as loop:
        yield loop.run_until_complete
