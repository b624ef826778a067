"""Whether Twisted is here, and new enough: said in one line before anything else fails."""

from __future__ import annotations

import importlib
import importlib.util

from weft.errors import TwistedError

OLDEST = (24, 3)


def check_twisted() -> None:
    """Raise TwistedError, which is an ImportError, where Twisted is missing or too old."""
    if importlib.util.find_spec("twisted") is None or importlib.util.find_spec("twisted.internet") is None:
        raise TwistedError("Weft's reactor needs Twisted, which is not installed: pip install 'weft[twisted]'")
    version = importlib.import_module("twisted").version
    if (version.major, version.minor) < OLDEST:
        raise TwistedError(
            f"Weft's reactor needs Twisted {OLDEST[0]}.{OLDEST[1]} or newer, and {version.public()} is installed: "
            "pip install --upgrade 'weft[twisted]'"
        )
