"""The iterator that an `await` runs on when the value is there already. The compiled twin is core/returned.h."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def returned(value: T) -> Generator[None, None, T]:
    """Return an iterator that ends at once, with `value`."""
    return value
    yield  # type: ignore[unreachable]  # makes it a generator
