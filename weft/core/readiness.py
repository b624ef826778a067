"""The pollers for platforms without epoll.

kqueue (BSD, macOS) and select are plain Python over the standard library's `select` module. Both keep the events of
the last wait as a list of (fd, mask).
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

from weft.core import _os
from weft.ports import Poller, Source

if TYPE_CHECKING:
    from collections.abc import Iterable


LONGEST_WAIT_S = 86400.0
"""The system's own limits differ; a loop that is woken once a day turns once more and waits on."""


class TablePoller(Poller):
    """What kqueue and select share: who owns which descriptor, and the events of the last wait."""

    def __init__(self, is_edge_triggered: bool) -> None:
        super().__init__(is_edge_triggered)
        self.owners: dict[int, Source] = {}
        self.interest: dict[int, int] = {}
        self.events: list[tuple[int, int]] = []

    def add(self, fd: int, source: Source, events: int) -> None:
        """Watch `fd` for `events`. Raises FileExistsError if it is watched already."""
        if fd < 0:
            raise ValueError(f"{fd} is not a descriptor")
        if fd in self.owners:
            raise FileExistsError(f"descriptor {fd} is watched already")
        self.owners[fd] = source
        self.interest[fd] = 0
        try:
            self.modify(fd, events)
        except BaseException:
            del self.owners[fd], self.interest[fd]
            raise

    def modify(self, fd: int, events: int) -> None:
        """Watch `fd` for `events` from now on. Raises KeyError if it is not watched."""
        if fd not in self.owners:
            raise KeyError(f"descriptor {fd} is not watched")
        self.apply(fd, self.interest[fd], events)
        self.interest[fd] = events

    def remove(self, fd: int) -> None:
        """Stop watching `fd`; what the last wait said of it is forgotten."""
        if fd not in self.owners:
            raise KeyError(f"descriptor {fd} is not watched")
        self.events = [(-1, mask) if event_fd == fd else (event_fd, mask) for event_fd, mask in self.events]
        del self.owners[fd]
        self.apply(fd, self.interest.pop(fd), 0)

    def apply(self, fd: int, before: int, after: int) -> None:
        """Tell the system that the interest in `fd` changed."""

    def wait(self, timeout_ns: int) -> int:
        """Wait for events; return how many came."""
        self.events = list(self.collect(None if timeout_ns < 0 else min(timeout_ns / 1e9, LONGEST_WAIT_S)))
        return len(self.events)

    def collect(self, timeout_s: float | None) -> Iterable[tuple[int, int]]:
        """Wait, and return the events as (fd, mask)."""
        raise NotImplementedError

    def ready_source(self, index: int) -> Source | None:
        """Return whose event it is, None if its descriptor was removed; its mask is in `ready_events`."""
        fd, self.ready_events = self.events[index]
        return self.owners.get(fd)

    def close(self) -> None:
        """Forget every descriptor."""
        self.owners.clear()
        self.interest.clear()
        self.events = []


class SelectPoller(TablePoller):
    """select(2): level-triggered, everywhere, and slow beyond a few hundred descriptors."""

    def __init__(self) -> None:
        super().__init__(False)

    def add(self, fd: int, source: Source, events: int) -> None:
        """Watch `fd` for `events`. Raises OSError if it is closed, ValueError where it is beyond FD_SETSIZE."""
        select.select((fd,), (), (), 0)
        super().add(fd, source, events)

    def collect(self, timeout_s: float | None) -> Iterable[tuple[int, int]]:
        """Wait, and return the events as (fd, mask)."""
        readers = [fd for fd, events in self.interest.items() if events & _os.READ]
        writers = [fd for fd, events in self.interest.items() if events & _os.WRITE]
        try:
            readable, writable, _ = select.select(readers, writers, [], timeout_s)
        except InterruptedError:
            return []
        masks = dict.fromkeys(readable, _os.READ)
        for fd in writable:
            masks[fd] = masks.get(fd, 0) | _os.WRITE
        return masks.items()


class KqueuePoller(TablePoller):
    """kqueue(2), edge-triggered where EDGE is asked for (EV_CLEAR)."""

    def __init__(self) -> None:
        super().__init__(True)
        self.kqueue: Any = select.kqueue()  # type: ignore[attr-defined, unused-ignore]

    def apply(self, fd: int, before: int, after: int) -> None:
        """Tell the kernel of the filters that came and went."""
        kernel: Any = select
        filters = ((_os.READ, kernel.KQ_FILTER_READ), (_os.WRITE, kernel.KQ_FILTER_WRITE))
        flags = kernel.KQ_EV_ADD | (kernel.KQ_EV_CLEAR if after & _os.EDGE else 0)
        changes = [kernel.kevent(fd, number, flags) for event, number in filters if after & event]
        changes += [
            kernel.kevent(fd, number, kernel.KQ_EV_DELETE)
            for event, number in filters
            if before & event and not after & event
        ]
        if changes:
            self.kqueue.control(changes, 0)

    def collect(self, timeout_s: float | None) -> Iterable[tuple[int, int]]:
        """Wait, and return the events as (fd, mask)."""
        kernel: Any = select
        masks: dict[int, int] = {}
        for event in self.kqueue.control(None, 512, timeout_s):
            mask = _os.WRITE if event.filter == kernel.KQ_FILTER_WRITE else _os.READ
            if event.flags & kernel.KQ_EV_EOF:
                mask |= _os.PEER_CLOSED
            masks[event.ident] = masks.get(event.ident, 0) | mask
        return masks.items()

    def close(self) -> None:
        """Give the kqueue's descriptor back."""
        super().close()
        self.kqueue.close()
