"""Between threads."""

import asyncio
import threading
from contextvars import ContextVar

import pytest

import weft
from weft.deferred import Deferred, blocking_call_from_thread, call_from_thread, defer_to_thread
from weft.errors import BlockedLoopError


def test_a_function_runs_in_a_thread_and_in_the_callers_context():
    variable = ContextVar("variable")

    def work(number, *, more):
        return threading.current_thread() is threading.main_thread(), variable.get(), number + more

    async def main():
        variable.set("mine")
        return await defer_to_thread(work, 1, more=2)

    assert weft.run(main()) == (False, "mine", 3)


def test_what_it_raises_is_the_failure():
    async def main():
        with pytest.raises(ZeroDivisionError):
            await defer_to_thread(lambda: 1 // 0)

    weft.run(main())


def test_a_thread_calls_into_the_loop_and_may_wait_for_the_result():
    async def main():
        loop = asyncio.get_running_loop()
        called = Deferred()

        def later(value):
            deferred = Deferred()
            loop.call_soon(deferred.callback, (value, threading.current_thread() is threading.main_thread()))
            return deferred

        async def coroutine():
            await asyncio.sleep(0)
            return "from a coroutine"

        def work():
            call_from_thread(loop, called.callback, "called")
            with pytest.raises(ZeroDivisionError):
                blocking_call_from_thread(loop, lambda: 1 // 0)
            return blocking_call_from_thread(loop, later, 3), blocking_call_from_thread(loop, coroutine)

        return await defer_to_thread(work), await called

    assert weft.run(main()) == (((3, True), "from a coroutine"), "called")


def test_the_loops_own_thread_must_not_wait_for_itself():
    async def main():
        with pytest.raises(BlockedLoopError):
            blocking_call_from_thread(asyncio.get_running_loop(), print)

    weft.run(main())
