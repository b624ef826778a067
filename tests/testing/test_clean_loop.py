import asyncio
import os
import socket
import sys

import pytest

import weft
from weft.errors import LeakError
from weft.testing import Link, ManualLoop, Network, WatchedLoop, clean_loop, connect_pair, open_pair

from .witness import Echo, Witness

HERE = __file__


@pytest.fixture(params=[WatchedLoop, ManualLoop])
def make(request):
    return request.param


def leaks_of(make, test, **options):
    """Return what `test(loop)`, a coroutine function, leaves behind."""
    with pytest.raises(LeakError) as caught, clean_loop(make, **options) as loop:
        loop.run_until_complete(test(loop))
    return caught.value.leaks


def line_of(text):
    """Return "file:line" of the only line of this file with a text in its comment."""
    with open(HERE) as file:
        (number,) = [number for number, line in enumerate(file, 1) if line.rstrip().endswith(f"# {text}")]
    return f"{HERE}:{number}"


def test_what_leaves_nothing_passes(make):
    async def serve(reader, writer):
        writer.write(await reader.read())
        writer.close()

    with clean_loop(make) as loop:

        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x")
            writer.write_eof()
            await reader.read()
            writer.close()  # nobody waits for its end, and that is no leak
            server.close()
            task = asyncio.create_task(asyncio.sleep(0))  # about to end
            task.add_done_callback(lambda task: None)
            loop.call_later(60, print).cancel()
            await asyncio.to_thread(os.getpid)

        loop.run_until_complete(main())

    assert loop.is_closed()


def test_a_task_is_named_with_where_it_waits_and_where_it_was_made(make):
    async def poll():
        await asyncio.sleep(1000)  # waits here

    async def test(loop):
        kept.append(asyncio.create_task(poll(), name="poller"))  # the task

    kept = []
    (leak,) = leaks_of(make, test)

    assert leak.startswith("task 'poller' running")
    assert line_of("waits here") in leak
    assert line_of("the task") in leak


def test_a_timer_is_named_with_its_callback_and_where_it_was_made(make):
    def remind():
        pass

    async def test(loop):
        loop.call_later(30, remind)  # the timer

    (leak,) = leaks_of(make, test)

    assert "remind" in leak
    assert line_of("the timer") in leak


def test_a_connection_in_memory_is_named_with_its_protocol_and_where_it_was_made(make):
    async def test(loop):
        kept.append(connect_pair(loop, Witness(), Echo()))  # the pair

    kept = []
    first, second = leaks_of(make, test)

    assert "of Witness" in first
    assert "of Echo" in second
    assert line_of("the pair") in first
    assert line_of("the pair") in second


def test_a_real_connection_and_its_listener_are_named(make):
    async def test(loop):
        server = await loop.create_server(Echo, "127.0.0.1", 0)  # the server
        kept.append(await loop.create_connection(Witness, *server.sockets[0].getsockname()))  # the client
        await asyncio.sleep(0)

    kept = []
    leaks = leaks_of(make, test)

    (listener,) = [leak for leak in leaks if leak.startswith("listener")]
    (accepted,) = [leak for leak in leaks if "of Echo" in leak]
    (connected,) = [leak for leak in leaks if "of Witness" in leak]
    assert line_of("the server") in listener
    assert line_of("the server") in accepted
    assert line_of("the client") in connected


def test_a_server_in_memory_is_named(make):
    async def test(loop):
        await Network(loop).listen("forgotten", Echo)

    (leak,) = leaks_of(make, test)

    assert "listener of <weft.testing.NamedServer at 'forgotten'>" in leak


def test_a_datagram_endpoint_and_a_watched_descriptor_are_named(make):
    ours, theirs = socket.socketpair()

    async def test(loop):
        kept.append(await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0)))
        loop.add_reader(ours, print)  # the watch

    kept = []
    with ours, theirs:
        endpoint, watch = leaks_of(make, test)

    assert "Datagram" in endpoint
    assert "add_reader" in watch
    assert line_of("the watch") in watch


def test_a_child_process_is_named_and_ended():
    async def test(loop):
        kept.append(
            await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
        )

    kept = []
    leaks = leaks_of(WatchedLoop, test)

    assert any("child" in leak.lower() or "pid" in leak.lower() for leak in leaks)
    assert kept[0]._transport.is_closing()


def test_what_the_exception_handler_is_told_is_a_leak(make):
    async def test(loop):
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)

    (leak,) = leaks_of(make, test)

    assert "ZeroDivisionError" in leak


def test_a_future_s_exception_that_nobody_saw_is_a_leak(make):
    async def test(loop):
        future = loop.create_future()
        future.set_exception(OSError("unseen"))
        future.cycle = [future]  # goes away in a collection only

    (leak,) = leaks_of(make, test)

    assert "OSError: unseen" in leak


def test_a_deferred_s_failure_that_nobody_handled_is_a_leak_with_where_it_was_made(make):
    async def test(loop):
        weft.fail(ValueError("unhandled"))  # the Deferred

    (leak,) = leaks_of(make, test)

    assert "ValueError: unhandled" in leak
    assert f"made at {line_of('the Deferred')}" in leak


def test_a_deferred_that_fails_while_no_loop_runs_is_a_leak_too(make):
    def use_without_running():
        with clean_loop(make):
            weft.fail(ValueError("unheard"))  # without a loop

    with pytest.raises(LeakError, match="ValueError: unheard") as caught:
        use_without_running()

    assert f"line {line_of('without a loop').rpartition(':')[2]}" in str(caught.value)


def test_a_failure_that_was_handled_is_none(make):
    with clean_loop(make) as loop:

        async def main():
            weft.fail(ValueError()).add_errback(lambda failure: None)

        loop.run_until_complete(main())


def test_whoever_expects_a_report_takes_it(make):
    with clean_loop(make) as loop:
        loop.call_soon(lambda: 1 / 0)
        loop.run_until_complete(asyncio.sleep(0))

        (report,) = loop.take_reports()

    assert isinstance(report["exception"], ZeroDivisionError)


def test_what_a_handler_of_the_test_s_own_was_told_is_no_leak(make):
    told = []
    with clean_loop(make) as loop:
        loop.set_exception_handler(lambda loop, context: told.append(context))
        loop.call_soon(lambda: 1 / 0)
        loop.run_until_complete(asyncio.sleep(0))

    assert len(told) == 1


def test_a_descriptor_is_named_with_its_holder(make):
    async def test(loop):
        kept.append(socket.socket())

    kept = []
    try:
        (leak,) = leaks_of(make, test)
    finally:
        kept.pop().close()

    assert leak.startswith("descriptor ")
    assert "held by <socket.socket fd=" in leak
    assert "tracemalloc" in leak


def test_tracemalloc_says_where_a_descriptor_was_opened():
    import tracemalloc

    async def test(loop):
        kept.append(open(HERE, "rb", buffering=0))  # noqa: SIM115  # the file

    kept = []
    tracemalloc.start(5)
    try:
        (leak,) = leaks_of(WatchedLoop, test)
    finally:
        tracemalloc.stop()
        kept.pop().close()

    assert f"line {line_of('the file').rpartition(':')[2]}" in leak


def test_a_descriptor_that_takes_another_s_number_is_seen(make):
    before = open(HERE)  # noqa: SIM115
    number = before.fileno()

    async def test(loop):
        before.close()
        kept.append(os.open(os.devnull, os.O_RDONLY))

    kept = []
    try:
        (leak,) = leaks_of(make, test)
    finally:
        os.close(kept[0])

    assert kept == [number]
    assert leak.startswith(f"descriptor {number}")


def test_kinds_that_are_allowed_are_ended_and_not_told(make):
    async def test(loop):
        loop.call_later(30, print)
        kept.append(await open_pair())
        task.append(asyncio.create_task(asyncio.sleep(1000)))

    kept, task = [], []
    with clean_loop(make, allow=["tasks", "timers", "transports"]) as loop:
        loop.run_until_complete(test(loop))

    assert task[0].cancelled()
    assert kept[0][0][1].transport.is_closing()


def test_an_unknown_kind_is_refused():
    with (
        pytest.raises(ValueError, match=r"threads.*tasks, transports, timers"),
        clean_loop(WatchedLoop, allow=["threads"]),
    ):
        pass


def test_a_test_that_raises_gets_its_own_exception(make):
    loops = []

    def fail():
        with clean_loop(make) as loop:
            loops.append(loop)
            loop.call_later(30, print)
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert loops[0].is_closed()


def test_a_task_that_refuses_to_end_does_not_hang():
    async def stubborn():
        while True:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                pass

    async def test(loop):
        kept.append(asyncio.create_task(stubborn()))
        await asyncio.sleep(0)

    kept = []
    leak, _ = leaks_of(WatchedLoop, test)  # and its timer

    assert "stubborn" in leak


def test_what_is_under_way_in_memory_may_arrive(make):
    with clean_loop(make) as loop:

        async def main():
            left, _ = connect_pair(loop, Witness(), Echo(), Link(latency_s=100))
            left.write(b"x")
            left.close()

        loop.run_until_complete(main())


def test_a_loop_that_the_test_closed_is_no_error(make):
    with clean_loop(make) as loop:
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
