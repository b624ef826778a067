"""Busy polling: a wait polls for a while before it blocks, and whatever ends a wait ends it as soon."""

import asyncio
import math
import os
import signal
import socket
import threading

import pytest

import weft
from weft.ports import Source

from .fakes import FakeClock, FakePoller

TICK_NS = 10_000
FOR_EVER_S = 1e6
"""Longer than any test may take: what this loop does not notice while it polls, it does not notice."""


class TickingClock(FakeClock):
    """Goes on by 10 microseconds each time that it is read."""

    def now_ns(self):
        self.ns += TICK_NS
        return self.ns


class LatePoller(FakePoller):
    """Has an event for its third wait."""

    def wait(self, timeout_ns):
        if len(self.waits) == 2:
            self.coming = [(7, 1)]
        return super().wait(timeout_ns)


class ToldSource(Source):
    """Keeps the masks that it is told."""

    def __init__(self):
        self.masks = []

    def ready(self, events):
        self.masks.append(events)


def loop_on(poller, clock, busy_poll_s):
    return weft.Loop(poller=poller, clock=clock, busy_poll_s=busy_poll_s)


@pytest.fixture
def clock():
    return TickingClock()


@pytest.fixture
def fake(clock):
    return FakePoller(clock)


@pytest.fixture
def busy(make_poller):
    """A loop that polls as good as for ever, on each real poller."""
    loop = weft.Loop(poller=make_poller(), busy_poll_s=FOR_EVER_S)
    yield loop
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


# -- how often it polls, and how long it blocks


def test_without_it_a_wait_is_one_call_of_the_poller_and_none_of_the_clock(fake, clock):
    loop = loop_on(fake, clock, 0)

    loop.run_once()

    assert fake.waits == [-1]
    assert clock.ns == 0
    loop.close()


def test_a_wait_polls_for_so_long_and_then_blocks(fake, clock):
    loop = loop_on(fake, clock, 50e-6)

    loop.run_once()

    assert fake.waits == [0, 0, 0, 0, 0, -1]
    loop.close()


def test_a_wait_with_something_to_do_polls_once(fake, clock):
    loop = loop_on(fake, clock, 50e-6)
    loop.call_soon(int)

    loop.run_once()

    assert fake.waits == [0]
    loop.close()


def test_a_timer_that_is_due_meanwhile_is_not_waited_for_by_blocking(fake, clock):
    loop = loop_on(fake, clock, 50e-6)
    fired = []
    loop.call_later(40e-6, fired.append, True)

    loop.run_once()

    assert fired == [True]
    assert set(fake.waits) == {0}
    loop.close()


def test_what_polling_took_is_no_longer_waited_for_a_timer(fake, clock):
    loop = loop_on(fake, clock, 50e-6)
    loop.call_later(1.0, int)

    loop.run_once()

    assert fake.waits[:-1] == [0] * 5
    assert 1e9 - 8 * TICK_NS <= fake.waits[-1] <= 1e9 - 5 * TICK_NS
    loop.close()


def test_an_event_ends_the_polling_at_once(clock):
    poller = LatePoller(clock)
    told = ToldSource()
    poller.add(7, told, 1)
    loop = loop_on(poller, clock, FOR_EVER_S)

    loop.run_once()

    assert poller.waits == [0, 0, 0]
    assert told.masks == [1]
    loop.close()


def test_a_clock_that_stands_still_ends_the_polling():
    clock = FakeClock()
    poller = FakePoller(clock)
    loop = loop_on(poller, clock, FOR_EVER_S)

    loop.run_once()

    assert poller.waits == [0, -1]
    loop.close()


@pytest.mark.parametrize("nonsense", [-1e-6, math.nan])
def test_a_time_that_makes_no_sense_is_refused(nonsense):
    with pytest.raises(ValueError, match="busy_poll_s must be a number of seconds"):
        weft.Loop(busy_poll_s=nonsense)


def test_run_and_new_event_loop_take_it_as_well():
    async def found():
        return asyncio.get_running_loop().busy_poll_ns

    loop = weft.new_event_loop(busy_poll_s=50e-6)
    loop.close()

    assert loop.busy_poll_ns == 50_000
    assert weft.run(found(), busy_poll_s=20e-6) == 20_000
    assert weft.run(found()) == 0


# -- what ends it, while it would poll for ever


def test_a_call_of_another_thread_is_made_at_once(busy):
    async def main():
        called = busy.create_future()
        thread = threading.Thread(target=lambda: busy.call_soon_threadsafe(called.set_result, "called"))
        thread.start()
        assert await called == "called"
        thread.join()

    busy.run_until_complete(main())


def test_other_threads_run_meanwhile(busy):
    counted = busy.run_until_complete(busy.run_in_executor(None, lambda: sum(1 for _ in range(300_000))))

    assert counted == 300_000


def test_a_signal_is_told_at_once(busy):
    async def main():
        came = busy.create_future()
        busy.add_signal_handler(signal.SIGUSR1, came.set_result, "came")
        thread = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1))
        thread.start()
        assert await came == "came"
        thread.join()
        busy.remove_signal_handler(signal.SIGUSR1)

    busy.run_until_complete(main())


def test_ctrl_c_interrupts_it(busy):
    thread = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT))
    busy.call_soon(thread.start)

    with pytest.raises(KeyboardInterrupt):
        busy.run_forever()

    thread.join()


def test_timers_fire_and_bytes_come(busy):
    async def main():
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        await asyncio.sleep(0.001)
        thread = threading.Thread(target=theirs.sendall, args=(b"a line\n",))
        thread.start()
        assert await reader.readline() == b"a line\n"
        thread.join()
        writer.close()
        await writer.wait_closed()
        theirs.close()

    busy.run_until_complete(main())
