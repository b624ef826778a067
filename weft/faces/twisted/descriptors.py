"""Descriptors that a Twisted program watches itself: `addReader`, `addWriter` and their kin (IReactorFDSet)."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet import error, main
from twisted.internet.posixbase import _ContinuousPolling
from twisted.python import log

from weft.core import _os
from weft.core.loop import Core
from weft.ports import Source

GONE = error.ConnectionFdescWentAway("File descriptor lost")
BROKEN = _os.ERROR | _os.HANGUP


class Watch(Source):
    """A descriptor that is watched, level-triggered, for one of Twisted's selectables."""

    def __init__(self, descriptors: Descriptors, fd: int, selectable: Any) -> None:
        self.descriptors = descriptors
        self.fd = fd
        self.selectable = selectable
        self.interest = 0

    def change(self, interest: int) -> None:
        """Watch for `interest` from now on: READ, WRITE, both, or 0 for nothing more."""
        poller = self.descriptors.loop.poller
        if self.interest == 0:
            poller.add(self.fd, self, interest)
        elif interest == 0:
            poller.remove(self.fd)
        elif interest != self.interest:
            poller.modify(self.fd, interest)
        self.interest = interest

    def ready(self, events: int) -> None:
        """Have the selectable read or write, with its name in the log."""
        log.callWithLogger(self.selectable, self.act, events)

    def act(self, events: int) -> None:
        """Have the selectable read, then write; disconnect it if it says so, raises, or its descriptor broke."""
        selectable = self.selectable
        why: Any = None
        was_reading = False
        try:
            if events & BROKEN and not events & _os.READ:
                was_reading = bool(self.interest & _os.READ)
                why = main.CONNECTION_DONE if was_reading else main.CONNECTION_LOST
            elif selectable.fileno() == -1:
                why = GONE
            else:
                if events & _os.READ and self.interest & _os.READ:
                    was_reading = True
                    why = selectable.doRead()
                if not why and events & _os.WRITE and self.interest & _os.WRITE:
                    was_reading = False
                    why = selectable.doWrite()
        except KeyboardInterrupt:
            raise
        except BaseException as raised:
            log.err()
            why = raised
        if why:
            self.descriptors.reactor._disconnectSelectable(selectable, why, was_reading)

    def fail(self, error: BaseException) -> None:
        """Report what disconnecting raised; what the selectable raises is dealt with before."""
        self.descriptors.loop.report({"message": "Watching a descriptor failed", "exception": error})


class Descriptors:
    """The selectables of a reactor, by their descriptors. Files, which no poller takes, are polled by time."""

    def __init__(self, reactor: Any, loop: Core) -> None:
        self.reactor = reactor
        self.loop = loop
        self.watches: dict[int, Watch] = {}
        self.files = _ContinuousPolling(reactor)

    def add(self, selectable: Any, side: int) -> None:
        """Have `selectable` called when it is readable (READ) or writable (WRITE)."""
        fd = selectable.fileno()
        watch = self.watches.get(fd)
        if watch is None:
            watch = Watch(self, fd, selectable)
        try:
            watch.change(watch.interest | side)
        except OSError as reason:
            if reason.errno != errno.EPERM:
                raise
            add = self.files.addReader if side == _os.READ else self.files.addWriter
            add(selectable)
            return
        self.watches[fd] = watch
        watch.selectable = selectable

    def remove(self, selectable: Any, side: int) -> None:
        """Call `selectable` no more for that side; if it was not called for it, nothing happens."""
        is_file = self.files.isReading if side == _os.READ else self.files.isWriting
        if is_file(selectable):
            take = self.files.removeReader if side == _os.READ else self.files.removeWriter
            take(selectable)
            return
        watch = self.find(selectable)
        if watch is not None and watch.interest & side:
            watch.change(watch.interest & ~side)
            if watch.interest == 0:
                del self.watches[watch.fd]

    def find(self, selectable: Any) -> Watch | None:
        """Return the watch of a selectable; one whose descriptor is gone is looked for by itself."""
        fd = selectable.fileno()
        if fd != -1:
            return self.watches.get(fd)
        return next((watch for watch in self.watches.values() if watch.selectable is selectable), None)

    def on(self, side: int) -> list[Any]:
        """Return the selectables that are called for a side."""
        found = [watch.selectable for watch in self.watches.values() if watch.interest & side]
        found.extend(self.files.getReaders() if side == _os.READ else self.files.getWriters())
        return found

    def clear(self) -> list[Any]:
        """Call none any more; return those that were called."""
        found = [watch.selectable for watch in self.watches.values()]
        for watch in list(self.watches.values()):
            watch.change(0)
        self.watches.clear()
        return found + list(self.files.removeAll())
