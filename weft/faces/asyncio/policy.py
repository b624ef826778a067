"""The event-loop policy: how a program that names no loop gets Weft's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from weft.faces.asyncio.loop import Loop, new_event_loop


class EventLoopPolicy(asyncio.DefaultEventLoopPolicy):
    """`asyncio.set_event_loop_policy(weft.EventLoopPolicy())`: from then on asyncio makes Weft's loops.

    Prefer `weft.run(main())` or `asyncio.Runner(loop_factory=weft.new_event_loop)` where you can choose: Python is
    giving policies up (deprecated in 3.14).
    """

    def __init__(self, make_loop: Callable[[], Loop] = new_event_loop) -> None:
        super().__init__()
        self._make_loop = make_loop

    def new_event_loop(self) -> Loop:
        """Return a new Weft loop."""
        return self._make_loop()
