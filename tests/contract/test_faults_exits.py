"""SystemExit and KeyboardInterrupt in a callback come out of the loop, which can run on with nothing missing."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from .conftest import settle
from .faulty import run_through

pytestmark = pytest.mark.usefixtures("nothing_left")
EXITS = [KeyboardInterrupt, SystemExit]


class Leaving:
    """Called, it raises `error` the first time; `called` is set then."""

    def __init__(self, loop, error):
        self.error = error
        self.called = loop.create_future()
        self.times = 0

    def __call__(self, *arguments):
        self.times += 1
        if not self.called.done():
            self.called.set_result(None)
            raise self.error("leaving")


def by_call_soon(loop, leave):
    loop.call_soon(leave)


def by_call_soon_threadsafe(loop, leave):
    loop.call_soon_threadsafe(leave)


def by_call_later(loop, leave):
    loop.call_later(0.001, leave)


def by_call_at(loop, leave):
    loop.call_at(loop.time(), leave)


def by_done_callback(loop, leave):
    future = loop.create_future()
    future.add_done_callback(leave)
    future.set_result(None)


def by_signal_handler(loop, leave):
    loop.add_signal_handler(signal.SIGUSR1, leave)
    loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)


def by_exception_handler(loop, leave):
    before = loop.get_exception_handler()

    def handler(loop, context):
        loop.set_exception_handler(before)
        leave()

    loop.set_exception_handler(handler)
    loop.call_soon(lambda: 1 / 0)


WAYS = [
    by_call_soon,
    by_call_soon_threadsafe,
    by_call_later,
    by_call_at,
    by_done_callback,
    by_signal_handler,
    by_exception_handler,
]


@pytest.mark.parametrize("is_debugging", [False, True], ids=["", "debug"])
@pytest.mark.parametrize("error", EXITS)
@pytest.mark.parametrize("way", WAYS)
def test_an_exit_in_a_callback_comes_out_and_what_else_was_to_run_runs_later(loop, way, error, is_debugging):
    loop.set_debug(is_debugging)
    leave, ran = Leaving(loop, error), []

    async def main():
        loop.call_soon(ran.append, "before")
        way(loop, leave)
        loop.call_soon(ran.append, "after")
        loop.call_later(0, ran.append, "timer")
        loop.call_soon_threadsafe(ran.append, "thread")
        await leave.called
        while len(ran) < 4:
            await asyncio.sleep(0)

    assert run_through(loop, main(), error) == 1
    loop.remove_signal_handler(signal.SIGUSR1)

    assert sorted(ran) == ["after", "before", "thread", "timer"]
    assert leave.times == 1
    assert not loop.is_running()


@pytest.mark.parametrize("error", EXITS)
@pytest.mark.parametrize("add", ["add_reader", "add_writer"])
def test_an_exit_in_the_callback_of_a_descriptor_comes_out_and_it_is_watched_on(loop, pair, add, error):
    leave = Leaving(loop, error)
    ours, theirs = pair

    async def main():
        theirs.send(b"x")
        getattr(loop, add)(ours, leave)
        while leave.times < 3:
            await asyncio.sleep(0)
        getattr(loop, add.replace("add", "remove"))(ours)

    assert run_through(loop, main(), error) == 1


@pytest.mark.parametrize("error", EXITS)
def test_an_exit_in_a_task_comes_out_and_is_the_task_s_outcome_and_others_run_on(loop, error):
    async def leave():
        await asyncio.sleep(0)
        raise error("leaving")

    async def stay():
        for _ in range(5):
            await asyncio.sleep(0)
        return "done"

    leaving, staying = loop.create_task(leave()), loop.create_task(stay())
    with pytest.raises(error, match="leaving"):
        loop.run_forever()

    assert isinstance(leaving.exception(), error)
    assert loop.run_until_complete(staying) == "done"


@pytest.mark.parametrize("error", EXITS)
def test_an_exit_in_an_executor_s_thread_is_raised_where_it_is_awaited(loop, error):
    def leave():
        raise error("leaving")

    async def main():
        with pytest.raises(error, match="leaving"):
            await loop.run_in_executor(None, leave)
        return "goes on"

    assert loop.run_until_complete(main()) == "goes on"


@pytest.mark.parametrize("error", EXITS)
def test_an_exit_while_a_task_group_runs_lets_it_be_cancelled_afterwards(loop, error):
    ended = []

    async def sleeper():
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    async def main():
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(sleeper())

    task = loop.create_task(main())
    loop.call_later(0.001, Leaving(loop, error))
    with pytest.raises(error):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)

    assert ended == [True] * 3


@pytest.mark.parametrize("error", EXITS)
def test_an_exit_among_the_calls_of_one_socket_operation_leaves_the_others_waiting_for_theirs(loop, pair, error):
    ours, theirs = pair

    async def main():
        receiving = loop.create_task(loop.sock_recv(ours, 100))
        await settle()
        theirs.send(b"late")
        loop.call_soon(Leaving(loop, error))
        return await receiving

    task = loop.create_task(main())
    with pytest.raises(error):
        loop.run_until_complete(task)

    assert loop.run_until_complete(task) == b"late"


PROGRAM = """
import asyncio, os, signal, sys
import weft

closed = []

class Left(asyncio.Protocol):
    def connection_lost(self, error):
        closed.append(error)

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Left, "127.0.0.1", 0)
    transport, _ = await loop.create_connection(Left, *server.sockets[0].getsockname())
    process = await asyncio.create_subprocess_exec("sleep", "1000", stdin=asyncio.subprocess.PIPE)
    try:
        if sys.argv[1] == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(3600)
        loop.call_soon(sys.exit, 7)
        await asyncio.sleep(3600)
    finally:
        transport.close()
        server.close()
        process.kill()
        print("status", await process.wait())

try:
    weft.run(main())
except KeyboardInterrupt:
    print("interrupted")
print("lost", closed)
"""


@pytest.mark.parametrize("way, status, lines", [
    ("interrupt", 0, ["status -9", "interrupted", "lost [None, None]"]),
    ("exit", 7, ["status -9"]),
])  # fmt: skip
def test_a_program_that_is_left_by_an_exit_cleans_up_and_has_its_status(way, status, lines):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, way], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == lines
    assert done.returncode == status


def test_an_interrupt_while_the_loop_waits_in_the_system_comes_out_and_the_wait_goes_on(loop):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)

        runs = threading.Event()

        async def main():
            receiving = loop.create_task(loop.sock_recv(ours, 100))
            await settle()
            loop.call_soon(runs.set)  # no task runs any more then: an interrupt in one would be its outcome
            return await receiving

        task = loop.create_task(main())
        thread = threading.Thread(target=send_when, args=(runs,))
        before = signal.signal(signal.SIGUSR2, raise_interrupt)
        thread.start()
        try:
            with pytest.raises(KeyboardInterrupt, match="by a signal"):
                loop.run_until_complete(task)
        finally:
            signal.signal(signal.SIGUSR2, before)
            thread.join()
        theirs.send(b"late")

        assert loop.run_until_complete(task) == b"late"


def send_when(runs):
    runs.wait()
    os.kill(os.getpid(), signal.SIGUSR2)


def raise_interrupt(number, frame):
    raise KeyboardInterrupt("by a signal")
