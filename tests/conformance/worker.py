"""One process that runs CPython's asyncio tests, one by one, as the runner asks for them.

Commands come in on one descriptor, a line of JSON each, and answers leave on another; what the tests print goes
elsewhere. A test that hangs ends the process, and the runner starts another.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import importlib.util
import json
import os
import signal
import sys
import time
import unittest
import warnings
from typing import Any

import substitute

PACKAGE = "test.test_asyncio"


class Verdict(unittest.TestResult):
    """What became of one test: the worst of what was said of it and of its subtests."""

    def __init__(self) -> None:
        super().__init__()
        self.status = "passed"
        self.reasons: list[str] = []

    def note(self, status: str, reason: str) -> None:
        """Take in a status: a failure is never forgotten, a skip is the last word only if nothing failed."""
        if self.status != "failed":
            self.status = status
        self.reasons.append(reason)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        super().addSkip(test, reason)
        self.note("skipped", reason)

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addError(test, err)
        self.note("failed", self.errors[-1][1])

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addFailure(test, err)
        self.note("failed", self.failures[-1][1])

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.note("failed", self._exc_info_to_string(err, subtest))  # type: ignore[attr-defined]

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().addUnexpectedSuccess(test)
        self.note("failed", "it passed, and was expected to fail")


class Worker:
    """Finds the tests of a module, and runs those that it is asked for."""

    def __init__(self, kind: str) -> None:
        self.tally = substitute.install(kind)
        self.tests: dict[str, unittest.TestCase] = {}

    def find(self, module: str) -> list[str]:
        """Return the names of a module's tests, as module.Class.test; none if this Python has no such module."""
        if importlib.util.find_spec(f"{PACKAGE}.{module}") is None:
            return []
        loaded = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(f"{PACKAGE}.{module}"))
        found = {test.id().removeprefix(f"{PACKAGE}."): test for test in flattened(loaded)}
        self.tests.update(found)
        return list(found)

    def run(self, name: str, limit_s: float) -> dict[str, Any]:
        """Run one test; return what became of it, and how many loops it made.

        If it takes longer, every thread's stack is dumped to stderr and the process ends.
        """
        if name not in self.tests:
            self.find(name.partition(".")[0])
        verdict = Verdict()
        before = (self.tally.ours, self.tally.others)
        faulthandler.dump_traceback_later(limit_s, exit=True)
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            unittest.TestSuite([self.tests.pop(name)]).run(verdict)
        faulthandler.cancel_dump_traceback_later()
        if verdict.status != "passed":
            gc.collect()  # what its frames held is not to be reported during a later test
        return {
            "status": verdict.status,
            "reason": "\n".join(verdict.reasons),
            "seconds": round(time.perf_counter() - start, 3),
            "ours": self.tally.ours - before[0],
            "others": self.tally.others - before[1],
        }


def flattened(suite: Any) -> list[unittest.TestCase]:
    """Return the tests of a suite of suites."""
    if isinstance(suite, unittest.TestCase):
        return [suite]
    return [test for each in suite for test in flattened(each)]


def main() -> None:
    """Answer commands until there are no more."""
    kind, commands_fd, answers_fd = sys.argv[1], int(sys.argv[2]), int(os.environ["CONFORMANCE_ANSWERS_FD"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    for fd in (commands_fd, answers_fd):
        os.set_inheritable(fd, False)
    with os.fdopen(commands_fd) as commands, os.fdopen(answers_fd, "w") as answers:
        worker = Worker(kind)
        answers.write("ready\n")
        answers.flush()
        for line in commands:
            command = json.loads(line)
            if "find" in command:
                answer: Any = worker.find(command["find"])
            else:
                answer = worker.run(command["run"], command["limit_s"])
            answers.write(json.dumps(answer) + "\n")
            answers.flush()
    sys.stdout.flush()
    os._exit(0)  # a thread that a test left behind must not keep the process


if __name__ == "__main__":
    main()
