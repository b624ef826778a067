"""Receiving by io_uring, where it is at its limits: rings too small, buffers used up, pauses, threads, forks.

What a stream does on it is in tests/contract, with every other poller.
"""

import asyncio
import errno
import os
import resource
import socket
import threading

import pytest

import weft
from weft.core import _os
from weft.ports import Source
from weft.transports.channel import SocketChannel
from weft.transports.uring import UringPoller

READING = _os.READ | _os.PEER_CLOSED | _os.EDGE
SOON_NS = 10_000_000_000


class SilentSource(Source):
    """A source for a poller: nobody calls it."""


@pytest.fixture(params=["usual", "tiny"])
def make_poller(request):
    """The usual ring, and one so small that everything in it overflows."""
    if request.param == "usual":
        return UringPoller
    return lambda: UringPoller(requests=2, completions=4, buffers=2, buffer_bytes=64)


@pytest.fixture
def loop(make_poller):
    loop = weft.Loop(poller=make_poller())
    yield loop
    loop.close()


def non_blocking_pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    return ours, theirs


class Keeper(asyncio.Protocol):
    """Keeps what comes, and tells of the next piece, and of the end."""

    def __init__(self):
        self.pieces = []
        self.changed = asyncio.Event()
        self.is_lost = False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.pieces.append(data)
        self.changed.set()

    def connection_lost(self, error):
        self.is_lost = True
        self.changed.set()

    async def until(self, is_so):
        while not is_so(self):
            self.changed.clear()
            await self.changed.wait()


async def keeper_of(sock):
    _, keeper = await asyncio.get_running_loop().connect_accepted_socket(Keeper, sock)
    return keeper


def has(data):
    return lambda keeper: b"".join(keeper.pieces) == data


def test_more_connections_than_the_ring_has_room_for_all_get_their_bytes(loop):
    async def main():
        pairs = [non_blocking_pair() for _ in range(300)]
        keepers = [await keeper_of(ours) for ours, _ in pairs]
        for round_ in range(3):
            for number, (_, theirs) in enumerate(pairs):
                theirs.send(b"%d;" % number)
            for number, keeper in enumerate(keepers):
                await keeper.until(has(b"%d;" % number * (round_ + 1)))
        for _, theirs in pairs:
            theirs.close()
        for keeper in keepers:
            await keeper.until(lambda each: each.is_lost)

    loop.run_until_complete(main())


def test_what_is_no_stream_is_told_of_however_much_comes_for_streams(loop):
    async def main():
        pairs = [non_blocking_pair() for _ in range(20)]
        keepers = [await keeper_of(ours) for ours, _ in pairs]
        inner, outer = non_blocking_pair()
        for round_ in range(1, 21):
            for _, theirs in pairs:
                theirs.send(b"x")
            outer.send(b"y")
            assert await loop.sock_recv(inner, 1) == b"y"
            for keeper in keepers:
                await keeper.until(has(b"x" * round_))
        for each in (inner, outer, *(theirs for _, theirs in pairs)):
            each.close()
        for keeper in keepers:
            await keeper.until(lambda each: each.is_lost)

    loop.run_until_complete(main())


@pytest.mark.parametrize("size", [1, 63, 64, 65, 4095, 4096, 4097, 300_000])
def test_bytes_come_whole_and_in_order_however_many_at_once(loop, size):
    async def main():
        ours, theirs = non_blocking_pair()
        keeper = await keeper_of(ours)
        sent = b""
        for number in range(5):
            message = bytes([number]) * size
            await loop.sock_sendall(theirs, message)
            sent += message
            await keeper.until(has(sent))
        theirs.close()
        await keeper.until(lambda each: each.is_lost)

    loop.run_until_complete(main())


def test_what_came_before_the_peer_s_end_is_taken_before_it(loop):
    async def main():
        ours, theirs = non_blocking_pair()
        keeper = await keeper_of(ours)
        theirs.send(b"last words" * 100)
        theirs.close()
        await keeper.until(lambda each: each.is_lost)
        assert b"".join(keeper.pieces) == b"last words" * 100

    loop.run_until_complete(main())


@pytest.mark.parametrize("size", [50, 1000, 50_000])
def test_a_pause_keeps_what_came_already_and_bounds_what_still_comes(loop, size):
    async def main():
        ours, theirs = non_blocking_pair()
        keeper = await keeper_of(ours)
        keeper.transport.pause_reading()
        sent = 0
        for _ in range(2000):
            await asyncio.sleep(0)
            try:
                sent += theirs.send(b"x" * size)
            except BlockingIOError:
                break
        else:
            pytest.fail("the peer of a paused stream could send for ever")
        assert keeper.pieces == []

        keeper.transport.resume_reading()
        await keeper.until(has(b"x" * sent))
        theirs.send(b"more")
        await keeper.until(has(b"x" * sent + b"more"))
        theirs.close()
        await keeper.until(lambda each: each.is_lost)

    loop.run_until_complete(main())


def test_what_comes_in_a_pause_stays_in_the_socket_for_whoever_reads_it_there(loop):
    async def main():
        ours, theirs = non_blocking_pair()
        keeper = await keeper_of(ours)
        keeper.transport.pause_reading()
        theirs.send(b"not for the stream")
        await asyncio.sleep(0)
        with socket.socket(fileno=os.dup(keeper.transport.get_extra_info("socket").fileno())) as beside:
            assert beside.recv(100) == b"not for the stream"
        keeper.transport.resume_reading()
        theirs.send(b"for the stream")
        await keeper.until(has(b"for the stream"))
        theirs.close()
        await keeper.until(lambda each: each.is_lost)

    loop.run_until_complete(main())


def test_a_stream_that_closes_takes_no_more_than_the_socket_holds(loop):
    async def main():
        ours, theirs = non_blocking_pair()
        keeper = await keeper_of(ours)
        keeper.transport.write(b"x" * 1_000_000)
        keeper.transport.close()
        for _ in range(20_000):
            await asyncio.sleep(0)
            try:
                theirs.send(b"y" * 60)
            except BlockingIOError:
                break
        else:
            pytest.fail("the peer of a stream that closes could send for ever")
        got = 0
        while got < 1_000_000:
            got += len(await loop.sock_recv(theirs, 100_000))
        await keeper.until(lambda each: each.is_lost)
        assert keeper.pieces == []
        theirs.close()

    loop.run_until_complete(main())


def test_small_pieces_that_came_in_a_pause_come_in_order_after_it(loop):
    async def main():
        ours, theirs = non_blocking_pair()
        keeper = await keeper_of(ours)
        for begin in range(0, 40, 20):
            keeper.transport.pause_reading()
            for number in range(begin, begin + 20):
                theirs.send(b"%d," % number)
                await asyncio.sleep(0)
            before = b"".join(keeper.pieces)
            assert before == b"".join(b"%d," % each for each in range(begin))
            keeper.transport.resume_reading()
            await keeper.until(has(before + b"".join(b"%d," % each for each in range(begin, begin + 20))))
        theirs.close()
        await keeper.until(lambda each: each.is_lost)

    loop.run_until_complete(main())


def test_a_buffer_of_the_protocol_s_own_is_filled_bit_by_bit(loop):
    class Small(asyncio.BufferedProtocol):
        def __init__(self):
            self.buffer = bytearray(7)
            self.taken = b""
            self.lost = loop.create_future()

        def get_buffer(self, sizehint):
            return self.buffer

        def buffer_updated(self, count):
            self.taken += self.buffer[:count]

        def connection_lost(self, error):
            self.lost.set_result(error)

    async def main():
        ours, theirs = non_blocking_pair()
        _, small = await loop.connect_accepted_socket(Small, ours)
        message = bytes(range(256)) * 20
        await loop.sock_sendall(theirs, message)
        theirs.close()
        await small.lost
        assert small.taken == message

    loop.run_until_complete(main())


def test_a_stream_that_is_closed_lets_its_peer_know_though_a_receive_stood(loop):
    async def main():
        ours, theirs = non_blocking_pair()
        keeper = await keeper_of(ours)
        await asyncio.sleep(0)
        keeper.transport.close()
        assert await loop.sock_recv(theirs, 1) == b""
        theirs.close()

    loop.run_until_complete(main())


@pytest.mark.parametrize("has_child", [False, True])
def test_a_loop_that_is_closed_lets_go_of_every_socket_even_if_a_child_still_has_its_ring(loop, has_child):
    pairs = [non_blocking_pair() for _ in range(50)]
    child = 0

    async def main():
        keepers = [await keeper_of(ours) for ours, _ in pairs]
        await asyncio.sleep(0)
        return keepers

    keepers = loop.run_until_complete(main())
    waits, goes = os.pipe()
    if has_child:
        child = os.fork()
        if child == 0:
            for ours, _ in pairs:
                os.close(ours.fileno())
            os.close(goes)
            os.read(waits, 1)
            os._exit(0)
    loop.close()
    for keeper in keepers:
        keeper.transport.abort()

    for _, theirs in pairs:
        theirs.setblocking(True)
        assert theirs.recv(1) == b""
        theirs.close()
    os.close(waits)
    os.close(goes)
    if has_child:
        os.waitpid(child, 0)


def test_a_descriptor_that_another_connection_gets_at_once_has_bytes_of_its_own_only(loop):
    async def main():
        numbers = set()
        for round_ in range(20):
            ours, theirs = non_blocking_pair()
            numbers.add(ours.fileno())
            keeper = await keeper_of(ours)
            theirs.send(b"%d" % round_)
            if round_ % 2:
                await keeper.until(has(b"%d" % round_))
            keeper.transport.abort()
            await keeper.until(lambda each: each.is_lost)
            assert b"".join(keeper.pieces) in (b"", b"%d" % round_)
            theirs.close()
        assert len(numbers) < 20

    loop.run_until_complete(main())


def test_a_loop_goes_on_in_another_thread_and_back_and_loses_nothing(loop):
    ours, theirs = non_blocking_pair()
    keeper = loop.run_until_complete(keeper_of(ours))
    sent = b""
    for where in ("here", "there", "there", "here"):
        theirs.send(where.encode())
        sent += where.encode()
        until = keeper.until(has(sent))
        if where == "here":
            loop.run_until_complete(until)
        else:
            thread = threading.Thread(target=loop.run_until_complete, args=(until,))
            thread.start()
            thread.join()
            assert b"".join(keeper.pieces) == sent
    theirs.close()
    loop.run_until_complete(keeper.until(lambda each: each.is_lost))


def test_connections_of_a_run_s_last_turn_are_received_from_in_another_thread(loop):
    pairs = [non_blocking_pair() for _ in range(10)]

    async def begin():
        return [loop.create_task(keeper_of(ours)) for ours, _ in pairs]

    async def finish(tasks):
        for number, (_, theirs) in enumerate(pairs):
            theirs.send(b"%d" % number)
        for number, task in enumerate(tasks):
            keeper = await task
            await keeper.until(has(b"%d" % number))
            pairs[number][1].close()
            await keeper.until(lambda each: each.is_lost)
        return True

    tasks = loop.run_until_complete(begin())
    finished = []
    thread = threading.Thread(target=lambda: finished.append(loop.run_until_complete(finish(tasks))))
    thread.start()
    thread.join()

    assert finished == [True]


def test_a_thread_that_can_open_no_ring_says_so_and_another_goes_on(loop):
    ours, theirs = non_blocking_pair()
    keeper = loop.run_until_complete(keeper_of(ours))
    theirs.send(b"not lost")
    raised = []

    def run_without_descriptors():
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest_free = os.dup(0)
        os.close(lowest_free)
        until = keeper.until(has(b"not lost"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
        try:
            loop.run_until_complete(until)
        except OSError as error:
            raised.append(error.errno)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    thread = threading.Thread(target=run_without_descriptors)
    thread.start()
    thread.join()
    assert raised == [errno.EMFILE]
    loop.run_until_complete(keeper.until(has(b"not lost")))
    theirs.close()
    loop.run_until_complete(keeper.until(lambda each: each.is_lost))


def test_a_child_that_was_forked_gets_a_ring_of_its_own_and_its_parent_goes_on(loop):
    ours, theirs = non_blocking_pair()
    keeper = loop.run_until_complete(keeper_of(ours))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            theirs.send(b"from the child to itself")
            loop.run_until_complete(keeper.until(has(b"from the child to itself")))
            loop.close()
            status = 0
        finally:
            os._exit(status)

    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    theirs.send(b"still here")
    loop.run_until_complete(keeper.until(has(b"still here")))
    theirs.close()
    loop.run_until_complete(keeper.until(lambda each: each.is_lost))


def test_a_channel_that_is_watched_again_has_what_came_meanwhile(make_poller):
    poller = make_poller()
    ours, theirs = non_blocking_pair()
    channel = poller.channel_for(SocketChannel(ours))
    fd = channel.fileno()
    source = SilentSource()

    poller.add(fd, source, READING)
    assert poller.wait(0) == 0
    theirs.send(b"before ")
    assert poller.wait(SOON_NS) == 1
    poller.remove(fd)
    theirs.send(b"meanwhile ")
    assert poller.wait(0) == 0
    with pytest.raises(KeyError):
        poller.modify(fd, READING)
    with pytest.raises(KeyError):
        poller.remove(fd)
    poller.add(fd, source, READING)
    with pytest.raises(FileExistsError):
        poller.add(fd, source, READING)
    came = b""
    while came != b"before meanwhile ":
        assert poller.wait(SOON_NS) == 1
        assert poller.ready_source(0) is source
        came += channel.recv(1000) or b""

    poller.remove(fd)
    theirs.close()
    poller.wait(0)
    poller.add(fd, source, READING)
    while channel.recv(1000) != b"":
        assert poller.wait(SOON_NS) == 1
    poller.remove(fd)
    channel.close()
    channel.close()
    poller.close()
    poller.close()
    with pytest.raises(OSError, match="closed"):
        poller.wait(0)


def test_a_send_that_fails_while_a_receive_stands_ends_the_stream_once(loop):
    async def main():
        ours, theirs = non_blocking_pair()
        keeper = await keeper_of(ours)
        await asyncio.sleep(0)
        theirs.close()
        keeper.transport.write(b"to nobody")
        await keeper.until(lambda each: each.is_lost)

    loop.run_until_complete(main())


def test_timers_calls_of_other_threads_and_streams_end_a_wait_each(loop):
    async def main():
        ours, theirs = non_blocking_pair()
        keeper = await keeper_of(ours)
        await asyncio.sleep(0.001)
        called = loop.create_future()
        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(called.set_result, True))
        thread.start()
        assert await called
        thread.join()
        thread = threading.Thread(target=lambda: theirs.send(b"x"))
        thread.start()
        await keeper.until(has(b"x"))
        thread.join()
        theirs.close()
        await keeper.until(lambda each: each.is_lost)

    loop.run_until_complete(main())
