import asyncio
import gc
import socket
import threading

import pytest

import weft
from weft.errors import StuckError
from weft.testing import ManualClock, ManualLoop, WatchedLoop, clean_loop, open_pair


def test_the_clock_stands_still_until_it_is_moved(loop):
    called = []
    loop.call_later(1, called.append, "timer")

    loop.run_until_idle()
    loop.advance(0.999)
    before = list(called)
    loop.advance(0.001)

    assert before == []
    assert called == ["timer"]
    assert loop.time() == 1.0


def test_what_is_due_runs_at_its_moment_and_in_order(loop):
    seen = []

    def note(name):
        seen.append((name, loop.time()))

    def again():
        note("again")
        loop.call_later(2, note, "later")

    loop.call_later(3, note, "three")
    loop.call_later(1, again)
    loop.call_later(3, note, "three too")
    loop.call_later(10, note, "never").cancel()

    loop.advance(5)

    assert seen == [("again", 1.0), ("three", 3.0), ("three too", 3.0), ("later", 3.0)]
    assert loop.time() == 5.0


def test_tasks_and_their_time_outs_follow_the_clock(loop):
    async def work():
        await asyncio.sleep(2)
        try:
            async with asyncio.timeout(3):
                await asyncio.sleep(100)
        except TimeoutError:
            return loop.time()

    task = loop.create_task(work())
    loop.advance(4.9)
    before = task.done()
    loop.advance(0.2)

    assert not before
    assert task.result() == 5.0


def test_a_looping_call_follows_the_clock(loop):
    moments = []

    async def start():
        looping = weft.LoopingCall(lambda: moments.append(loop.time()))
        looping.start(10)
        return looping

    looping = loop.run_until_complete(start())
    loop.advance(35)
    loop.call_soon(looping.stop)
    loop.run_until_idle()

    assert moments == [0, 10, 20, 30]


def test_a_running_loop_goes_by_itself_to_the_next_moment(loop):
    async def year():
        for _ in range(12):
            await asyncio.sleep(30 * 86400)
        return loop.time()

    assert loop.run_until_complete(year()) == 360 * 86400


def test_a_loop_that_does_not_jump_says_what_it_waits_for():
    with clean_loop(lambda: ManualLoop(jumps=False, patience_s=0), allow=["tasks"]) as loop:

        async def sleeper():
            await asyncio.sleep(7)

        with pytest.raises(StuckError, match=r"the next thing is to happen at 7 s.*\n.*sleeper.*test_manual_loop"):
            loop.run_until_complete(sleeper())


def test_where_nothing_will_ever_happen_the_waiting_tasks_are_named():
    with clean_loop(lambda: ManualLoop(patience_s=0), allow=["tasks"]) as loop:

        async def waits_for_ever():
            await asyncio.Event().wait()

        async def main():
            async with asyncio.TaskGroup() as group:
                group.create_task(waits_for_ever(), name="the culprit")

        with pytest.raises(StuckError, match="nothing will ever happen") as caught:
            loop.run_until_complete(main())

    assert "task 'the culprit' running" in str(caught.value)
    assert f"waits at {__file__}" in str(caught.value)
    assert f"made at {__file__}" in str(caught.value)


def test_a_task_that_never_waits_is_an_error_and_no_hang():
    with clean_loop(lambda: ManualLoop(most_turns=1000), allow=["tasks"]) as loop:

        async def busy():
            while True:
                await asyncio.sleep(0)

        with pytest.raises(StuckError, match=r"1,000 times and never came to rest.*\n.*busy"):
            loop.run_until_complete(busy())


def test_many_turns_with_rests_between_them_are_no_endless_loop():
    async def long():
        for _ in range(100):
            await asyncio.sleep(1)

    with clean_loop(lambda: ManualLoop(most_turns=50)) as loop:
        loop.run_until_complete(long())

        assert loop.time() == 100


def test_idle_comes_when_every_other_task_waits(loop):
    async def main():
        steps = []

        async def work():
            for number in range(5):
                await asyncio.sleep(0)
                steps.append(number)
            await asyncio.sleep(1)

        task = asyncio.create_task(work())
        await loop.idle()
        seen = list(steps), loop.time()
        await task
        return seen

    assert loop.run_until_complete(main()) == ([0, 1, 2, 3, 4], 0.0)


def test_elapse_stops_at_each_moment_on_the_way(loop):
    async def main():
        moments = []

        async def ticking():
            while True:
                await asyncio.sleep(1)
                moments.append(loop.time())

        task = asyncio.create_task(ticking())
        await loop.elapse(3.5)
        task.cancel()
        return moments, loop.time()

    assert loop.run_until_complete(main()) == ([1.0, 2.0, 3.0], 3.5)


def test_a_job_in_a_thread_is_waited_for_while_time_stands_still(loop):
    begun = threading.Event()
    goes_on = threading.Event()

    def job():
        begun.set()
        goes_on.wait(10)
        return "done"

    async def main():
        async def let_go():
            await asyncio.get_running_loop().run_in_executor(None, begun.wait)
            goes_on.set()

        async with asyncio.timeout(1):
            result, _ = await asyncio.gather(asyncio.to_thread(job), let_go())
        return result, loop.time()

    assert loop.run_until_complete(main()) == ("done", 0.0)


def test_calls_from_other_threads_wake_a_loop_with_nothing_else_to_do(loop):
    async def main():
        called = loop.create_future()
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(called.set_result, "called"))
        loop.call_later(0, thread.start)
        result = await called
        thread.join()
        return result

    assert loop.run_until_complete(main()) == "called"


def test_real_sockets_work_on_a_manual_loop(loop):
    async def echo(reader, writer):
        writer.write(await reader.read())
        writer.close()
        await writer.wait_closed()

    async def main():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"real")
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return answer

    assert loop.run_until_complete(main()) == b"real"


def test_advancing_a_running_loop_is_refused(loop):
    async def main():
        with pytest.raises(RuntimeError, match="already running"):
            loop.advance(1)
        await asyncio.sleep(1)  # and what was asked for in vain is forgotten

    loop.run_until_complete(main())


def test_stop_does_not_end_an_advance(loop):
    seen = []
    loop.call_later(1, loop.stop)
    loop.call_later(2, seen.append, "two")

    loop.advance(3)

    assert seen == ["two"]


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_time_goes_forward_only(loop, seconds):
    clock = ManualClock(5)

    with pytest.raises(ValueError, match="forward only"):
        clock.advance(seconds)
    with pytest.raises(ValueError, match="forward only"):
        loop.advance(seconds)

    assert clock.now_s == 5


def test_a_clock_may_begin_anywhere():
    with clean_loop(lambda: ManualLoop(start_s=1000)) as loop:
        loop.advance(1)

        assert loop.time() == 1001


def test_asyncio_s_runner_takes_it():
    async def main():
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=ManualLoop) as runner:
        assert runner.run(main()) == 3600


def test_a_time_out_for_the_pool_s_end_does_not_pass_while_it_ends(loop):
    async def main():
        await asyncio.to_thread(lambda: None)
        await loop.shutdown_default_executor(timeout=300)

    loop.run_until_complete(main())

    assert loop.time() == 0


def test_a_watched_loop_keeps_real_time_and_latency_in_it():
    with clean_loop(WatchedLoop) as loop:

        async def main():
            from weft.testing import Link

            (_, writer), (reader, other) = await open_pair(Link(latency_s=0.02))
            begin = loop.time()
            writer.write(b"x")
            data = await reader.readexactly(1)
            took = loop.time() - begin
            for each in (writer, other):
                each.close()
                await each.wait_closed()
            return data, took

        data, took = loop.run_until_complete(main())

    assert data == b"x"
    assert took >= 0.02


def test_a_loop_without_memory_is_told_so():
    from weft.testing import connect_pair

    loop = weft.new_event_loop()
    try:
        with pytest.raises(TypeError, match="ManualLoop"):
            connect_pair(loop, asyncio.Protocol(), asyncio.Protocol())
    finally:
        loop.close()


def test_a_closed_loop_is_freed_when_nobody_holds_it(loop):
    import weakref

    other = ManualLoop()
    other.call_later(1, print)
    other.close()
    reference = weakref.ref(other)

    del other
    gc.collect()

    assert reference() is None


def test_a_descriptor_of_the_system_s_is_watched_beside_memory(loop):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        seen = loop.create_future()
        loop.add_reader(ours, lambda: seen.done() or seen.set_result(ours.recv(10)))

        theirs.send(b"x")
        loop.run_until_idle()
        loop.remove_reader(ours)

    assert seen.result() == b"x"
