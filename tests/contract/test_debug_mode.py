"""Debug mode: what it refuses, remembers and reports; and that calls keep their order with it or without."""

import asyncio
import contextlib
import contextvars
import logging
import sys
import threading
import traceback

import pytest

import weft


def nothing(*arguments):
    pass


def in_thread(function):
    """Call a function in another thread; return what it raised, or None."""
    raised = []

    def run():
        try:
            function()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="elsewhere")
    thread.start()
    thread.join()
    return raised[0] if raised else None


@pytest.mark.parametrize("method", ["call_soon", "call_later", "call_at"])
def test_in_debug_mode_a_call_from_a_wrong_thread_names_both_threads_and_the_call_to_use(loop, method):
    arguments = (nothing,) if method == "call_soon" else (0.0, nothing)
    loop.set_debug(True)

    async def main():
        return await loop.run_in_executor(None, in_thread, lambda: getattr(loop, method)(*arguments))

    error = loop.run_until_complete(main())

    assert isinstance(error, RuntimeError)
    assert "'elsewhere'" in str(error)
    assert repr(threading.current_thread().name) in str(error)
    assert "call_soon_threadsafe(" in str(error)


def test_a_loop_that_does_not_run_may_be_given_calls_by_any_thread(loop):
    loop.set_debug(True)

    assert in_thread(lambda: loop.call_soon(nothing)) is None


def test_without_debug_mode_nothing_is_checked(loop):
    async def main():
        return await loop.run_in_executor(None, in_thread, lambda: loop.call_soon(nothing))

    assert loop.run_until_complete(main()) is None


async def coroutine_function():
    pass


@pytest.mark.parametrize("callback", [coroutine_function, 7, None], ids=["coroutine function", "number", "None"])
@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later", "call_at", "run_in_executor"])
def test_in_debug_mode_what_cannot_be_called_is_refused_where_it_is_given(loop, method, callback):
    arguments = {"call_later": (0, callback), "call_at": (0, callback), "run_in_executor": (None, callback)}
    loop.set_debug(True)

    with pytest.raises(TypeError, match=rf"{method}\(\)"):
        getattr(loop, method)(*arguments.get(method, (callback,)))


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later", "call_at"])
def test_in_debug_mode_the_report_of_an_exception_tells_where_the_call_was_made(loop, reported, method):
    arguments = () if method.startswith("call_soon") else (0,)
    loop.set_debug(True)

    handle = getattr(loop, method)(*arguments, lambda: 1 / 0)
    line = sys._getframe().f_lineno - 1
    loop.call_later(0, loop.stop)
    loop.run_forever()

    [context] = reported
    reported.clear()
    innermost = context["source_traceback"][-1]
    assert (innermost.filename, innermost.lineno) == (__file__, line)
    assert context["handle"] is handle
    assert f"{__file__}:{line}" in repr(handle)
    assert isinstance(context["source_traceback"], traceback.StackSummary)


def test_without_debug_mode_no_stack_is_remembered(loop, reported):
    loop.call_soon(lambda: 1 / 0)
    loop.call_soon(loop.stop)
    loop.run_forever()

    [context] = reported
    reported.clear()
    assert "source_traceback" not in context


def test_the_default_exception_handler_says_where_the_running_call_was_made(loop, caplog):
    loop.set_exception_handler(None)
    loop.set_debug(True)

    loop.call_soon(lambda: loop.call_exception_handler({"message": "look"}))
    loop.call_soon(loop.stop)
    loop.run_forever()

    assert "look" in caplog.text
    assert "Object created at" in caplog.text or "Handle created at" in caplog.text


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_in_debug_mode_a_slow_step_is_reported_with_its_task_and_line(loop, caplog):
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0  # so every one is slow

    async def slow():
        await asyncio.sleep(0)

    loop.run_until_complete(loop.create_task(slow(), name="the slow one"))

    steps = [text for text in warnings_of(caplog) if "the slow one" in text]
    assert steps
    assert __file__ in steps[0]
    assert "seconds" in steps[0]


def test_in_debug_mode_a_slow_callback_is_reported_with_its_line(loop, caplog):
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0

    loop.call_soon(nothing, 1)
    line = nothing.__code__.co_firstlineno
    loop.call_soon(loop.stop)
    loop.run_forever()

    assert [text for text in warnings_of(caplog) if f"nothing(1) at {__file__}:{line}" in text]


def test_in_debug_mode_slow_data_received_is_reported_too(loop, pair, caplog):
    ours, theirs = pair
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0

    async def main():
        reader, writer = await asyncio.open_connection(sock=ours)
        theirs.send(b"x")
        await reader.readexactly(1)
        writer.close()
        await writer.wait_closed()

    loop.run_until_complete(main())

    assert [text for text in warnings_of(caplog) if "<weft.Stream" in text]


def test_what_is_not_slow_is_not_reported(loop, caplog):
    loop.set_debug(True)
    loop.slow_callback_duration = 3600.0

    loop.run_until_complete(asyncio.sleep(0))

    assert warnings_of(caplog) == []


def test_debug_mode_has_coroutines_remember_their_origin_while_the_loop_runs(loop):
    before = sys.get_coroutine_origin_tracking_depth()

    async def main():
        loop.set_debug(True)
        await asyncio.sleep(0)
        on = sys.get_coroutine_origin_tracking_depth()
        loop.set_debug(False)
        await asyncio.sleep(0)
        return on, sys.get_coroutine_origin_tracking_depth()

    assert loop.run_until_complete(main()) == (10, before)
    loop.set_debug(True)
    loop.run_until_complete(asyncio.sleep(0))
    assert sys.get_coroutine_origin_tracking_depth() == before


def test_the_environment_turns_debug_mode_on(monkeypatch):
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    loop = weft.new_event_loop()
    debug = loop.get_debug()
    loop.close()

    assert debug


def test_an_exit_in_debug_mode_passes_through(loop):
    loop.set_debug(True)
    loop.call_soon(sys.exit, 3)

    with pytest.raises(SystemExit):
        loop.run_forever()


def test_an_address_looked_up_in_debug_mode_is_logged(loop, caplog):
    caplog.set_level(logging.DEBUG, "asyncio")
    loop.set_debug(True)

    loop.run_until_complete(loop.getaddrinfo("127.0.0.1", 80))

    assert "127.0.0.1:80" in caplog.text


# -- order, handles, tasks


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_calls_run_in_the_order_in_which_they_were_made_by_whatever_method(loop, debug):
    ran = []
    loop.set_debug(debug)

    for number in range(10):
        (loop.call_soon if number % 3 else loop.call_soon_threadsafe)(ran.append, number)
    loop.call_soon(loop.stop)
    loop.run_forever()

    assert ran == list(range(10))


def test_handles_count_as_asyncio_s(loop):
    soon, timer = loop.call_soon(nothing, 1), loop.call_later(60, nothing)

    assert isinstance(soon, asyncio.Handle)
    assert not isinstance(soon, asyncio.TimerHandle)
    assert isinstance(timer, asyncio.TimerHandle)
    assert (soon._callback, soon._args, soon._cancelled) == (nothing, (1,), False)
    soon.cancel()
    timer.cancel()
    assert soon._cancelled
    assert timer._cancelled


def test_an_exception_handler_runs_in_the_context_of_what_failed(loop):
    place = contextvars.ContextVar("place", default="outside")
    seen = []
    loop.set_exception_handler(lambda loop, context: seen.append(place.get()))

    context = contextvars.copy_context()
    context.run(place.set, "inside")
    loop.call_soon(lambda: 1 / 0, context=context)
    loop.call_soon(loop.call_exception_handler, {"message": "nothing in particular"})
    loop.call_soon(loop.stop)
    loop.run_forever()

    assert seen == ["inside", "outside"]


def test_a_task_factory_is_told_of_the_options_that_were_given(loop):
    told = []

    def factory(loop, coro, **options):
        told.append(set(options))
        return asyncio.Task(coro, loop=loop, **options)

    loop.set_task_factory(factory)

    async def main():
        await loop.create_task(coroutine_function())
        named = loop.create_task(coroutine_function(), name="a name")
        await named
        return named.get_name()

    assert loop.run_until_complete(main()) == "a name"
    takes_names = sys.version_info >= (3, 13, 3)
    assert told[1:] == [set(), {"name"} if takes_names else set()]


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_an_eager_task_begins_at_once(loop, debug):
    if sys.version_info < (3, 12):
        with contextlib.closing(coroutine_function()) as coro, pytest.raises(TypeError):
            loop.create_task(coro, eager_start=True)
        return
    loop.set_debug(debug)
    ran = []

    async def first_step():
        ran.append("begun")
        await asyncio.sleep(0)
        ran.append("ended")

    async def main():
        loop.set_task_factory(asyncio.eager_task_factory)
        task = loop.create_task(first_step())
        ran.append("made")
        await task

    loop.run_until_complete(main())

    assert ran == ["begun", "made", "ended"]
