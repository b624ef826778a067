"""Names, times and counts as a figure words them.

Owns what makes foreign text harmless: a task's name comes from the program that was recorded and may hold anything.
Escaping for a format belongs to that format's module.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

Measure = Callable[[str], float]
"""How wide a character is."""

NAMELESS = "(no name)"
MOST_NAME_CHARACTERS = 80
"""No name is shown longer than this, wherever it stands, so that a figure's size does not depend on names."""

_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns"))


def clean(text: str) -> str:
    """Return `text` on one line, without controls, marks of direction or code points that XML forbids."""
    head = text[: 4 * MOST_NAME_CHARACTERS]
    shown = "".join(_shown(character) for character in head)
    return " ".join(shown.split())


def name(text: str, most: int = MOST_NAME_CHARACTERS) -> str:
    """Return a name that can be shown: cleaned, at most `most` characters, never empty."""
    return shorten(clean(text) or NAMELESS, most)


def cell(character: str) -> float:
    """Return how many columns of a terminal a character fills: wide ones two, combining ones none."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def em(character: str) -> float:
    """Return at least how wide a character is in a sans-serif font, for 1 of the font's size."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    if character in "ijlI.,:;|!'()[] ":
        return 0.4
    if character in "mwMW@%—…" or unicodedata.east_asian_width(character) in "WFA":
        return 1.0
    return 0.78 if character.isupper() or ord(character) > 0x2FF else 0.64


def width(text: str, measure: Measure) -> float:
    """Return how wide a text is."""
    return sum(measure(character) for character in text)


def shorten(text: str, most: float, measure: Measure = cell) -> str:
    """Return `text` no wider than `most`, with an ellipsis where some was left out."""
    if width(text, measure) <= most:
        return text
    room = most - measure("…")
    return fitting(text, room, measure).rstrip() + "…" if room >= 0 else ""


def isolated(text: str) -> str:
    """Return a text that leaves the order of what stands around it alone, whichever way it is read itself."""
    if text.isascii():
        return text
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"


def duration(ns: int, digits: int = 3) -> str:
    """Return a length of time in its own unit, to so many significant digits (2 or 3): "1.62 s", "50 µs"."""
    if ns <= 0:
        return "0 s"
    for index, (unit_ns, unit) in enumerate(_UNITS):
        if ns < unit_ns:
            continue
        shown = _significant(ns / unit_ns, digits)
        if shown == "1000" and index:
            return f"1 {_UNITS[index - 1][1]}"
        return f"{shown} {unit}"
    raise AssertionError(f"no unit for {ns} ns")


def times(number: int) -> str:
    """Return how often something is there: a sign of multiplication and the number."""
    return f"\N{MULTIPLICATION SIGN}{number:,}"


def instant(ns: int, total_ns: int) -> str:
    """Return a moment in the unit that suits the whole recording, to about a ten-thousandth of it."""
    unit_ns, unit = unit_of(total_ns)
    digits = max(0, 4 - len(str(max(1, total_ns) // unit_ns)))
    return f"{ns / unit_ns:.{digits}f} {unit}"


def unit_of(ns: int) -> tuple[int, str]:
    """Return the largest unit that goes into `ns`, as its nanoseconds and its name."""
    return next(((unit_ns, unit) for unit_ns, unit in _UNITS if ns >= unit_ns), _UNITS[-1])


def count(number: int, noun: str) -> str:
    """Return a count with its noun: "1 task", "1,000 tasks"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def wrap(text: str, most: float, lines: int, measure: Measure = cell) -> list[str]:
    """Return `text` in at most `lines` lines no wider than `most`, the last one shortened."""
    rest = clean_long(text)
    made: list[str] = []
    while rest and len(made) < lines:
        head = fitting(rest, most, measure)
        if len(made) == lines - 1 or not head or head == rest:
            made.append(shorten(rest, most, measure))
            break
        if rest[len(head)] != " " and " " in head:
            head = head[: head.rindex(" ")]
        made.append(head.rstrip())
        rest = rest[len(head) :].lstrip()
    return made


def clean_long(text: str) -> str:
    """Return a title, a caption or a note cleaned like a name; it may be longer than one."""
    return " ".join("".join(_shown(character) for character in text[:2_000]).split())


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Zs", "Zl", "Zp") or character in "\t\n\r":
        return " "
    return "\N{REPLACEMENT CHARACTER}" if category[0] == "C" else character


def fitting(text: str, most: float, measure: Measure) -> str:
    """Return the longest beginning of `text` that is no wider than `most`."""
    used = 0.0
    for index, character in enumerate(text):
        used += measure(character)
        if used > most:
            return text[:index]
    return text


def _significant(value: float, digits: int) -> str:
    places = max(0, digits - (1 if value < 10 else 2 if value < 100 else 3))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
