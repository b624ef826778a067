"""Readiness from Linux's epoll (epoll(7)), level- or edge-triggered as each source asks."""

from __future__ import annotations

from weft.core import _os
from weft.ports import Source


class EpollPoller(_os.EpollSet):
    """Watches descriptors with one epoll set; the leaf waits, and finds whose event it is."""

    def add(self, fd: int, source: Source, events: int) -> None:
        """Watch `fd` for `events`. Raises OSError as epoll_ctl does: FileExistsError if it is watched already."""
        self.control_add(fd, events)
        while len(self.owners) <= fd + 1:
            self.owners.append(None)
        self.owners[fd] = source

    def modify(self, fd: int, events: int) -> None:
        """Watch `fd` for `events` from now on."""
        self.check_watched(fd)
        self.control_modify(fd, events)

    def remove(self, fd: int) -> None:
        """Stop watching `fd`; what the last wait said of it is forgotten."""
        self.check_watched(fd)
        self.owners[fd] = None
        self.forget(fd)
        try:
            self.control_delete(fd)
        except OSError:
            pass  # its user closed it before: the system has forgotten it already

    def check_watched(self, fd: int) -> None:
        """Raise KeyError for a descriptor that is not watched."""
        if fd < 0 or fd >= len(self.owners) or self.owners[fd] is None:
            raise KeyError(f"descriptor {fd} is not watched")
