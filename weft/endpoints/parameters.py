"""The values in an endpoint's string: each knows its name, reads its text, and says what is allowed there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """One value of an endpoint's string."""

    name: str
    """As the string has it, and as the argument is called that the endpoint is made with."""
    read: Callable[[str], Any]
    """Returns the value; raises ValueError for a text that is not allowed."""
    allowed: str
    """What is allowed, to end the sentence "it must be ..."."""
    is_positional: bool = False
    """Whether it stands at its place, without a name, and must be given."""
    is_optional: bool = False
    """Whether it may be left out although it is positional; then all behind it are left out, too."""
    is_repeated: bool = False
    """Whether all further values without a name belong to it, as a tuple: the last positional one may."""
    is_endpoint: bool = False
    """Whether it is another endpoint's string, read as the one it stands in is."""
    argument: str = ""
    """The argument's name where it is another than `name`."""


def text(name: str, allowed: str = "a text that is not empty", **options: Any) -> Parameter:
    """Return a parameter that takes any text but none."""
    return Parameter(name, read_text, allowed, **options)


def whole_number(name: str, least: int, most: int, **options: Any) -> Parameter:
    """Return a parameter that takes a whole number within bounds."""

    def read(written: str) -> int:
        # int() would take signs, blanks, underscores and other scripts' digits, too.
        if not (written.isascii() and written.isdigit() and len(written) < 20 and least <= int(written) <= most):
            raise ValueError(written)
        return int(written)

    return Parameter(name, read, f"a whole number from {least} to {most}", **options)


def seconds(name: str, **options: Any) -> Parameter:
    """Return a parameter that takes a time in seconds, or `none` for no bound; its argument ends in `_s`."""

    def read(written: str) -> float | None:
        if written == "none":
            return None
        number = float(written)
        if not 0 < number < float("inf"):
            raise ValueError(written)
        return number

    allowed = "a number of seconds above 0, or none"
    return Parameter(name, read, allowed, **{"argument": f"{name}_s", **options})


def yes_or_no(name: str, **options: Any) -> Parameter:
    """Return a parameter that takes yes or no, as a bool; 1 and 0, true and false, on and off do, too."""
    words = {"yes": True, "1": True, "true": True, "on": True, "no": False, "0": False, "false": False, "off": False}

    def read(written: str) -> bool:
        if written not in words:
            raise ValueError(written)
        return words[written]

    return Parameter(name, read, "yes or no", **options)


def one_of(name: str, *words: str, **options: Any) -> Parameter:
    """Return a parameter that takes one of some words."""

    def read(written: str) -> str:
        if written not in words:
            raise ValueError(written)
        return written

    return Parameter(name, read, f"{', '.join(words[:-1])} or {words[-1]}", **options)


def permissions(name: str, **options: Any) -> Parameter:
    """Return a parameter that takes a file's permissions, in octal."""

    def read(written: str) -> int:
        if not (len(written) in (3, 4) and set(written) <= set("01234567") and int(written, 8) <= 0o777):
            raise ValueError(written)
        return int(written, 8)

    return Parameter(name, read, "a file's permissions in octal, such as 660", **options)


def words(name: str, allowed: str, **options: Any) -> Parameter:
    """Return a parameter that takes words with commas between them, as a tuple."""

    def read(written: str) -> tuple[str, ...]:
        found = tuple(written.split(","))
        if not all(found):
            raise ValueError(written)
        return found

    return Parameter(name, read, allowed, **options)


def endpoint(name: str, **options: Any) -> Parameter:
    """Return a parameter that takes another endpoint's string; its colons and equals signs have backslashes."""
    return Parameter(name, read_text, "another endpoint's string", is_endpoint=True, **options)


def read_text(written: str) -> str:
    """Return a text. Raises ValueError for an empty one."""
    if not written:
        raise ValueError(written)
    return written
