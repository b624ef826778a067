"""TimerService: calls a coroutine function again and again, never twice at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from weft.services.service import Service, logger, said


class TimerService(Service):
    """Calls `call()` every `interval_s`, at the start first (or after the first interval, with `at_once=False`).

    The times are multiples of the interval after the start. A call that is still running when the next is due is not
    overlapped: what it missed is left out, and it is called at the next multiple. What `call` raises is logged with
    its traceback and the timer goes on, unless `stops_on_error` is set: then the service breaks, and its tree with
    it. Stopping cancels a call that is running; draining lets it finish.
    """

    def __init__(
        self,
        interval_s: float,
        call: Callable[[], Awaitable[object]],
        *,
        at_once: bool = True,
        stops_on_error: bool = False,
        name: str = "",
    ) -> None:
        if not interval_s > 0:
            raise ValueError(f"the interval is {interval_s!r} s; it must be more than 0: TimerService(60, tidy)")
        super().__init__(name=name or getattr(call, "__name__", ""))
        self.interval_s = interval_s
        self.calls = 0
        """How often it was called."""
        self.failures = 0
        """How many of these calls raised."""
        self.missed = 0
        """How many times passed while a call was still running."""
        self._call = call
        self._at_once = at_once
        self._stops_on_error = stops_on_error
        self._is_last = False
        self._between: asyncio.Event = asyncio.Event()
        self._ending: asyncio.Event = asyncio.Event()

    @property
    def note(self) -> str:
        """How often it calls, and how often it did."""
        failed = f", {self.failures} failed" if self.failures else ""
        return f"every {self.interval_s:g} s, {self.calls} calls{failed}"

    async def start(self) -> None:
        """Forget an earlier stop."""
        self._between, self._ending = asyncio.Event(), asyncio.Event()
        self._between.set()

    async def run(self) -> None:
        """Call at each multiple of the interval."""
        time = asyncio.get_running_loop().time
        began = time()
        turn = 0 if self._at_once else 1
        while await self._waits_until(began + turn * self.interval_s):
            await self._call_once()
            passed = int((time() - began) / self.interval_s)
            self.missed += max(0, passed - turn)
            turn = max(turn, passed) + 1

    async def _waits_until(self, due: float) -> bool:
        """Wait until it is time; return False at once when it is time to end."""
        delay = due - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(0.0, delay)):
                await self._ending.wait()
        except TimeoutError:
            pass
        return not self._ending.is_set()

    async def _call_once(self) -> None:
        self._between.clear()
        self.calls += 1
        try:
            await self._call()
        except Exception as error:
            self.failures += 1
            if self._stops_on_error:
                raise
            logger.error("%s: the call failed: %s", self.path, said(error), exc_info=error)
        finally:
            self._between.set()

    async def drain(self) -> None:
        """Call no more; return when the call that is running has ended."""
        self._ending.set()
        await self._between.wait()
