"""Calls into a running loop from a wrong thread: debug mode refuses them, naming both threads and the call to use."""

import asyncio
import threading

import pytest

pytestmark = pytest.mark.usefixtures("nothing_left")


def done(loop):
    future = loop.create_future()
    future.set_result(None)
    return future


WRONG = {
    "call_soon": (lambda loop, future: loop.call_soon(print), "call_soon_threadsafe()"),
    "call_later": (lambda loop, future: loop.call_later(0, print), "call_soon_threadsafe(loop.call_later, ...)"),
    "call_at": (lambda loop, future: loop.call_at(0, print), "call_soon_threadsafe(loop.call_at, ...)"),
    "Future.set_result": (lambda loop, future: future.set_result(None), "call_soon_threadsafe()"),
    "Future.set_exception": (lambda loop, future: future.set_exception(OSError()), "call_soon_threadsafe()"),
    "Future.cancel": (lambda loop, future: future.cancel(), "call_soon_threadsafe()"),
    "Future.add_done_callback": (lambda loop, future: done(loop).add_done_callback(print), "call_soon_threadsafe()"),
}


@pytest.mark.parametrize("call, instead", WRONG.values(), ids=WRONG)
def test_a_call_from_a_wrong_thread_is_refused_with_both_threads_and_the_call_to_use(loop, call, instead):
    loop.set_debug(True)
    told = []

    def meddle(future, ended):
        try:
            call(loop, future)
        except RuntimeError as error:
            told.append(str(error))
        finally:
            loop.call_soon_threadsafe(ended.set)

    async def main():
        future, ended = loop.create_future(), asyncio.Event()
        future.add_done_callback(print)
        thread = threading.Thread(target=meddle, args=(future, ended), name="the wrong one")
        thread.start()
        await ended.wait()
        thread.join()
        if future.done() and not future.cancelled():
            future.exception()  # seen

    loop.run_until_complete(main())

    [message] = told
    assert "'the wrong one'" in message
    assert f"'{threading.current_thread().name}'" in message
    assert instead in message


RIGHT = {
    "call_soon_threadsafe": lambda loop, done: loop.call_soon_threadsafe(done.set),
    "run_coroutine_threadsafe": lambda loop, done: asyncio.run_coroutine_threadsafe(setting(done), loop).result(),
    "call_soon_threadsafe of call_later": lambda loop, done: loop.call_soon_threadsafe(loop.call_later, 0, done.set),
}


async def setting(done):
    done.set()


@pytest.mark.parametrize("call", RIGHT.values(), ids=RIGHT)
def test_the_calls_to_use_from_another_thread_work_in_debug_mode(loop, call):
    loop.set_debug(True)

    async def main():
        done = asyncio.Event()
        thread = threading.Thread(target=call, args=(loop, done))
        thread.start()
        await done.wait()
        while thread.is_alive():
            await asyncio.sleep(0)

    loop.run_until_complete(main())
