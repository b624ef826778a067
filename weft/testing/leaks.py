"""A clean loop: one that must be left as it was found, and says what was left on it and where that was made.

At its end the loop turns a few more times, so that what is about to end can. What is there then was left: tasks,
transports (listeners, watched descriptors, child processes), timers; what the loop's exception handler was told, a
Deferred's failure that nobody handled among it; and the process's descriptors that were not open before.
"""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import os
import socket
import traceback
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from weft.core.timers import TimerHandle
from weft.deferred import is_debugging, set_debugging
from weft.errors import LeakError
from weft.faces.asyncio.descriptors import Watch
from weft.faces.asyncio.tls import outermost
from weft.ports import Source
from weft.testing.loops import WatchedLoop, describe_task
from weft.testing.origins import Origin
from weft.testing.poller import memory_poller_of
from weft.transports.listener import Listener
from weft.transports.stream import Stream

L = TypeVar("L", bound=WatchedLoop)

KINDS = ("tasks", "transports", "timers", "reports", "descriptors")
"""What can be left behind, by the names that `allow` takes."""
SETTLING_TURNS = 50
"""Turns that what is about to end has to do so; none of them waits."""


@contextmanager
def clean_loop(
    make: Callable[[], L],
    *,
    allow: Iterable[str] = (),
    has_failed: Callable[[], bool] = bool,
) -> Iterator[L]:
    """Give a loop that `make` makes; close it in the end, and raise LeakError for what was left behind.

    `allow` names kinds of things that may be left (KINDS). Whatever is left is ended either way. Nothing is raised
    where the block itself raised, or `has_failed()` says that the test failed: what it left is its consequence.
    """
    allowed = frozenset(allow)
    if not allowed <= set(KINDS):
        raise ValueError(f"allow names {sorted(allowed - set(KINDS))}; what can be left behind: {', '.join(KINDS)}")
    before = open_descriptors()
    was_debugging = is_debugging()
    logged = LoggedFailures()
    logging.getLogger("weft.deferred").addHandler(logged)
    set_debugging(True)  # so that a Deferred knows where it was made
    loop = make()
    found: list[tuple[str, str]] = []
    try:
        yield loop
        found = end(loop)
    finally:
        if not loop.is_closed():
            end(loop)
        set_debugging(was_debugging)
        logging.getLogger("weft.deferred").removeHandler(logged)
    found += [("reports", text) for text in logged.texts]
    found += [("descriptors", text) for text in new_descriptors(before)]
    left = tuple(text for kind, text in found if kind not in allowed)
    if left and not has_failed():
        raise LeakError("left behind:\n" + "\n".join(f"  {indented(text)}" for text in left), left)


def end(loop: WatchedLoop) -> list[tuple[str, str]]:
    """End all that is left on a loop and close it; return what that was: (kind, description)."""
    found: list[tuple[str, str]] = []
    if not loop.is_closed():
        memory_poller_of(loop).hurry()
        turn(loop, lambda: is_quiet(loop))
        loop.call_soon(gc.collect)  # in a turn: what goes away now reports to this loop
        turn(loop, lambda: is_quiet(loop))
        tasks = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
        found += [("tasks", describe_task(loop, task)) for task in tasks]
        found += [("transports", describe_source(*each)) for each in loop.sources()]
        told = loop.take_reports()  # before the tasks are cancelled: what they say then is no news
        end_tasks(loop, tasks)
        found += [
            (
                "timers",
                f"timer due in {timer.when() - loop.time():.3g} s, calling {named(timer.callback)}{at('made', made)}",
            )
            for timer, made in loop.timers_set()
        ]
        end_sources(loop)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        found += [("reports", describe_report(report)) for report in told]
    if not found:  # else it may be a consequence
        found += [("reports", describe_report(report)) for report in loop.take_reports()]
    return found


def turn(loop: WatchedLoop, is_enough: Callable[[], bool]) -> None:
    """Turn a loop without waiting, until that is enough, and at most SETTLING_TURNS times."""
    for number in range(SETTLING_TURNS):
        if number > 1 and is_enough():
            return
        loop.call_soon(loop.stop)
        loop.run_forever()


def is_quiet(loop: WatchedLoop) -> bool:
    """Return whether nothing is open on a loop and no task goes on."""
    return not asyncio.all_tasks(loop) and not loop.sources()


def end_tasks(loop: WatchedLoop, tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel tasks and let them end; one that refuses to is left."""
    for task in tasks:
        task.cancel()
    turn(loop, lambda: all(task.done() for task in tasks))
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # it was told of already
        if task.done() and not task.cancelled():
            task.exception()


def end_sources(loop: WatchedLoop) -> None:
    """End what is open, at once."""
    for _, source, _ in loop.sources():
        if isinstance(source, Watch):
            loop.remove_reader(source.fd)
            loop.remove_writer(source.fd)
        else:
            close: Any = getattr(source, "abort", None) or getattr(source, "close", None)
            if close is not None:
                close()
    turn(loop, lambda: not loop.sources())


# -- what is said of each


def named(callback: Any) -> str:
    """Return what a callback is called."""
    return str(getattr(callback, "__qualname__", None) or repr(callback))


def at(verb: str, origin: Origin | None) -> str:
    """Return where something was made, if that is known."""
    return "" if origin is None else f", {verb} at {origin}"


def describe_timer(loop: WatchedLoop, timer: TimerHandle, made: Origin | None) -> str:
    """Return when a timer is due, what it calls, and where it was made."""
    return f"timer due in {timer.when() - loop.time():.3g} s, calling {named(timer.callback)}{at('made', made)}"


def describe_source(fd: int, source: Source, made: Origin | None) -> str:
    """Return what is open, and where that began."""
    if isinstance(source, Listener):
        what = f"listener of {source.owner!r}"
    elif isinstance(source, Watch):
        what = f"watch of descriptor {fd} (add_reader or add_writer without its remove)"
    elif isinstance(source, Stream):
        transport = outermost(source)
        protocol = transport.get_protocol()
        what = f"transport {transport!r} of {type(protocol).__qualname__}, peer {source.get_extra_info('peername')!r}"
    else:
        what = f"{type(source).__name__} on descriptor {fd}, {source!r}"
    return what + at("opened", made)


def describe_report(report: dict[str, Any]) -> str:
    """Return what an exception handler was told, and where its subject was made."""
    lines = [f"reported: {report.get('message', 'no message')}"]
    error = report.get("exception")
    if isinstance(error, BaseException):
        lines += "".join(traceback.format_exception(error)).splitlines()
    about = [f"{key}: {report[key]!r}" for key in ("protocol", "transport", "task", "future") if key in report]
    lines += about
    made = report.get("source_traceback")
    if made:
        last = made[-1]
        lines.append(f"made at {last.filename}:{last.lineno}, in {last.name}")
    return "\n".join(lines)


def indented(text: str) -> str:
    """Return a text whose further lines stand further in."""
    return text.replace("\n", "\n      ")


class LoggedFailures(logging.Handler):
    """Keeps what is logged of Deferreds whose failures nobody handled while no loop ran."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.setFormatter(logging.Formatter("logged: %(message)s"))
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record's text."""
        self.texts.append(self.format(record))


# -- descriptors


def open_descriptors() -> dict[int, tuple[int, int]]:
    """Return the process's open descriptors, each with what tells the thing behind it from others."""
    found = {}
    for name in os.listdir("/dev/fd"):
        try:
            seen = os.fstat(int(name))
        except OSError:
            continue  # the listing's own
        found[int(name)] = (seen.st_dev, seen.st_ino)
    return found


def new_descriptors(before: dict[int, tuple[int, int]]) -> list[str]:
    """Return what is to be said of each descriptor that is open now and was not before."""
    new = [fd for fd, identity in sorted(open_descriptors().items()) if before.get(fd) != identity]
    return [describe_descriptor(fd) for fd in new]


def describe_descriptor(fd: int) -> str:
    """Return what a descriptor is of, which object holds it, and where that was made if tracemalloc knows."""
    try:
        behind = f" ({os.readlink(f'/proc/self/fd/{fd}')})"
    except OSError:
        behind = ""
    holders = [each for each in gc.get_objects() if is_holder(each, fd)]
    text = f"descriptor {fd}{behind}" + "".join(f", held by {holder!r}" for holder in holders[:1])
    trace = tracemalloc.get_object_traceback(holders[0]) if holders else None
    if trace is not None:
        return f"{text}, made at:\n" + "\n".join(trace.format())
    return text if tracemalloc.is_tracing() else f"{text}; python -X tracemalloc=10 says where it was made"


def is_holder(thing: object, fd: int) -> bool:
    """Return whether an object is a socket or a file with this descriptor."""
    if not issubclass(type(thing), (socket.socket, io.FileIO)):
        return False
    try:
        return bool(thing.fileno() == fd)  # type: ignore[attr-defined]
    except (OSError, ValueError):
        return False
