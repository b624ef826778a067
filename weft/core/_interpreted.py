"""Stands in for the module `cython` where Cython is not installed: its decorators then do nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def cclass(cls: T) -> T:
    """Mark an extension class."""
    return cls


def freelist(size: int) -> Callable[[T], T]:
    """Keep up to `size` freed instances for the next ones."""
    return cclass
