"""A bound for each test: what costs more than it should, or waits for what never comes, is given up.

A conftest.py says `pytest_pyfunc_call = bounded(30)`, and it holds for the tests of its folder.
"""

import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest


class Hung(KeyboardInterrupt):
    """A test took too long. A KeyboardInterrupt, because a loop lets nothing else through."""


def give_up(number: int, frame: FrameType | None) -> None:
    raise Hung


def bounded(bound_s: float, again_s: float = 0.0) -> Callable[..., Iterator[None]]:
    """Return the hook that gives a test up after `bound_s`, and its cleaning up after each `again_s` from then on."""

    @pytest.hookimpl(hookwrapper=True)
    def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
        before = signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, bound_s, again_s)
        outcome: Any = yield
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if outcome.excinfo is not None and issubclass(outcome.excinfo[0], Hung):
            error = AssertionError(f"the test did not end within {bound_s} s; its traceback says what it waited for")
            outcome.force_exception(error.with_traceback(outcome.excinfo[2]))

    return pytest_pyfunc_call
