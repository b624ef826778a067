"""Running and closing a loop, tasks, threads, generators."""

import asyncio
import concurrent.futures
import contextvars
import gc
import os
import subprocess
import sys
import threading
import warnings
import weakref

import pytest

import weft
from weft.faces.asyncio import threads as own

from .conftest import BOUND_S


async def answer(value=42):
    await asyncio.sleep(0)
    return value


# -- run_until_complete and run_forever


def test_run_until_complete_returns_what_the_coroutine_returns(loop):
    assert loop.run_until_complete(answer()) == 42


def test_run_until_complete_raises_what_the_coroutine_raises(loop):
    async def fail():
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        loop.run_until_complete(fail())


def test_run_until_complete_takes_a_future(loop):
    future = loop.create_future()
    loop.call_later(0, future.set_result, "done")

    assert loop.run_until_complete(future) == "done"
    assert loop.run_until_complete(future) == "done"


def test_run_until_complete_on_a_loop_that_is_stopped_is_an_error(loop):
    async def stop_and_wait():
        loop.stop()
        await asyncio.sleep(1000)

    with pytest.raises(RuntimeError, match="stopped before Future completed"):
        loop.run_until_complete(stop_and_wait())


def test_a_loop_cannot_run_while_it_runs(loop):
    async def main():
        coroutine = answer()
        with pytest.raises(RuntimeError, match="already running"):
            loop.run_until_complete(coroutine)
        coroutine.close()
        with pytest.raises(RuntimeError, match="already running"):
            loop.run_forever()

    loop.run_until_complete(main())


def test_a_loop_cannot_run_while_another_runs_in_the_thread(make_poller, loop):
    other = weft.Loop(poller=make_poller())

    async def main():
        with pytest.raises(RuntimeError, match="another loop is running"):
            other.run_forever()

    loop.run_until_complete(main())
    other.close()


def test_the_running_loop_is_asyncio_s_running_loop(loop):
    async def which():
        return asyncio.get_running_loop()

    assert loop.run_until_complete(which()) is loop
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


# -- closing


def test_a_closed_loop_cannot_run_and_says_so(make_poller):
    loop = weft.Loop(poller=make_poller())
    loop.close()
    coroutine = answer()

    assert loop.is_closed()
    for run in (loop.run_forever, lambda: loop.run_until_complete(coroutine), lambda: loop.create_task(coroutine)):
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            run()
    coroutine.close()


def test_closing_twice_does_nothing(make_poller):
    loop = weft.Loop(poller=make_poller())

    loop.close()
    loop.close()


def test_a_running_loop_cannot_be_closed(loop):
    async def main():
        with pytest.raises(RuntimeError, match="running"):
            loop.close()

    loop.run_until_complete(main())
    assert not loop.is_closed()


def test_calls_and_timers_that_did_not_run_are_dropped_on_closing(make_poller):
    import weakref

    class Callback:
        def __call__(self):
            raise AssertionError("ran after the loop was closed")

    loop = weft.Loop(poller=make_poller())
    callbacks = [Callback() for _ in range(3)]
    alive = [weakref.ref(callback) for callback in callbacks]
    loop.call_soon(callbacks[0])
    loop.call_later(1000, callbacks[1])
    loop.call_soon_threadsafe(callbacks[2])

    loop.close()
    callbacks.clear()

    assert [reference() for reference in alive] == [None, None, None]


def test_a_loop_that_nobody_closed_warns_and_closes_itself(make_poller, descriptors):
    before = descriptors()
    loop = weft.Loop(poller=make_poller())

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del loop
        gc.collect()

    assert [str(warning.message) for warning in caught if "unclosed event loop" in str(warning.message)]
    assert descriptors() == before


def test_a_hundred_loops_leave_no_descriptor_behind(make_poller, descriptors):
    before = descriptors()

    for _ in range(100):
        loop = weft.Loop(poller=make_poller())
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    assert descriptors() == before


def test_a_loop_that_could_not_be_made_leaves_no_descriptor_and_no_warning(make_poller, monkeypatch):
    def refuse():
        raise OSError(24, "Too many open files")

    poller = make_poller()
    monkeypatch.setattr(os, "pipe", refuse)

    with pytest.raises(OSError, match="Too many open files"):
        weft.Loop(poller=poller)

    poller.close()


# -- tasks


def test_a_task_has_the_name_and_the_context_it_was_given(loop):
    mark = contextvars.ContextVar("mark", default="default")
    context = contextvars.Context()
    context.run(mark.set, "given")

    async def look():
        return mark.get()

    async def main():
        task = loop.create_task(look(), name="mine", context=context)
        other = loop.create_task(look())
        return task.get_name(), await task, await other, isinstance(task, asyncio.Task)

    assert loop.run_until_complete(main()) == ("mine", "given", "default", True)


def test_a_task_factory_makes_the_tasks(loop):
    made = []

    def factory(loop, coroutine, **options):
        made.append((coroutine.__name__, sorted(options)))
        return asyncio.Task(coroutine, loop=loop, **options)

    async def main():
        task = asyncio.create_task(answer(), name="named")
        with_context = asyncio.create_task(answer(), context=contextvars.Context())
        return task.get_name(), await task, await with_context

    loop.set_task_factory(factory)
    found = loop.run_until_complete(main())
    factory_found = loop.get_task_factory()
    loop.set_task_factory(None)

    assert found == ("named", 42, 42)
    assert made[:3] == [("main", []), ("answer", []), ("answer", ["context"])]
    assert factory_found is factory
    assert loop.get_task_factory() is None
    with pytest.raises(TypeError, match="callable"):
        loop.set_task_factory("no function")


def test_task_groups_and_timeouts_of_asyncio_work_as_they_are(loop):
    async def main():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(answer(number)) for number in range(5)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(1000)
        return [task.result() for task in tasks]

    assert loop.run_until_complete(main()) == [0, 1, 2, 3, 4]


def test_the_debug_flag_is_off_and_can_be_set(loop):
    before = loop.get_debug()

    loop.set_debug(True)

    assert not before
    assert loop.get_debug()
    assert "debug=True" in repr(loop)
    assert loop.run_until_complete(answer()) == 42


# -- threads


def test_a_call_in_the_executor_runs_in_another_thread_and_returns(loop):
    async def main():
        return await loop.run_in_executor(None, lambda: threading.get_ident())

    assert loop.run_until_complete(main()) != threading.get_ident()


def test_a_call_in_the_executor_gets_its_arguments_and_its_exception_comes_back(loop):
    async def main():
        total = await loop.run_in_executor(None, sum, [1, 2], 3)
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)
        return total

    assert loop.run_until_complete(main()) == 6


def test_an_executor_of_one_s_own_is_used(loop):
    async def main(executor):
        return await loop.run_in_executor(executor, lambda: threading.current_thread().name)

    with concurrent.futures.ThreadPoolExecutor(thread_name_prefix="mine") as executor:
        name = loop.run_until_complete(main(executor))
        loop.set_default_executor(executor)
        default = loop.run_until_complete(main(None))

    assert name.startswith("mine")
    assert default.startswith("mine")
    with pytest.raises(TypeError, match="ThreadPoolExecutor"):
        loop.set_default_executor("no executor")


def test_a_call_in_the_executor_that_is_cancelled_does_not_disturb_the_loop(loop):
    go_on = threading.Event()

    async def main():
        future = loop.run_in_executor(None, go_on.wait)
        await asyncio.sleep(0)
        future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await future
        go_on.set()
        return await loop.run_in_executor(None, lambda: "still works")

    assert loop.run_until_complete(main()) == "still works"


def test_a_call_that_is_cancelled_before_it_begins_does_not_run(loop):
    go_on = threading.Event()
    ran = []

    async def main(executor):
        first = loop.run_in_executor(executor, go_on.wait)
        second = loop.run_in_executor(executor, ran.append, "second")
        second.cancel()
        go_on.set()
        assert await first
        assert await loop.run_in_executor(executor, lambda: "third") == "third"

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        loop.run_until_complete(main(executor))
    assert ran == []


def test_a_call_that_its_executor_drops_is_cancelled(loop):
    go_on = threading.Event()

    async def main(executor):
        first = loop.run_in_executor(executor, go_on.wait)
        dropped = loop.run_in_executor(executor, lambda: "never")
        executor.shutdown(wait=False, cancel_futures=True)
        with pytest.raises(asyncio.CancelledError):
            await dropped
        go_on.set()
        assert await first

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        loop.run_until_complete(main(executor))


def test_an_executor_that_is_shut_down_refuses_calls_and_leaves_nothing(loop):
    async def main(executor):
        with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
            loop.run_in_executor(executor, lambda: None)

    executor = concurrent.futures.ThreadPoolExecutor(1)
    executor.shutdown()
    loop.run_until_complete(main(executor))


@pytest.mark.parametrize(
    "error, seen_as",
    [
        (StopIteration("mine"), RuntimeError),
        (concurrent.futures.CancelledError(), asyncio.CancelledError),
        (SystemExit(3), SystemExit),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_an_exception_of_a_call_in_the_executor_comes_back_as_a_future_can_hold_it(loop, error, seen_as):
    def fail():
        raise error

    async def main():
        future = loop.run_in_executor(None, fail)
        await asyncio.wait([future])
        try:
            return future.exception()
        except asyncio.CancelledError as cancelled:
            return cancelled

    assert type(loop.run_until_complete(main())) is seen_as


def test_an_exception_of_a_call_in_the_executor_holds_nothing_that_only_the_collector_frees(loop):
    class Held:
        pass

    def fail(held):
        raise ValueError("mine")

    gone = threading.Event()

    async def main():
        held = Held()
        watching = weakref.ref(held, lambda _: gone.set())
        try:
            await loop.run_in_executor(None, fail, held)
        except ValueError:
            pass
        del held
        return watching

    gc.disable()
    try:
        watching = loop.run_until_complete(main())
        # The pool's thread lets go of it in a moment.
        assert gone.wait(BOUND_S / 2), "the collector alone would free it"
        assert watching() is None
    finally:
        gc.enable()


class Submitting(concurrent.futures.ThreadPoolExecutor):
    """An executor that does something with the futures that it gives out."""

    def submit(self, *arguments, **keywords):
        future = super().submit(*arguments, **keywords)
        self.results = [*getattr(self, "results", ()), future]
        return future


def test_an_executor_of_another_class_gives_out_futures_of_the_call_itself(loop):
    with Submitting(1) as executor:
        assert loop.run_until_complete(loop.run_in_executor(executor, lambda: 7)) == 7
        assert [future.result() for future in executor.results] == [7]


def test_shutting_the_executor_down_waits_for_its_work_and_takes_no_more(loop):
    finished = []
    go_on = threading.Event()

    def work():
        go_on.wait()
        finished.append("work")

    async def main():
        future = loop.run_in_executor(None, work)
        loop.call_soon(go_on.set)
        await loop.shutdown_default_executor()
        done = list(finished)
        with pytest.raises(RuntimeError, match="shutdown"):
            loop.run_in_executor(None, work)
        await future
        return done

    assert loop.run_until_complete(main()) == ["work"]


def test_shutting_an_executor_down_that_was_never_used_returns(loop):
    assert loop.run_until_complete(loop.shutdown_default_executor()) is None


def test_shutting_the_executor_down_gives_up_after_its_time(loop):
    go_on = threading.Event()

    async def main():
        future = loop.run_in_executor(None, go_on.wait)
        with pytest.warns(RuntimeWarning, match="did not finish"):
            await loop.shutdown_default_executor(timeout=0.01)
        go_on.set()
        await future

    before = set(threading.enumerate())
    loop.run_until_complete(main())
    for thread in set(threading.enumerate()) - before:
        thread.join()  # nobody waited for it


# -- the loop's own threads

MOST_THREADS = min(32, (getattr(os, "process_cpu_count", os.cpu_count)() or 1) + 4)


def own_threads(before):
    return [thread for thread in threading.enumerate() if thread not in before]


def join_all(threads):
    for thread in threads:
        thread.join()


def test_the_loop_s_own_threads_are_as_many_as_a_pool_has_and_take_jobs_in_their_order(loop):
    begun, go_on = threading.Barrier(MOST_THREADS), threading.Event()
    order, threads = [], set()

    def occupy():
        threads.add(threading.get_ident())
        begun.wait()
        go_on.wait()

    def note(number):
        threads.add(threading.get_ident())
        order.append(number)

    async def main():
        occupying = [loop.run_in_executor(None, occupy) for _ in range(MOST_THREADS - 1)]
        last = loop.run_in_executor(None, begun.wait)  # all are there: the one that is free now does all that follows
        noting = [loop.run_in_executor(None, note, number) for number in range(100)]
        await asyncio.gather(last, *noting)
        go_on.set()
        await asyncio.gather(*occupying)
        await asyncio.gather(*(loop.run_in_executor(None, note, number) for number in range(100)))

    loop.run_until_complete(main())

    assert order[:100] == list(range(100))
    assert sorted(order[100:]) == list(range(100))
    assert len(threads) <= MOST_THREADS


def test_a_job_for_the_loop_s_own_threads_that_is_cancelled_before_it_begins_does_not_run(loop):
    begun, go_on = threading.Barrier(MOST_THREADS + 1), threading.Event()
    ran = []

    def occupy():
        begun.wait()
        go_on.wait()

    async def main():
        occupying = [loop.run_in_executor(None, occupy) for _ in range(MOST_THREADS)]
        begun.wait()
        cancelled = loop.run_in_executor(None, ran.append, "cancelled")
        kept = loop.run_in_executor(None, ran.append, "kept")
        cancelled.cancel()
        go_on.set()
        await asyncio.gather(kept, *occupying)

    loop.run_until_complete(main())
    assert ran == ["kept"]


@pytest.mark.parametrize("linger_s", [0, 1e-6, 1e-4])
def test_no_job_is_lost_when_threads_come_and_go(loop, monkeypatch, linger_s):
    monkeypatch.setattr(own, "LINGER_S", linger_s)
    done = []

    async def main():
        for number in range(1000):
            await loop.run_in_executor(None, done.append, number)
        for _ in range(50):
            await asyncio.gather(*(loop.run_in_executor(None, done.append, None) for _ in range(20)))

    loop.run_until_complete(main())
    assert done == [*range(1000), *[None] * 1000]


def test_threads_that_wait_for_jobs_end_with_the_executor(loop, monkeypatch):
    monkeypatch.setattr(own, "LINGER_S", 3600.0)
    before = threading.enumerate()

    async def main():
        await asyncio.gather(*(loop.run_in_executor(None, int) for _ in range(3)))
        threads = own_threads(before)
        await loop.shutdown_default_executor()
        return threads

    threads = loop.run_until_complete(main())
    assert threads
    assert not any(thread.is_alive() for thread in threads)


def test_threads_that_wait_for_jobs_end_when_the_loop_is_closed(loop, monkeypatch):
    monkeypatch.setattr(own, "LINGER_S", 3600.0)
    before = threading.enumerate()
    loop.run_until_complete(loop.run_in_executor(None, int))
    threads = own_threads(before)

    loop.close()

    join_all(threads)
    assert threads


def test_jobs_that_wait_for_a_thread_when_the_loop_is_closed_are_done(loop):
    go_on = threading.Event()
    done = []
    before = threading.enumerate()
    for _ in range(MOST_THREADS):
        loop.run_in_executor(None, go_on.wait)
    for number in range(100):
        loop.run_in_executor(None, done.append, number)
    threads = own_threads(before)

    loop.close()
    go_on.set()

    join_all(threads)
    assert sorted(done) == list(range(100))


@pytest.mark.parametrize("count", [0, 1])
def test_a_job_whose_thread_cannot_be_started_is_refused_and_not_done(loop, monkeypatch, count):
    go_on = threading.Event()
    done = []

    def refuse(self):
        raise RuntimeError("can't start new thread")

    async def main():
        working = [loop.run_in_executor(None, go_on.wait) for _ in range(count)]
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            for _ in range(2 * MOST_THREADS):
                with pytest.raises(RuntimeError, match="can't start new thread"):
                    loop.run_in_executor(None, done.append, "refused")
        await asyncio.gather(*(loop.run_in_executor(None, done.append, "done") for _ in range(100)))
        go_on.set()
        await asyncio.gather(*working)
        await loop.run_in_executor(None, done.append, "done")

    loop.run_until_complete(main())
    assert done == ["done"] * 101


def test_jobs_are_done_before_the_interpreter_ends_though_nobody_closed_the_loop():
    program = """
import os, weft
loop = weft.new_event_loop()
loop.run_until_complete(loop.run_in_executor(None, os.write, 1, b"first "))
for _ in range(100):
    loop.run_in_executor(None, os.write, 1, b"more ")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["first"] + ["more"] * 100


# -- asynchronous generators


def test_generators_that_are_open_are_closed_by_shutdown_asyncgens(loop):
    closed = []

    async def count():
        try:
            while True:
                yield
        finally:
            await asyncio.sleep(0)
            closed.append("closed")

    async def main():
        generators = [count() for _ in range(3)]
        for generator in generators:
            await anext(generator)
        await loop.shutdown_asyncgens()
        return generators

    loop.run_until_complete(main())

    assert closed == ["closed"] * 3


def test_a_generator_that_is_dropped_is_closed_by_the_loop(loop):
    closed = asyncio.Event()

    async def count():
        try:
            yield
        finally:
            closed.set()

    async def main():
        async for _ in count():
            break
        gc.collect()
        await closed.wait()

    loop.run_until_complete(main())

    assert closed.is_set()


def test_what_a_generator_raises_on_closing_is_reported(loop, reported):
    async def count():
        try:
            yield
        finally:
            raise ZeroDivisionError("on closing")

    async def main():
        generator = count()
        await anext(generator)
        await loop.shutdown_asyncgens()

    loop.run_until_complete(main())

    assert str(reported.pop()["exception"]) == "on closing"


# -- names


def test_names_are_looked_up(loop):
    async def main():
        infos = await loop.getaddrinfo("127.0.0.1", 80)
        host, _ = await loop.getnameinfo(("127.0.0.1", 80), 1 | 2)
        return infos[0][4], host

    assert loop.run_until_complete(main()) == (("127.0.0.1", 80), "127.0.0.1")
