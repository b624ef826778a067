"""Runs CPython's asyncio tests on a loop, and judges the outcomes by stock asyncio's and by the named tests.

A test that does not pass is run once more, alone, and then on stock asyncio: where that does not pass it either
(it skips itself, say), nothing is asked of the loop.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterable

import processes
from judging import Figures, judged
from named import Group
from processes import Outcome

MODULES = (
    "test_base_events",
    "test_buffered_proto",
    "test_context",
    "test_eager_task_factory",
    "test_events",
    "test_free_threading",
    "test_futures",
    "test_futures2",
    "test_locks",
    "test_pep492",
    "test_queues",
    "test_runners",
    "test_sendfile",
    "test_server",
    "test_sock_lowlevel",
    "test_ssl",
    "test_sslproto",
    "test_staggered",
    "test_streams",
    "test_subprocess",
    "test_taskgroups",
    "test_tasks",
    "test_threads",
    "test_timeouts",
    "test_unix_events",
    "test_waitfor",
)
"""Every module of test.test_asyncio but these: the tests of the classes of asyncio.selector_events and
asyncio.proactor_events, of Windows, and of the Protocol and Transport classes, which make no loop."""
FIRST = ("test_subprocess", "test_ssl", "test_tasks", "test_events")
"""The modules that take longest: begun first, so that the processes end together."""
BUILDS = ("compiled", "interpreted")
LIMIT_S = 30.0
LIMIT_NAMED_S = 6.0


def check_suite() -> None:
    """Raise RuntimeError where this Python comes without its own tests."""
    if importlib.util.find_spec("test") is None or importlib.util.find_spec("test.test_asyncio") is None:
        raise RuntimeError("this Python has no test.test_asyncio: install its tests (Debian: libpython3-testsuite)")


def conform(
    kind: str,
    build: str,
    named: dict[str, Group],
    modules: Iterable[str] = MODULES,
    jobs: int = 2,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> Figures:
    """Run the modules' tests on loops of a kind ("weft", "uvloop", "asyncio") and judge what became of them."""
    check_suite()
    environ = dict(os.environ, WEFT_PURE="1" if build == "interpreted" else "0", WEFT_EXPECT_BUILD=build)
    environ.pop("PYTHONASYNCIODEBUG", None)
    wanted = sorted(modules, key=lambda module: FIRST.index(module) if module in FIRST else len(FIRST))
    found = processes.find_tests(wanted, environ)
    names = [name for tests in found.values() for name in tests]

    def limit_of(name: str) -> float:
        return LIMIT_NAMED_S if name in named else LIMIT_S

    def run_ours(names: list[str], is_alone: bool) -> dict[str, Outcome]:
        return processes.run_tests(kind, names, environ, limit_of, 1 if is_alone else jobs, tell)

    def run_stock(names: list[str], is_alone: bool) -> dict[str, Outcome]:
        return processes.run_tests("asyncio", names, environ, lambda name: LIMIT_S, 1 if is_alone else jobs)

    def is_without_counterpart(outcome: Outcome) -> bool:
        return kind == "uvloop" and outcome.ours == 0 and outcome.others > 0  # on a subclass of asyncio's own loop

    stock = None if kind == "asyncio" else run_stock
    return judged(found, run_ours(names, False), named, run_ours, stock, is_without_counterpart)
