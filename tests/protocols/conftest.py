"""A bound for each test: what costs more than it should, or waits for what never comes, is given up."""

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

BOUND_S = 30


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
