"""Runs Twisted's own tests under trial, with the reactor chosen by name, a module in a process of its own.

trial's reporter is ours (trial_plugin/outcomes.py): it tells of each test as it begins and ends. A test that hangs,
or ends the process, costs that process; the module's other tests run in another.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import processes
from processes import BrokenError, LostError, Outcome

PLUGIN = Path(__file__).with_name("trial_plugin")
GRACE_S = 5.0
"""How long after its time a hanging test may take to dump its stacks and end the process."""


@dataclass(frozen=True)
class Kind:
    """A reactor that the tests can run on."""

    chosen_by: str  # the name that trial's --reactor takes
    reactor_class: str
    made_by: str = ""  # what Twisted's tests that make a reactor of their own are to call; "": the class

    @property
    def suffix(self) -> str:
        """What Twisted appends to the names of test classes that make such reactors."""
        return f"_{(self.made_by or self.reactor_class).rpartition('.')[2]}Tests."


SUFFIX = "_ReactorTests."
"""Stands for every kind's suffix in the names of outcomes, so that the kinds' outcomes have the same names."""
ON_ASYNCIO = (
    "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
    "twisted.internet.test.reactormixins.AsyncioSelectorReactor",
)
KINDS = {
    "weft": Kind("weft", "weft.faces.twisted.WeftReactor"),
    "epoll": Kind("epoll", "twisted.internet.epollreactor.EPollReactor"),
    "asyncio": Kind("asyncio", *ON_ASYNCIO),
    "asyncio-uvloop": Kind("asyncio-uvloop", *ON_ASYNCIO),
    "asyncio-weft": Kind("asyncio-weft", *ON_ASYNCIO),
}


class Trial(processes.Process):
    """Runs trial, in one process after another; a test may take `limit_s`, or what `limits_s` says by its name."""

    def __init__(self, kind: Kind, environ: dict[str, str], limit_s: float, limits_s: dict[str, float]) -> None:
        super().__init__()
        self.kind = kind
        self.limit_s = limit_s
        self.limits_s = limits_s
        path = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"  # some tests start Twisted's scripts
        self.environ = environ | {
            "CONFORMANCE_REACTOR_MADE": kind.made_by or kind.reactor_class,
            "CONFORMANCE_REACTOR_CLASS": kind.reactor_class,
            "CONFORMANCE_LIMIT_S": str(limit_s),
            "CONFORMANCE_LIMITS_S": json.dumps({self.id_of(name): limit for name, limit in limits_s.items()}),
            "PATH": path,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(PLUGIN), environ.get("PYTHONPATH")))),
        }

    def outcomes_of(self, names: list[str]) -> Iterator[Outcome]:
        """Run modules, or single tests by the names of their outcomes; yield what becomes of each test."""
        ended: set[str] = set()
        remaining = names
        while remaining:
            is_whole = True
            for outcome in self.run(remaining):
                ended.add(outcome.name)
                is_whole = outcome.status not in ("hung", "died")
                yield outcome
            remaining = [] if is_whole else [name for name in self.find(names) if name not in ended]

    def find(self, names: list[str]) -> list[str]:
        """Return the names of the tests of some modules."""
        return [outcome.name for outcome in self.run(names, "--dry-run")]

    def run(self, names: list[str], *options: str) -> Iterator[Outcome]:
        """Run trial once; yield what becomes of each test, the last of them the one that it was lost in, if any."""
        position = self.log.seek(0, os.SEEK_END)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            command = [sys.executable, "-m", "twisted.trial", f"--reactor={self.kind.chosen_by}"]
            command += ["--reporter=outcomes", f"--temp-directory={folder}/trial", *options]
            self.launch([*command, *map(self.id_of, names)], self.environ)
            try:
                yield from self.told(position)
            finally:
                self.stop()

    def id_of(self, name: str) -> str:
        """Return what trial calls the test of an outcome."""
        return name.replace(SUFFIX, self.kind.suffix)

    def told(self, position: int) -> Iterator[Outcome]:
        """Yield what the process tells, until it ends."""
        running, is_done, begin_s = "", False, time.monotonic()
        limit_s = processes.START_S
        try:
            while True:
                line = json.loads(self.answer(limit_s))
                limit_s = self.limit_s + GRACE_S
                if "began" in line:
                    running, begin_s = line["began"].replace(self.kind.suffix, SUFFIX), time.monotonic()
                elif "ended" in line:
                    del line["ended"]
                    yield Outcome(running, **line)
                else:
                    is_done = True
        except LostError as lost:
            how, said = str(lost), self.said(position)
        if not running:
            raise BrokenError(f"trial does not start on {self.kind.chosen_by}: it {how}\n{said}")
        if not is_done or how == "hung":
            seconds = time.monotonic() - begin_s
            is_hung = seconds >= self.limits_s.get(running, self.limit_s)
            yield Outcome(running, "hung" if is_hung else how, said, seconds)
