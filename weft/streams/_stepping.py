"""How calls of streams are stepped and used again: the leaf that needs pointers, interpreted.

Its twin is _stepping.pxd, with core/awaited.h: there a result comes without an exception, and a call that is over is
used for the next.
"""

from __future__ import annotations


def install(kind: type) -> None:
    """Have the steps of a type taken by its `step`; `__next__` does here."""


def is_only(call: object) -> bool:
    """Return whether nobody but the caller can still use a call; False where that cannot be known."""
    return False
