"""What the tests of Twisted's interfaces share: a reactor for each, its log, and its descriptors counted."""

import os
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from bound import bounded
from twisted.internet.defer import Deferred
from twisted.internet.tcp import _reservedFD
from twisted.python import log
from twisted.python.failure import Failure

import weft
from weft.core import default_poller
from weft.core.readiness import SelectPoller
from weft.faces.twisted import WeftReactor

BOUND_S = 60

pytest_pyfunc_call = bounded(BOUND_S)
_reservedFD.reserve()  # Twisted keeps a descriptor from the first port on


class Log:
    """What Twisted's log was told. Errors that a test expects, it takes out; any other fails it."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def take(self, kind: type[BaseException]) -> list[BaseException]:
        """Take out the errors of a kind, and return what was raised."""
        taken = [event for event in self.events if event["isError"] and event["failure"].check(kind)]
        self.events = [event for event in self.events if event not in taken]
        return [event["failure"].value for event in taken]

    def messages(self) -> list[str]:
        """Return what was said, errors apart."""
        return [log.textFromEventDict(event) or "" for event in self.events if not event["isError"]]


class Until:
    """Lets a test wait until something holds; who changes anything calls `changed`."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def changed(self) -> None:
        """Wake who waits for what holds now."""
        for entry in [entry for entry in self.waiting if entry[0]()]:
            self.waiting.remove(entry)
            entry[1].callback(None)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds()`."""
        if not holds():
            found: Deferred[None] = Deferred()
            self.waiting.append((holds, found))
            await found


@pytest.fixture
def descriptors() -> Iterator[Callable[[], int]]:
    """Counts the open descriptors; a test that has it must leave as many as it found."""

    def count() -> int:
        return len(os.listdir("/dev/fd"))

    before = count()
    yield count
    assert count() == before, "the test left descriptors open (or closed some that it did not open)"


@pytest.fixture
def logged() -> Iterator[Log]:
    """What Twisted's log is told."""
    told = Log()
    log.addObserver(told.events.append)
    yield told
    log.removeObserver(told.events.append)
    errors = [event["failure"].getTraceback() for event in told.events if event["isError"]]
    assert errors == [], "Twisted's log was told of errors that no test expected"


Main = Callable[[WeftReactor], Coroutine[Any, Any, Any]]


@pytest.fixture(params=[default_poller, SelectPoller], ids=["default", "select"])
def run(request: pytest.FixtureRequest, logged: Log, descriptors: object) -> Callable[[Main], Any]:
    """Runs a coroutine function with a reactor of its own, which stops when that is over, and returns its result."""

    def run(main: Main) -> Any:
        outcome: list[Any] = []
        reactor = WeftReactor(weft.Loop(poller=request.param()))

        def begin() -> None:
            over = Deferred.fromCoroutine(main(reactor))
            over.addBoth(outcome.append)
            over.addBoth(lambda ignored: reactor.stop())

        reactor.callWhenRunning(begin)
        try:
            reactor.run(installSignalHandlers=False)
        finally:
            reactor.loop.close()
        assert not reactor.transports, "the reactor stopped, and did not end these"
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        return outcome[0]

    return run


def turn(reactor: WeftReactor) -> Deferred[None]:
    """Return a Deferred that fires in the next turn, after what is ready now."""
    passed: Deferred[None] = Deferred()
    reactor.callLater(0, passed.callback, None)
    return passed
