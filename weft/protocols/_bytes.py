"""Cutting bytes, and putting a length before them: the leaf that needs pointers, interpreted. Its twin is _bytes.pxd.

It knows no protocol's state. Places and sizes are in bytes, and the caller's to get right.
"""

from __future__ import annotations

find = bytes.find
"""`find(data, wanted, start, end)` returns where in `data[start:end]` the bytes `wanted` stand first, -1 if not."""


def split(data: bytes, start: int, end: int, delimiter: bytes, lines: list[bytes]) -> int:
    """Add the lines of `data[start:end]` to `lines`, without the delimiter; return where one begins that has none."""
    pieces = data[start:end].split(delimiter)
    rest = pieces.pop()
    lines += pieces
    return end - len(rest)


def cut(data: bytes, start: int, end: int) -> bytes:
    """Return `data[start:end]`."""
    return data[start:end]


def netstring(content: bytes) -> bytes:
    """Return the netstring of `content`."""
    return b"%d:%b," % (len(content), content)


def length_at(data: bytes, start: int, size: int, is_little: bool) -> int:
    """Return the length that stands at `start` as an integer of `size` bytes."""
    return int.from_bytes(data[start : start + size], "little" if is_little else "big")


def prefixed(content: bytes, size: int, is_little: bool) -> bytes:
    """Return `content` behind its length as an integer of `size` bytes."""
    return len(content).to_bytes(size, "little" if is_little else "big") + content
