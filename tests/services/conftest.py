"""Loops that must be left clean; and a bound for each test, so that what waits for what never comes is given up."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from bound import bounded

from weft.testing import ManualLoop, WatchedLoop, clean_loop

BOUND_S = 60


pytest_pyfunc_call = bounded(BOUND_S)


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
