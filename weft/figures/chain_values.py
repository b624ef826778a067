"""Results in a few words: what a chain's picture says of a value, a failure or an exception's class.

Of a value that is no plain data it says the class alone: nothing of the program runs when its chain is drawn, and the
same program draws the same picture. The one exception is an exception's message, which its own `__str__` gives.
"""

from __future__ import annotations

from typing import Any

from weft.deferred import Deferred, Failure
from weft.figures import wording

MOST_CHARACTERS = 60
MOST_ITEMS = 4
MOST_LEVELS = 2
MOST_BITS = 200
"""A larger integer is not written out: it would take long, and nobody would read it."""


def value(result: Any) -> str:
    """Return a value as Python writes it, shortened; the class alone if it is no plain data."""
    return wording.name(_shown(result, MOST_LEVELS))


def failure(found: Failure) -> str:
    """Return a failure as its class and what it says: "LookupError: no such poem"."""
    try:
        message = str(found.value)[: 4 * MOST_CHARACTERS]
    except Exception:
        message = "(no message: its __str__ raised)"
    return wording.name(f"{error(found.type)}: {message}" if message else error(found.type), 2 * MOST_CHARACTERS)


def error(kind: type[BaseException]) -> str:
    """Return the name of an exception's class."""
    return wording.name(kind.__name__)


def _shown(result: Any, levels: int) -> str:
    kind = type(result)
    if kind in (bool, float, type(None)):
        return repr(result)
    if kind is int:
        return repr(result) if result.bit_length() <= MOST_BITS else f"<int of {result.bit_length():,} bits>"
    if kind in (str, bytes):
        return repr(result) if len(result) <= MOST_CHARACTERS else repr(result[:MOST_CHARACTERS]) + "…"
    if kind in _BRACKETS:
        opening, closing = _BRACKETS[kind]
        if not levels:
            return f"{opening}…{closing}" if result else opening + closing
        items = [_shown(item, levels - 1) for item in _first(result)]
        if kind is dict:
            values = [_shown(item, levels - 1) for item in _first(result.values())]
            items = [f"{key}: {item}" for key, item in zip(items, values, strict=True)]
        more = "…" if len(result) > MOST_ITEMS else ""
        comma = "," if kind is tuple and len(result) == 1 else ""
        return f"{opening}{', '.join([*items, more] if more else items)}{comma}{closing}"
    if isinstance(result, Failure):
        return f"<{error(result.type)}>"
    if isinstance(result, Deferred):
        return f"<another {wording.name(kind.__name__)}>"
    return f"<{wording.name(kind.__name__)}>"


_BRACKETS: dict[type, tuple[str, str]] = {tuple: ("(", ")"), list: ("[", "]"), dict: ("{", "}")}


def _first(items: Any) -> list[Any]:
    return [item for _, item in zip(range(MOST_ITEMS), items, strict=False)]
