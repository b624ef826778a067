"""The states of one call of a stream's coroutine method, and the methods that read."""

from __future__ import annotations

# states.pxd gives the same numbers to the compiled build; tests/contract/test_streams.py compares.
NEW = 0  # not awaited yet
WAITING = 1  # for more bytes, the end, or an error
HANDED_ON = 2  # asyncio's own coroutine does the rest
OVER = 3

LINE = 0  # readline
UNTIL = 1  # readuntil
NEXT = 2  # __anext__
EXACTLY = 3  # readexactly
SOME = 4  # read
