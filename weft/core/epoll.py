"""Readiness from Linux's epoll (epoll(7)), level- or edge-triggered as each source asks."""

from __future__ import annotations

from weft.core import _os
from weft.ports import Poller, Source


class EpollPoller(Poller):
    """Watches descriptors with one epoll set. `owners[fd]` is the source that is told of `fd`."""

    def __init__(self) -> None:
        Poller.__init__(self, True)
        self.epoll = _os.EpollSet()
        self.owners: list[Source | None] = []

    def add(self, fd: int, source: Source, events: int) -> None:
        """Watch `fd` for `events`. Raises OSError as epoll_ctl does: FileExistsError if it is watched already."""
        self.epoll.add(fd, events)
        while len(self.owners) <= fd:
            self.owners.append(None)
        self.owners[fd] = source

    def modify(self, fd: int, events: int) -> None:
        """Watch `fd` for `events` from now on."""
        self.check_watched(fd)
        self.epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Stop watching `fd`; what the last wait said of it is forgotten."""
        self.check_watched(fd)
        self.owners[fd] = None
        self.epoll.forget(fd)
        try:
            self.epoll.remove(fd)
        except OSError:
            pass  # its user closed it before: the system has forgotten it already

    def check_watched(self, fd: int) -> None:
        """Raise KeyError for a descriptor that is not watched."""
        if fd < 0 or fd >= len(self.owners) or self.owners[fd] is None:
            raise KeyError(f"descriptor {fd} is not watched")

    def wait(self, timeout_ns: int) -> int:
        """Wait for events; return how many came. Resolution: a millisecond, rounded up."""
        return self.epoll.wait(timeout_ns)

    def ready_source(self, index: int) -> Source | None:
        """Return whose event it is, None if its descriptor was removed; its mask is in `ready_events`."""
        epoll = self.epoll
        epoll.select(index)
        self.ready_events = epoll.mask
        if epoll.fd < 0:
            return None
        return self.owners[epoll.fd]

    def close(self) -> None:
        """Give the epoll descriptor back."""
        self.owners = []
        self.epoll.close()
