"""The alarm that a failure sets off when its Deferred goes away and nobody handled it, and debug mode's switch.

`unhandled.py` says where a report goes.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from weft.deferred import unhandled


class Alarm:
    """Reports a failure when it goes away itself, unless it was disarmed: a Deferred holds the only reference."""

    __slots__ = ("failure", "origin")

    def __init__(self, failure: Any, origin: Any) -> None:
        self.failure = failure
        self.origin = origin

    def __del__(self) -> None:
        if self.failure is not None:
            unhandled.report(self.failure, self.origin)


class Switch:
    """Whether Deferreds remember where they are made and fired."""

    __slots__ = ("is_on",)

    def __init__(self) -> None:
        asked_for = not sys.flags.ignore_environment and bool(os.environ.get("PYTHONASYNCIODEBUG"))
        self.is_on = sys.flags.dev_mode or asked_for


SWITCH: Switch = Switch()


def set_debugging(enabled: bool) -> None:
    """Turn debug mode on or off, for the whole process: Deferreds made from here on remember where, at a price.

    It is on from the beginning with `python -X dev` or PYTHONASYNCIODEBUG=1, as asyncio's is.
    """
    SWITCH.is_on = enabled


def is_debugging() -> bool:
    """Return whether Deferreds remember where they are made and fired."""
    return SWITCH.is_on


def origin_here() -> Any:
    """Return where we are, for a Deferred that is being made; None unless in debug mode."""
    return unhandled.Origin() if SWITCH.is_on else None
