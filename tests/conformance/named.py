"""The named tests: those that only asyncio's own loop can pass, since they reach into what is private to it."""

from __future__ import annotations

import platform
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIST = Path(__file__).with_name("white_box.toml")


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


def groups() -> list[Group]:
    """Return every group of the list."""
    entries: list[dict[str, Any]] = tomllib.loads(LIST.read_text()).get("group", [])
    return [Group(**entry) for entry in entries]


def named_on(build: str, python: str | None = None) -> dict[str, Group]:
    """Return the named tests of one Python (this one) and build. Raises ValueError for a test that is named twice."""
    python = python or ".".join(platform.python_version_tuple()[:2])
    named: dict[str, Group] = {}
    for group in groups():
        if group.holds_on(python, build):
            for test in group.tests:
                if test in named:
                    raise ValueError(f"{test} is named twice: {named[test].reason!r} and {group.reason!r}")
                named[test] = group
    return named
