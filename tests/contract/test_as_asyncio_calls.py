"""The order of what runs: any program of calls, timers, futures, tasks and descriptors, as on asyncio's own loop."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.core import _os

from .fakes import FakeClock
from .tapes import STEP_S, Tape, asyncio_loop, weft_loop


class Program:
    """A program on a loop; `ran` says what ran, in order, and when."""

    def __init__(self, loop: Any, clock: FakeClock, poller: Any, numbers: bytes, fds: list[int]) -> None:
        self.loop = loop
        self.clock = clock
        self.poller = poller
        self.tape = Tape(numbers)
        self.fds = fds
        self.ran: list[Any] = []
        self.made = 0
        self.handles: list[asyncio.Handle] = []
        self.futures: list[asyncio.Future[Any]] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.actions = (
            self.nothing,
            self.call_soon,
            self.call_soon,
            self.call_later,
            self.call_later,
            self.call_at,
            self.call_from_afar,
            self.cancel,
            self.let_time_go_by,
            self.make_future,
            self.settle_future,
            self.make_task,
            self.cancel_task,
            self.make_readable,
            self.stop,
        )
        loop.set_exception_handler(lambda loop, context: self.report(context))

    def log(self, *what: Any) -> None:
        self.ran.append((*what, self.clock.ns))

    def report(self, context: dict[str, Any]) -> None:
        if "handle" in context:  # what a call raised; of a task that nobody asked, the collector tells when it comes
            self.log("reported", type(context["exception"]))

    def number(self) -> int:
        self.made += 1
        return self.made

    def delay_s(self) -> float:
        return self.tape.delay_s(self.loop.time())

    def run(self) -> list[Any]:
        """Run it, several times over, until all of it has come to its end; return what ran."""
        for fd in self.fds:
            self.loop.add_reader(fd, self.call, f"reader {self.fds.index(fd)}")
        for _ in range(1 + self.tape.below(3)):
            self.act(8)
            self.run_for(self.delay_s())
        self.tape.end()
        self.run_for(100)
        for task in self.tasks:
            task.cancel()
        self.run_for(100)
        for fd in self.fds:
            self.loop.remove_reader(fd)
        self.loop.close()
        return self.ran

    def run_for(self, seconds: float) -> None:
        stopping = self.loop.call_later(seconds, self.loop.stop)
        self.loop.run_forever()
        stopping.cancel()
        self.log("stopped")

    # -- what runs

    def act(self, limit: int) -> None:
        for _ in range(self.tape.below(limit)):
            self.tape.one_of(self.actions)()

    def call(self, name: object) -> None:
        self.log("called", name)
        self.act(4)
        if self.tape.below(16) == 15:
            raise ZeroDivisionError

    async def task(self, name: int) -> None:
        for step in range(self.tape.below(4)):
            self.log("task", name, step)
            self.act(3)
            try:
                await self.wait()
            except asyncio.CancelledError:
                self.log("cancelled", name)
                if self.tape.below(2):
                    raise
            except TimeoutError:
                self.log("timed out", name)
        self.log("task", name, "ends")

    async def wait(self) -> None:
        kind = self.tape.below(8)
        if kind == 0:
            await asyncio.sleep(0)
        elif kind == 1:
            await asyncio.sleep(self.delay_s())
        elif kind == 2:
            await asyncio.wait_for(self.make_task(), self.delay_s())
        elif kind == 3:
            await asyncio.gather(self.make_task(), self.make_task(), return_exceptions=True)
        elif kind == 4:
            async with asyncio.timeout(self.delay_s()):
                await asyncio.sleep(self.delay_s())
        elif self.futures:
            future = self.tape.one_of(self.futures)
            if kind == 5:
                await future
            elif kind == 6:
                await asyncio.wait_for(asyncio.shield(future), self.delay_s())
            else:
                await asyncio.wait([future, self.futures[-1]], timeout=self.delay_s())

    # -- actions

    def nothing(self) -> None:
        pass

    def call_soon(self) -> None:
        self.handles.append(self.loop.call_soon(self.call, self.number()))

    def call_later(self) -> None:
        self.handles.append(self.loop.call_later(self.delay_s(), self.call, self.number()))

    def call_at(self) -> None:
        moment_s = self.loop.time() + self.delay_s() - 2 * STEP_S
        self.handles.append(self.loop.call_at(moment_s, self.call, self.number()))

    def call_from_afar(self) -> None:
        self.handles.append(self.loop.call_soon_threadsafe(self.call, self.number()))

    def cancel(self) -> None:
        if self.handles:
            self.tape.one_of(self.handles).cancel()

    def let_time_go_by(self) -> None:
        self.clock.ns += (1 + self.tape.below(2)) * round(STEP_S * 1e9)

    def make_future(self) -> None:
        future, name = self.loop.create_future(), self.number()
        future.add_done_callback(lambda _: self.call(name))
        self.futures.append(future)

    def settle_future(self) -> None:
        if self.futures:
            future = self.tape.one_of(self.futures)
            if not future.done():
                future.cancel() if self.tape.below(4) == 3 else future.set_result(None)

    def make_task(self) -> asyncio.Task[None]:
        self.tasks.append(self.loop.create_task(self.task(self.number())))
        return self.tasks[-1]

    def cancel_task(self) -> None:
        if self.tasks:
            self.log("cancel", self.tape.one_of(self.tasks).cancel())

    def make_readable(self) -> None:
        fd = self.tape.one_of(self.fds)
        if all(each != fd for each, _ in self.poller.coming):
            self.poller.coming.append((fd, _os.READ))

    def stop(self) -> None:
        if self.tape.below(3) == 2:
            self.log("stop")
            self.loop.stop()


def run_on(make: Callable[..., Any], numbers: bytes, fds: list[int]) -> list[Any]:
    clock = FakeClock()
    loop, poller = make(clock)
    return Program(loop, clock, poller, numbers, fds).run()


@settings(max_examples=400)
@given(st.binary(min_size=200, max_size=300))
def test_any_program_runs_in_the_order_in_which_it_runs_on_asyncio_s_own_loop(numbers):
    with contextlib.ExitStack() as stack:
        fds = []
        for _ in range(2):
            ends = os.pipe()
            for fd in ends:
                stack.callback(os.close, fd)
            fds.append(ends[0])

        assert run_on(weft_loop, numbers, fds) == run_on(asyncio_loop, numbers, fds)
