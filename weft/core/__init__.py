"""The core: what happens next.

It owns the order of things: the ready queue, the timers, the poller and one turn of the loop. It knows nothing of
sockets, protocols, futures or coroutines; those are its users, and it never imports them.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft.ports import Poller


def default_poller() -> Poller:
    """Return the best poller that this platform has: epoll, kqueue, select. The others are not even imported."""
    if hasattr(select, "epoll"):
        from weft.core.epoll import EpollPoller

        return EpollPoller()
    from weft.core.readiness import KqueuePoller, SelectPoller

    return KqueuePoller() if hasattr(select, "kqueue") else SelectPoller()
