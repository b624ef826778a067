"""weft.run does what asyncio.run does, on a Weft loop."""

import asyncio
import contextvars
import signal
import subprocess
import sys
import textwrap

import pytest

import weft


def run_script(script, *arguments):
    """Run a program of its own with this build; return (exit code, output, errors)."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_it_returns_the_result_and_closes_its_loop():
    async def main():
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    loop = weft.run(main())

    assert isinstance(loop, weft.Loop)
    assert loop.is_closed()


def test_it_raises_what_the_coroutine_raises():
    async def main():
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        weft.run(main())


def test_it_sets_the_debug_mode_it_is_asked_for():
    async def main():
        return asyncio.get_running_loop().get_debug()

    assert weft.run(main(), debug=True)
    assert not weft.run(main(), debug=False)


def test_it_refuses_what_is_no_coroutine():
    with pytest.raises(ValueError, match="a coroutine was expected"):
        weft.run("main")


def test_within_a_running_loop_it_is_an_error_and_the_coroutine_is_closed():
    async def inner():
        raise AssertionError("ran")

    async def main():
        coroutine = inner()
        with pytest.raises(RuntimeError, match="running event loop"):
            weft.run(coroutine)
        return coroutine

    coroutine = weft.run(main())

    assert coroutine.cr_frame is None, "it was not closed"


def test_it_cancels_the_tasks_that_are_left_and_waits_for_them():
    ended = []

    async def linger():
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(0)
            ended.append("ended")

    async def main():
        task = asyncio.create_task(linger())
        await asyncio.sleep(0)
        return task

    task = weft.run(main())

    assert task.cancelled()
    assert ended == ["ended"]


def test_it_closes_the_generators_that_are_left():
    closed = []

    async def count():
        try:
            yield
        finally:
            closed.append("closed")

    async def main():
        generator = count()
        await anext(generator)
        return generator

    weft.run(main())

    assert closed == ["closed"]


def test_it_waits_for_the_executor():
    finished = []

    async def main():
        asyncio.get_running_loop().run_in_executor(None, finished.append, "finished")

    weft.run(main())

    assert finished == ["finished"]


def test_the_coroutine_sees_the_caller_s_context():
    mark = contextvars.ContextVar("mark")
    mark.set("caller's")

    async def main():
        seen = mark.get()
        mark.set("changed")
        return seen

    assert weft.run(main()) == "caller's"
    assert mark.get() == "caller's"


# -- signals; each in a program of its own


def test_an_interrupt_ends_a_run_that_waits_with_keyboard_interrupt():
    code, output, errors = run_script("""
        import asyncio, os, signal, threading, weft

        async def main():
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                await asyncio.sleep(1000)
            finally:
                print("cleaned up", flush=True)

        try:
            weft.run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """)

    assert (code, output, errors) == (0, "cleaned up\ninterrupted\n", "")


def test_an_interrupt_passes_through_a_bare_loop_that_waits_and_it_can_run_again():
    code, output, errors = run_script("""
        import os, signal, threading, weft

        loop = weft.new_event_loop()
        loop.call_later(0, threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start)
        try:
            loop.run_forever()
        except KeyboardInterrupt:
            print("interrupted")
        loop.call_soon(print, "runs again")
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.close()
    """)

    assert (code, output, errors) == (0, "interrupted\nruns again\n", "")


def test_an_interrupt_ends_a_run_even_after_a_signal_handler_came_and_went():
    code, output, errors = run_script("""
        import asyncio, os, signal, threading, weft

        async def main():
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGUSR1, print)
            loop.remove_signal_handler(signal.SIGUSR1)
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            await asyncio.sleep(1000)

        try:
            weft.run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """)

    assert (code, output, errors) == (0, "interrupted\n", "")


def test_any_signal_wakes_a_waiting_loop_even_after_a_signal_handler_came_and_went():
    code, output, errors = run_script("""
        import os, signal, threading, weft

        loop = weft.new_event_loop()
        signal.signal(signal.SIGUSR2, lambda number, frame: loop.stop())

        def begin():
            loop.add_signal_handler(signal.SIGUSR1, print)
            loop.remove_signal_handler(signal.SIGUSR1)
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR2)).start()

        loop.call_soon(begin)
        loop.run_forever()
        print("stopped")
        loop.close()
        print(signal.set_wakeup_fd(-1))
    """)

    assert (code, output, errors) == (0, "stopped\n-1\n", "")


def test_a_signal_handler_is_called_in_the_loop_with_its_arguments():
    code, output, errors = run_script("""
        import asyncio, contextvars, os, signal, weft

        mark = contextvars.ContextVar("mark")

        async def main():
            loop = asyncio.get_running_loop()
            came = asyncio.Queue()
            mark.set("the adder's context")
            loop.add_signal_handler(signal.SIGUSR1, lambda *got: came.put_nowait((got, mark.get())), 1, 2)
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGUSR1)
                print(await came.get())
            print(loop.remove_signal_handler(signal.SIGUSR1), loop.remove_signal_handler(signal.SIGUSR1))
            print(signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL)

        weft.run(main())
    """)

    assert (code, errors) == (0, "")
    assert output == '((1, 2), "the adder\'s context")\n' * 3 + "True False\nTrue\n"


def test_a_signal_handler_set_before_the_loop_runs_is_called_and_taken_back_on_closing():
    code, output, errors = run_script("""
        import os, signal, weft

        loop = weft.new_event_loop()
        loop.add_signal_handler(signal.SIGTERM, loop.stop)
        os.kill(os.getpid(), signal.SIGTERM)
        loop.run_forever()
        print("stopped")
        loop.close()
        print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.set_wakeup_fd(-1))
    """)

    assert (code, output, errors) == (0, "stopped\nTrue -1\n", "")


def test_a_handler_for_the_interrupt_takes_its_place_until_removed():
    code, output, errors = run_script("""
        import asyncio, os, signal, weft

        async def main():
            loop = asyncio.get_running_loop()
            came = asyncio.Event()
            loop.add_signal_handler(signal.SIGINT, came.set)
            os.kill(os.getpid(), signal.SIGINT)
            await came.wait()
            print("handled")
            loop.remove_signal_handler(signal.SIGINT)
            print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)

        weft.run(main())
    """)

    assert (code, output, errors) == (0, "handled\nTrue\n", "")


def test_who_was_told_of_signals_before_the_loop_watched_is_told_of_them_still():
    code, output, errors = run_script("""
        import asyncio, os, signal, socket, weft

        read, written = socket.socketpair()
        written.setblocking(False)
        before = signal.set_wakeup_fd(written.fileno())
        signal.signal(signal.SIGUSR2, lambda number, frame: None)

        async def main():
            loop = asyncio.get_running_loop()
            came = asyncio.Queue()
            loop.add_reader(read, lambda: came.put_nowait(read.recv(100)))
            os.kill(os.getpid(), signal.SIGUSR2)
            print(await came.get() == bytes([signal.SIGUSR2]))
            loop.add_signal_handler(signal.SIGUSR1, came.put_nowait, "handled")
            os.kill(os.getpid(), signal.SIGUSR1)
            print(sorted([await came.get(), await came.get()], key=str) == [bytes([signal.SIGUSR1]), "handled"])

        weft.run(main())
        print(signal.set_wakeup_fd(before) == written.fileno())
        read.close()
        written.close()
    """)

    assert (code, output, errors) == (0, "True\nTrue\nTrue\n", "")


def test_a_descriptor_for_signals_that_is_full_holds_nothing_up():
    code, output, errors = run_script("""
        import asyncio, os, signal, socket, weft

        read, written = socket.socketpair()
        written.setblocking(False)
        try:
            while True:
                written.send(bytes(1000))
        except BlockingIOError:
            pass
        signal.set_wakeup_fd(written.fileno())

        async def main():
            came = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, came.set)
            os.kill(os.getpid(), signal.SIGUSR1)
            await came.wait()
            print("handled")

        weft.run(main())
        signal.set_wakeup_fd(-1)
        read.close()
        written.close()
    """)

    assert (code, output, errors) == (0, "handled\n", "")


@pytest.mark.parametrize(
    "number, error",
    [("a name", TypeError), (0, ValueError), (1000, ValueError), (signal.SIGKILL, RuntimeError)],
)
def test_what_is_no_signal_or_cannot_be_caught_is_refused(number, error):
    loop = weft.new_event_loop()

    with pytest.raises(error):
        loop.add_signal_handler(number, print)

    loop.close()
    assert signal.set_wakeup_fd(-1) == -1


def test_a_coroutine_function_is_no_signal_handler():
    async def handler():
        pass

    loop = weft.new_event_loop()
    with pytest.raises(TypeError, match="coroutines"):
        loop.add_signal_handler(signal.SIGUSR1, handler)
    loop.close()


def test_signals_belong_to_the_main_thread():
    async def main():
        with pytest.raises(RuntimeError, match="main thread"):
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print)

    async def outer():
        await asyncio.to_thread(weft.run, main())

    weft.run(outer())
