"""A reporter for trial that tells what becomes of each test, as it begins and ends, and which reactors ran in it.

As trial imports it, before any module of tests, the tests that Twisted runs on every reactor that it knows are
narrowed to the one under test. A test that takes longer than the limit ends the process, with every thread's stack on
stderr.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import signal
import sys
import time
from typing import Any

from twisted.internet.base import ReactorBase
from twisted.internet.test.reactormixins import ReactorBuilder
from twisted.python.reflect import namedAny
from twisted.trial.reporter import Reporter
from twisted.trial.runner import ErrorHolder

MADE = os.environ["CONFORMANCE_REACTOR_MADE"]
"""What ReactorBuilder is to call for a reactor."""
CLASS = namedAny(os.environ["CONFORMANCE_REACTOR_CLASS"])
"""The class of the reactor under test, whoever makes it."""
LIMIT_S = float(os.environ["CONFORMANCE_LIMIT_S"])
LIMITS_S = json.loads(os.environ["CONFORMANCE_LIMITS_S"])
answers = os.fdopen(int(os.environ["CONFORMANCE_ANSWERS_FD"]), "w")
os.set_inheritable(answers.fileno(), False)


class Tally:
    """How many times a reactor was made or run: one of the class under test, or another that Twisted comes with.

    Those that a test's module defines, to test a base class or a program that is given a reactor, do not count.
    """

    def __init__(self) -> None:
        self.ours = 0
        self.others = 0

    def note(self, reactor: object) -> None:
        """Count one more."""
        if type(reactor) is CLASS:
            self.ours += 1
        elif ".test" not in type(reactor).__module__:
            self.others += 1


def substitute() -> Tally:
    """Have ReactorBuilder make the reactor under test, and nothing else; return the count of what is made and run."""
    tally = Tally()

    def count(reactor_class: Any, name: str) -> None:
        stock = getattr(reactor_class, name)

        def counted(self: Any, *args: Any, **options: Any) -> None:
            tally.note(self)
            stock(self, *args, **options)

        setattr(reactor_class, name, counted)

    ReactorBuilder._reactors = [MADE]
    for name in ("__init__", "run"):
        if name in vars(CLASS):
            count(CLASS, name)
        count(ReactorBase, name)
    if "weft" in sys.modules:
        check_build()
    if CLASS.__module__.startswith("weft."):
        importlib.import_module("private_names").add()
    return tally


def check_build() -> None:
    """Raise RuntimeError if Weft runs, and not in the build that is asked for."""
    import weft

    expected = os.environ["WEFT_EXPECT_BUILD"]
    if expected != weft.BUILD:
        raise RuntimeError(f"asked for the {expected} build, got the {weft.BUILD} one")


class Outcomes(Reporter):  # type: ignore[misc]
    """Writes a line of JSON as a test begins, another as it ends, and one when all have ended."""

    def startTest(self, test: Any) -> None:  # noqa: N802
        super().startTest(test)
        self.status, self.reasons = "passed", []
        self.before = (tally.ours, tally.others)
        self.begin_s = time.perf_counter()
        write({"began": test.id()})
        faulthandler.dump_traceback_later(LIMITS_S.get(test.id(), LIMIT_S), exit=True, file=sys.__stderr__)

    def stopTest(self, test: Any) -> None:  # noqa: N802
        faulthandler.cancel_dump_traceback_later()
        super().stopTest(test)
        write(
            {
                "ended": test.id(),
                "status": self.status,
                "reason": "\n".join(self.reasons),
                "seconds": round(time.perf_counter() - self.begin_s, 3),
                "ours": tally.ours - self.before[0],
                "others": tally.others - self.before[1],
            }
        )

    def note(self, status: str, reason: str) -> None:
        """Take in a status: a failure is never forgotten, a skip is the last word only if nothing failed."""
        if self.status not in ("failed", "unloadable"):
            self.status = status
        self.reasons.append(reason)

    def addSkip(self, test: Any, reason: Any) -> None:  # noqa: N802
        super().addSkip(test, reason)
        self.note("skipped", str(reason))

    def addError(self, test: Any, error: Any) -> None:  # noqa: N802
        super().addError(test, error)
        status = "unloadable" if isinstance(test, ErrorHolder) else "failed"
        self.note(status, self._formatFailureTraceback(self.errors[-1][1]))

    def addFailure(self, test: Any, fail: Any) -> None:  # noqa: N802
        super().addFailure(test, fail)
        self.note("failed", self._formatFailureTraceback(self.failures[-1][1]))

    def addUnexpectedSuccess(self, test: Any, todo: Any = None) -> None:  # noqa: N802
        super().addUnexpectedSuccess(test, todo)
        self.note("failed", "it passed, and was expected to fail")

    def done(self) -> None:
        super().done()
        write({"done": True})


def write(line: dict[str, Any]) -> None:
    """Tell the harness."""
    answers.write(json.dumps(line) + "\n")
    answers.flush()


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for what a shell starts in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
tally = substitute()
