"""Twisted's interfaces on Weft's loop: a program chooses Weft as its reactor, and nothing else in it changes.

`install()` before anything imports `twisted.internet.reactor`; or `--reactor=weft` for twist, twistd and trial; or
`weft run script.py`. Importing this package imports Twisted, which is an extra: `pip install 'weft[twisted]'`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from weft.faces.twisted.needs import check_twisted

check_twisted()

from weft.faces.twisted.reactor import WeftReactor  # noqa: E402

if TYPE_CHECKING:
    from weft.faces.asyncio import Loop

__all__ = ["WeftReactor", "install"]


def install(loop: Loop | None = None) -> WeftReactor:
    """Make Weft's reactor the one that `from twisted.internet import reactor` gives; return it.

    It runs on `loop`, else on the loop that runs in this thread, else on a new one, which becomes the thread's
    current event loop. Raises ReactorAlreadyInstalledError if a reactor was chosen already.
    """
    from twisted.internet import error, main

    reactor = WeftReactor(loop)
    try:
        main.installReactor(reactor)
    except error.ReactorAlreadyInstalledError:
        raise error.ReactorAlreadyInstalledError(explain_installed()) from None
    if not reactor.loop.is_running():
        asyncio.set_event_loop(reactor.loop)
    return reactor


def explain_installed() -> str:
    """Return what to do where a reactor was chosen already."""
    import sys

    chosen = type(sys.modules["twisted.internet.reactor"])
    return (
        f"this program has a reactor already, {chosen.__module__}.{chosen.__qualname__}: the first import of "
        "twisted.internet.reactor chooses one. Call weft.faces.twisted.install() before any such import."
    )
