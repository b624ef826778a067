"""Runs CPython's asyncio tests on a loop, and judges the outcomes by stock asyncio's and by the named tests.

A test that does not pass is run once more, alone, and then on stock asyncio: where that does not pass it either
(it skips itself, say), nothing is asked of the loop.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import processes
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


@dataclass
class Figures:
    """The judgement of one run. Each test that was found is in exactly one of the first five lists."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    pass_though_named: list[str] = field(default_factory=list)
    not_asked: list[str] = field(
        default_factory=list
    )  # stock asyncio does not pass them, or another loop is not made
    passed_again: list[str] = field(default_factory=list)  # at the second attempt; they are in `passed` too
    loopless: list[str] = field(default_factory=list)  # modules that did not make one loop of the kind under test
    absent: list[str] = field(default_factory=list)  # named, and not in this release of Python
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def ran(self) -> int:
        """How many tests ran, of those that stock asyncio passes."""
        return len(self.passed) + len(self.failed) + len(self.named) + len(self.pass_though_named)

    @property
    def loops(self) -> int:
        """How many loops of the kind under test were made."""
        return sum(outcome.ours for outcome in self.outcomes.values())

    def is_good(self) -> bool:
        """Return whether there is nothing to mend."""
        return not (self.failed or self.pass_though_named or self.loopless) and bool(self.passed)

    def verdicts(self) -> dict[str, str]:
        """Return each test's: passed, failed, named, pass though named, or not asked."""
        lists = {
            "passed": self.passed,
            "failed": self.failed,
            "named": self.named,
            "pass though named": self.pass_though_named,
            "not asked": self.not_asked,
        }
        return {name: verdict for verdict, names in lists.items() for name in names}

    def line(self) -> str:
        """Return the figures as a line."""
        return (
            f"{self.ran} ran, {len(self.passed)} passed, {len(self.failed)} failed, {len(self.named)} named, "
            f"{len(self.not_asked)} not asked, on {self.loops} loops"
        )

    def of_module(self, module: str) -> Figures:
        """Return the figures of one module."""

        def own(names: Iterable[str]) -> list[str]:
            return [name for name in names if name.startswith(f"{module}.")]

        return Figures(
            own(self.passed),
            own(self.failed),
            own(self.named),
            own(self.pass_though_named),
            own(self.not_asked),
            own(self.passed_again),
            [each for each in self.loopless if each == module],
            own(self.absent),
            {name: self.outcomes[name] for name in own(self.outcomes)},
        )


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

    figures = Figures(outcomes=processes.run_tests(kind, names, environ, limit_of, jobs, tell))
    again = [name for name in names if name not in named and not is_passed(kind, figures.outcomes[name])]
    again = [name for name in again if figures.outcomes[name].status not in ("skipped", "hung")]
    for name, outcome in processes.run_tests(kind, again, environ, limit_of, 1).items():
        if is_passed(kind, outcome):
            figures.passed_again.append(name)
            figures.outcomes[name] = outcome
    doubtful = [name for name in names if not is_passed(kind, figures.outcomes[name])]
    stock = {} if kind == "asyncio" else processes.run_tests("asyncio", doubtful, environ, lambda name: LIMIT_S, jobs)
    for name in names:
        outcome = figures.outcomes[name]
        if name in stock and stock[name].status != "passed":
            figures.not_asked.append(name)
        elif is_passed(kind, outcome):
            (figures.pass_though_named if name in named else figures.passed).append(name)
        elif kind == "asyncio" and outcome.status == "skipped":
            figures.not_asked.append(name)
        elif kind == "uvloop" and outcome.ours == 0 and outcome.others > 0:
            figures.not_asked.append(
                name
            )  # its loop is a subclass of asyncio's own, for which uvloop has no counterpart
        else:
            (figures.named if name in named else figures.failed).append(name)
    figures.absent = [name for name in named if name.partition(".")[0] in found and name not in figures.outcomes]
    for module, tests in found.items():
        if tests and not any(figures.outcomes[name].ours for name in tests):
            figures.loopless.append(module)
    return figures


def is_passed(kind: str, outcome: Outcome) -> bool:
    """Return whether a test passed on the loop that is under test, and not on asyncio's own."""
    return outcome.status == "passed" and (outcome.ours > 0 or outcome.others == 0)
