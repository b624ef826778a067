"""The named tests: those that are not asked of Weft, each for a reason that stands beside it in a list."""

from __future__ import annotations

import platform
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ASYNCIO_LIST = Path(__file__).with_name("white_box.toml")
TWISTED_LIST = Path(__file__).with_name("twisted_named.toml")


@dataclass
class Group:
    """Tests that are named for one reason."""

    reason: str
    tests: list[str]
    pythons: list[str] | None = None  # None: all of them
    builds: list[str] | None = None

    def holds_on(self, python: str, build: str) -> bool:
        """Return whether the group is meant for this Python and build."""
        return (self.pythons is None or python in self.pythons) and (self.builds is None or build in self.builds)


def groups(path: Path) -> list[Group]:
    """Return every group of a list."""
    entries: list[dict[str, Any]] = tomllib.loads(path.read_text()).get("group", [])
    return [Group(**entry) for entry in entries]


def named_on(path: Path, build: str, python: str | None = None) -> dict[str, Group]:
    """Return the tests that a list names on one Python (this one) and build.

    Raises ValueError for a test that is named twice.
    """
    python = python or ".".join(platform.python_version_tuple()[:2])
    named: dict[str, Group] = {}
    for group in groups(path):
        if group.holds_on(python, build):
            for test in group.tests:
                if test in named:
                    raise ValueError(f"{test} is named twice: {named[test].reason!r} and {group.reason!r}")
                named[test] = group
    return named
