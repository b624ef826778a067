import asyncio

import pytest

from weft import Service, TimerService
from weft.errors import ServiceBrokenError


def now():
    return asyncio.get_running_loop().time()


def test_a_timer_calls_at_the_start_and_at_every_interval(run):
    times = []

    async def call():
        times.append(now())

    async def main():
        async with TimerService(10, call) as timer:
            await asyncio.sleep(35)
            assert timer.calls == 4

    run(main())

    assert times == [0, 10, 20, 30]


def test_a_timer_may_wait_for_its_first_interval(run):
    times = []

    async def call():
        times.append(now())

    async def main():
        async with TimerService(10, call, at_once=False):
            await asyncio.sleep(25)

    run(main())

    assert times == [10, 20]


def test_a_slow_call_is_not_overlapped_and_keeps_the_beat(run):
    spans = []

    async def call():
        began = now()
        await asyncio.sleep(25 if not spans else 1)
        spans.append((began, now()))

    async def main():
        async with TimerService(10, call) as timer:
            await asyncio.sleep(45)
            return timer.missed

    assert run(main()) == 2
    assert spans == [(0, 25), (30, 31), (40, 41)]


def test_a_call_that_raises_is_reported_and_the_timer_goes_on(run, caplog):
    async def tidy():
        raise KeyError("poem")

    async def main():
        async with TimerService(10, tidy) as timer:
            await asyncio.sleep(15)
            assert (timer.calls, timer.failures) == (2, 2)
            assert timer.note == "every 10 s, 2 calls, 2 failed"

    run(main())

    assert caplog.text.count("tidy: the call failed: KeyError: 'poem'") == 2
    assert "Traceback" in caplog.text


def test_a_timer_that_stops_on_error_breaks_its_tree(run):
    async def tidy():
        raise KeyError("poem")

    async def main():
        with pytest.raises(ServiceBrokenError, match="root/tidy broke: KeyError"):
            async with Service(TimerService(10, tidy, stops_on_error=True), name="root") as tree:
                await tree.wait()

    run(main())


def test_a_call_that_is_running_finishes_in_the_draining(run):
    ends = []

    async def call():
        await asyncio.sleep(5)
        ends.append(now())

    async def main():
        async with TimerService(100, call):
            await asyncio.sleep(2)

    run(main())

    assert ends == [5]


def test_a_call_that_does_not_finish_in_time_is_cancelled(run):
    ends = []

    async def call():
        try:
            await asyncio.sleep(500)
        finally:
            ends.append(now())

    async def main():
        timer = TimerService(100, call)
        await timer.start_tree()
        await asyncio.sleep(2)
        await timer.stop_tree(3)

    run(main())

    assert ends == [5]


def test_a_timer_can_be_started_again(run):
    times = []

    async def call():
        times.append(now())

    async def main():
        timer = TimerService(10, call)
        for _ in range(2):
            async with timer:
                await asyncio.sleep(15)

    run(main())

    assert times == [0, 10, 15, 25]


@pytest.mark.parametrize("interval", [0, -1, float("nan")])
def test_an_interval_must_be_more_than_nothing(interval):
    with pytest.raises(ValueError, match=r"must be more than 0: TimerService\(60, tidy\)"):
        TimerService(interval, print)
