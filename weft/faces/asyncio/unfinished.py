"""What asyncio has and Weft does not have yet: each raises NotImplementedError with its name."""

from __future__ import annotations

from typing import NoReturn


class Unfinished:
    """The methods of `asyncio.AbstractEventLoop` that later versions of Weft bring."""


def refuse_call(method: str) -> NoReturn:
    """Raise NotImplementedError with the method's name."""
    raise NotImplementedError(f"{method}() is not there yet in this version of Weft")
