"""The service: something that starts and stops, and has children that do.

A subclass overrides what it needs of five hooks; each may be left out:

    start()    get what is needed, and return when it works
    run()      work, as a task of its own, from when start() returned until the service stops
    reload()   read the settings again, without stopping
    drain()    take nothing new; return when what is under way is finished
    stop()     give everything back; what is still under way is cut off

The hooks do not call those of the base class, and nobody calls them but this module: a tree is started and stopped
with `async with service:`, with `start_tree()` and `stop_tree()`, or by an `Application`.

The order. A service starts before its children, and they start one after another, since they may need it and each
other. Stopping has two phases: first everything drains, all at once, for a bounded time; then everything stops, one
after another, in the reverse order. A start that fails stops what had started and raises; a stop that fails does not
keep the others from stopping.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from weft.errors import ServiceBrokenError, ServiceStartError, ServiceStateError, ServiceStopError, WeftError
from weft.services import description
from weft.services.description import Node
from weft.services.lifecycle import IS_UP, TRANSITIONS, Event, State

S = TypeVar("S", bound="Service")
logger = logging.getLogger("weft.services")

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0
CANCEL_S = 1.0
"""How long a drain() that was cancelled may take to notice."""
DRAIN_S = 10.0
"""How long the services of a tree may take, all together, to finish what is under way, where nothing else is said."""


class Service:
    """Something that starts and stops, with children; subclass it and override the hooks that you need.

    `Service(a, b, name="web")` groups others. `start_timeout_s` and `stop_timeout_s` bound each of its own hooks.
    """

    start_timeout_s: float = START_TIMEOUT_S
    stop_timeout_s: float = STOP_TIMEOUT_S

    def __init__(self, *children: Service, name: str = "") -> None:
        self.name = name or type(self).__name__
        self.parent: Service | None = None
        self.children: list[Service] = []
        self._state = State.NEW
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()  # that the tree stopped or broke: a root's
        self._failures: list[ServiceBrokenError] = []  # what broke and was not raised yet: a root's
        self._cut = asyncio.Event()
        for child in children:
            self.add(child)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path!r} {self.state.value}>"

    # -- what a subclass overrides

    async def start(self) -> None:
        """Get what is needed; the service counts as started when this returns. Raise where it cannot work."""

    async def run(self) -> None:
        """Work until cancelled, which is how a service stops. What this raises breaks the whole tree."""

    async def reload(self) -> None:
        """Read the settings again, without stopping. What this raises is reported, and the service goes on."""

    async def drain(self) -> None:
        """Take nothing new, and return when what is under way is finished. Cancelled when the time for it is over."""

    async def stop(self) -> None:
        """Give everything back at once. Called exactly once for each start() that ended well, after run() ended."""

    @property
    def note(self) -> str:
        """What the tree shows beside the service's name; override it."""
        return ""

    # -- the tree

    @property
    def state(self) -> State:
        """Where the service stands."""
        return self._state

    @property
    def path(self) -> str:
        """The names from the root to this service, with slashes between."""
        names = []
        service: Service | None = self
        while service is not None:
            names.append(service.name)
            service = service.parent
        return "/".join(reversed(names))

    @property
    def root(self) -> Service:
        """The service that all others of this tree stand under."""
        service = self
        while service.parent is not None:
            service = service.parent
        return service

    def add(self, child: S) -> S:
        """Make a service the last child of this one, and return it; a name that a sibling has gets a number.

        The child of a service that runs already is not started by this: `await child.start_tree()`. Raises
        ServiceStateError where the child stands in a tree already.
        """
        if child.parent is not None or child is self.root:
            raise ServiceStateError(f"{child.path} stands in a tree already: {self.path} needs another", child.path)
        taken = {sibling.name for sibling in self.children}
        name, number = child.name, 2
        while child.name in taken:
            child.name = f"{name}-{number}"
            number += 1
        child.parent = self
        self.children.append(child)
        return child

    def walk(self) -> Iterator[Service]:
        """Yield this service and all below it, in the order in which they start."""
        pending = [self]
        while pending:
            service = pending.pop()
            yield service
            pending.extend(reversed(service.children))

    def describe(self) -> Node:
        """Return this tree as plain values."""
        return Node(
            self.name, type(self).__name__, self.state, self.note, tuple(child.describe() for child in self.children)
        )

    async def look(self) -> Node:
        """Return this tree as plain values, with what must be asked for first; override it where some must be."""
        children = [await child.look() for child in self.children]
        return Node(self.name, type(self).__name__, self.state, self.note, tuple(children))

    def tree(self) -> str:
        """Return this tree as text: a line for each service."""
        return description.text(self.describe())

    # -- starting and stopping a tree

    async def __aenter__(self) -> Self:
        await self.start_tree()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop_tree()
        if error is None:
            self._raise_failure()

    async def start_tree(self) -> None:
        """Start this service, then its children in order, each within its own time.

        Raises ServiceStartError, which names the service and has its exception as the cause; what had started is
        stopped before, and what could not be stopped is logged. Cancelling it does the same.
        """
        self._ended, self._cut = asyncio.Event(), asyncio.Event()
        started: list[Service] = []
        try:
            for service in self.walk():
                await service._start_one()
                started.append(service)
        except BaseException:
            for service in reversed(started):
                for failure in await service._stop_one():
                    logger.error("%s, while the start was unwound", failure, exc_info=failure.__cause__)
            raise

    async def stop_tree(self, drain_s: float | None = DRAIN_S) -> None:
        """Let everything finish what is under way, for `drain_s` at most; then stop it, the last that started first.

        With None for `drain_s`, it takes as long as that needs.

        Stops what is up, and only that, so stopping twice does nothing. Raises an ExceptionGroup of a
        ServiceStopError for each service that could not stop; all others have stopped nevertheless. Cancelling it
        ends the draining, not the stopping: CancelledError comes when everything has stopped.
        """
        up = [service for service in self.walk() if service._state in IS_UP]
        failures: list[Exception] = []
        cancelled: asyncio.CancelledError | None = None
        try:
            await self._drain(up, drain_s, failures)
        except asyncio.CancelledError as error:
            cancelled = error
        for service in reversed(up):
            try:
                failures += await service._stop_one()
            except asyncio.CancelledError as error:
                cancelled = error
        self._ended.set()
        if cancelled is not None:
            for failure in failures:
                logger.error("%s", failure, exc_info=failure.__cause__)
            raise cancelled
        if failures:
            raise ExceptionGroup(f"{self.path} did not stop in good order", failures)

    def cut(self) -> None:
        """Have `stop_tree`, now or later, wait no longer for what is under way."""
        self._cut.set()

    async def wait(self) -> None:
        """Return when the whole tree has stopped. Raises ServiceBrokenError as soon as the run() of one raises."""
        await self.root._ended.wait()
        self.root._raise_failure()

    # -- one service of it

    def _move(self, event: Event) -> None:
        next_state = TRANSITIONS.get((self._state, event))
        if next_state is None:
            raise ServiceStateError(
                f"{self.path} is {self._state.value}, so this cannot be: {event.value}; a service is started once, "
                "and may be started again when it has stopped",
                self.path,
            )
        self._state = next_state

    async def _start_one(self) -> None:
        self._move(Event.START_ASKED)
        try:
            await bounded(self.start, self.start_timeout_s)
        except Exception as error:
            self._move(Event.START_FAILED)
            raise ServiceStartError(f"{self.path} could not start: {said(error)}", self.path) from error
        except BaseException:
            self._move(Event.START_FAILED)
            raise
        self._move(Event.STARTED)
        if type(self).run is not Service.run:
            self._task = asyncio.get_running_loop().create_task(self._run_to_end(), name=self.path)

    async def _run_to_end(self) -> None:
        """Run, and have the tree know of it if that ends otherwise than by being stopped."""
        task = asyncio.current_task()
        try:
            await self.run()
        except asyncio.CancelledError as error:
            if self._state is State.STOPPING:
                raise
            if task is None or task.cancelling():
                self._move(Event.RUN_RETURNED)  # somebody else cancelled the task, and so wanted its end
                raise
            self._broke(error)
        except Exception as error:
            if self._state is State.STOPPING:
                raise
            self._broke(error)
        else:
            if self._state is not State.STOPPING:
                self._move(Event.RUN_RETURNED)

    def _broke(self, error: BaseException) -> None:
        self._move(Event.RUN_RAISED)
        failure = ServiceBrokenError(f"{self.path} broke: {said(error)}", self.path)
        failure.__cause__ = error
        logger.error("%s", failure, exc_info=error)
        root = self.root
        root._failures.append(failure)
        root._ended.set()

    def _raise_failure(self) -> None:
        """Raise what broke since this was last asked: the error itself if it is one, else a group of them."""
        failures, self._failures = self._failures, []
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise ExceptionGroup(f"{len(failures)} services of {self.path} broke", failures)

    async def _drain(self, services: Sequence[Service], drain_s: float | None, failures: list[Exception]) -> None:
        """Drain all at once; what fails goes to `failures`. What is not done in time, or was cut, is cancelled."""
        for service in services:
            service._move(Event.DRAIN_ASKED)
        loop = asyncio.get_running_loop()
        drains: dict[asyncio.Task[None], Service] = {
            loop.create_task(service.drain(), name=f"drain {service.path}"): service
            for service in services
            if type(service).drain is not Service.drain
        }
        if not drains:
            return
        cut = loop.create_task(self._cut.wait(), name=f"cut {self.path}")
        all_done = asyncio.gather(*drains, return_exceptions=True)
        try:
            either: set[asyncio.Future[Any]] = {all_done, cut}
            await asyncio.wait(either, timeout=drain_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            late = {task: service for task, service in drains.items() if not task.done()}
            for task in [cut, *late]:
                task.cancel()
            await asyncio.wait([cut, *late], timeout=CANCEL_S)
            for service in late.values():
                logger.warning(
                    "%s is cut off before it finished: %s", service.path, service.note or "no more is known"
                )
            for task, service in drains.items():
                if task.done() and not task.cancelled() and isinstance(error := task.exception(), Exception):
                    failures.append(stop_error(service, error))

    async def _stop_one(self) -> list[ServiceStopError]:
        """End run(), then call stop(), each within the time for it; return what failed. Raises CancelledError."""
        self._move(Event.STOP_ASKED)
        failures = []
        cancelled: asyncio.CancelledError | None = None
        for step in (self._end_run, self.stop):
            try:
                await bounded(step, self.stop_timeout_s)
            except asyncio.CancelledError as error:
                cancelled = error
            except Exception as error:
                failures.append(stop_error(self, error))
        self._move(Event.STOPPED)
        if cancelled is not None:
            for failure in failures:
                logger.error("%s", failure, exc_info=failure.__cause__)
            raise cancelled
        return failures

    async def _end_run(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()


async def bounded(step: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Await a hook for so many seconds at most. Raises TimeoutError with the time in its message."""
    try:
        async with asyncio.timeout(seconds) as bound:
            await step()
    except TimeoutError as error:
        if not bound.expired():
            raise
        raise TimeoutError(f"it took longer than {seconds:g} s") from error


def stop_error(service: Service, error: Exception) -> ServiceStopError:
    """Return the error that names the service which could not stop, with its exception as the cause."""
    failure = ServiceStopError(f"{service.path} could not stop: {said(error)}", service.path)
    failure.__cause__ = error
    return failure


def said(error: BaseException) -> str:
    """Return an exception in a line: its class and what it says; of Weft's own, what it says is enough."""
    if isinstance(error, WeftError):
        return str(error)
    words = str(error).strip()
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
