"""What every test has: the build that it was asked to run, Ctrl-C that interrupts, a collector with little to do.

Examples may take as long as they take.
"""

import gc
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

import weft
from weft.transports.uring import why_no_uring

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A run that a shell started in the background ignores Ctrl-C, and so would every program that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("weft", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("weft")


def pytest_report_header(config: pytest.Config) -> str:
    return f"weft {weft.__version__}, {weft.BUILD} build; io_uring: {why_no_uring() or 'tested'}"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep what is there before the first test from the collector: thousands of tests ask for a collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def expected_build() -> None:
    expected = os.environ.get("WEFT_EXPECT_BUILD")
    assert expected in (None, weft.BUILD), f"asked for the {expected} build, got the {weft.BUILD} one"
