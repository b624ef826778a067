"""Streams for coroutines: the same checks for asyncio's own and for Weft's, on asyncio's loop and on Weft's."""

import asyncio
import collections.abc
import gc
import re
import socket
import sys
import warnings
import weakref
from pathlib import Path

import pytest

import weft
from weft.streams import StreamReader, StreamReaderProtocol, StreamWriter, states

from .tls_peer import client_context, server_context

LIMIT = 64
OURS = (StreamReader, StreamReaderProtocol, StreamWriter)
ASYNCIOS = (asyncio.StreamReader, asyncio.StreamReaderProtocol, asyncio.StreamWriter)
HANDED_OUT = OURS if weft.BUILD == "compiled" else ASYNCIOS
"""What `asyncio.start_server` gives on Weft's loop: interpreted, Weft's cost more than asyncio's."""


@pytest.fixture(params=["asyncio's loop", "Weft's loop"])
def any_loop(request, loop):
    """Weft's loop on each poller, and asyncio's own."""
    if request.param == "Weft's loop":
        yield loop
        return
    made = asyncio.SelectorEventLoop()
    made.set_exception_handler(loop.get_exception_handler())
    yield made
    for task in asyncio.all_tasks(made):
        task.cancel()
    made.run_until_complete(asyncio.sleep(0))
    made.close()


@pytest.fixture(params=[ASYNCIOS, OURS], ids=["asyncio's streams", "Weft's streams"])
def classes(request):
    return request.param


class Ends:
    """A reader and a writer over one socket, and the peer's socket."""

    def __init__(self, classes):
        self.classes = classes

    async def __aenter__(self):
        reader_class, protocol_class, writer_class = self.classes
        loop = asyncio.get_running_loop()
        ours, self.peer = socket.socketpair()
        self.peer.setblocking(False)
        self.reader = reader_class(limit=LIMIT, loop=loop)
        self.transport, protocol = await loop.create_connection(
            lambda: protocol_class(self.reader, loop=loop), sock=ours
        )
        self.writer = writer_class(self.transport, protocol, self.reader, loop)
        return self

    async def __aexit__(self, *error):
        self.peer.close()
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (OSError, ValueError):
            pass  # what the test was about

    def tell(self, data):
        assert self.peer.send(data) == len(data)

    def hang_up(self):
        self.peer.shutdown(socket.SHUT_WR)

    async def hear(self, count):
        heard = b""
        while len(heard) < count:
            heard += await asyncio.get_running_loop().sock_recv(self.peer, count - len(heard))
        return heard


@pytest.fixture
def run(any_loop, classes):
    """Runs `check(ends)` with streams of either kind on either loop."""

    def run_check(check):
        async def main():
            async with Ends(classes) as ends:
                await check(ends)

        any_loop.run_until_complete(main())

    return run_check


async def waiting(call):
    """Return a task of a call that waits for data by now."""
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0)
    assert not task.done()
    return task


# -- reading


def test_lines_are_read_however_they_come(run):
    async def check(ends):
        ends.tell(b"one\ntwo\nth")
        assert await ends.reader.readline() == b"one\n"
        assert await ends.reader.readline() == b"two\n"
        third = await waiting(ends.reader.readline())
        ends.tell(b"ree\n")
        assert await third == b"three\n"
        ends.tell(b"four")
        ends.hang_up()
        assert await ends.reader.readline() == b"four"
        assert await ends.reader.readline() == b""
        assert ends.reader.at_eof()

    run(check)


def test_a_line_at_the_limit_is_read_and_a_longer_one_is_dropped(run):
    async def check(ends):
        ends.reader.feed_data(b"x" * LIMIT + b"\n" + b"y" * (LIMIT + 1) + b"\nnext\n" + b"z" * (LIMIT + 2))
        assert await ends.reader.readline() == b"x" * LIMIT + b"\n"
        with pytest.raises(ValueError, match="Separator is found, but chunk is longer than limit"):
            await ends.reader.readline()
        assert await ends.reader.readline() == b"next\n"
        with pytest.raises(ValueError, match="Separator is not found, and chunk exceed the limit"):
            await ends.reader.readline()
        ends.reader.feed_data(b"after\n")
        assert await ends.reader.readline() == b"after\n"

    run(check)


def test_a_line_is_refused_while_it_comes(run):
    async def check(ends):
        line = await waiting(ends.reader.readline())
        ends.tell(b"x" * LIMIT)
        await asyncio.sleep(0)
        ends.tell(b"x")
        with pytest.raises(ValueError, match="limit"):
            await line

    run(check)


def test_a_separator_may_be_cut_anywhere(run):
    async def check(ends):
        for cut in range(1, 6):
            task = await waiting(ends.reader.readuntil(b"<end>"))
            whole = b"a<e<en<end>"
            ends.reader.feed_data(whole[: -5 + cut])
            await asyncio.sleep(0)
            ends.reader.feed_data(whole[-5 + cut :] + b"rest<end>")
            assert await task == whole
            assert await ends.reader.readuntil(b"<end>") == b"rest<end>"

    run(check)


def test_what_is_over_the_limit_stays_to_be_read_otherwise(run):
    async def check(ends):
        data = b"x" * (LIMIT + 1) + b"\r\n"
        ends.reader.feed_data(data)
        with pytest.raises(asyncio.LimitOverrunError, match="found, but") as found:
            await ends.reader.readuntil(b"\r\n")
        assert found.value.consumed == LIMIT + 1
        with pytest.raises(asyncio.LimitOverrunError, match="not found") as missed:
            await ends.reader.readuntil(b"!!")
        assert missed.value.consumed == len(data) - 1
        assert await ends.reader.readexactly(len(data)) == data

    run(check)


def test_an_end_before_the_separator_gives_what_came(run):
    async def check(ends):
        task = await waiting(ends.reader.readuntil(b"\r\n"))
        ends.tell(b"half\r")
        ends.hang_up()
        with pytest.raises(asyncio.IncompleteReadError) as error:
            await task
        assert (error.value.partial, error.value.expected) == (b"half\r", None)
        assert await ends.reader.read() == b""

    run(check)


@pytest.mark.parametrize("separator", [b"", "text", None, 7])
def test_what_is_no_separator_is_refused(run, separator):
    async def check(ends):
        ends.reader.feed_data(b"kept\n")
        with pytest.raises((ValueError, TypeError)):
            await ends.reader.readuntil(separator)
        assert await ends.reader.readline() == b"kept\n"

    run(check)


def test_a_separator_may_be_any_bytes_or_since_3_13_one_of_several(run):
    async def check(ends):
        ends.reader.feed_data(b"one\rtwo\r\n")
        assert await ends.reader.readuntil(bytearray(b"\r")) == b"one\r"
        if sys.version_info >= (3, 13):
            assert await ends.reader.readuntil((b"\r\n", b"\n")) == b"two\r\n"
        else:
            with pytest.raises(TypeError):
                await ends.reader.readuntil((b"\r\n", b"\n"))

    run(check)


def test_exactly_so_many_bytes_are_read(run):
    async def check(ends):
        ends.tell(b"abcdefgh")
        assert await ends.reader.readexactly(3) == b"abc"
        assert await ends.reader.readexactly(0) == b""
        with pytest.raises(ValueError, match="less than zero"):
            await ends.reader.readexactly(-1)
        with pytest.raises(TypeError):
            await ends.reader.readexactly("3")
        task = await waiting(ends.reader.readexactly(7))
        ends.tell(b"ijkl")
        assert await task == b"defghij"
        assert await ends.reader.readexactly(True) == b"k"
        ends.hang_up()
        with pytest.raises(asyncio.IncompleteReadError) as error:
            await ends.reader.readexactly(2)
        assert (error.value.partial, error.value.expected) == (b"l", 2)

    run(check)


def test_more_than_the_limit_can_be_read_exactly(run):
    async def check(ends):
        data = bytes(range(256)) * 4
        task = await waiting(ends.reader.readexactly(len(data)))
        ends.tell(data + b"!")
        assert await task == data
        assert await ends.reader.read(9) == b"!"

    run(check)


def test_some_bytes_are_read_as_soon_as_there_are_any(run):
    async def check(ends):
        task = await waiting(ends.reader.read(100))
        ends.tell(b"abc")
        assert await task == b"abc"
        ends.reader.feed_data(b"def")
        ends.reader.feed_data(b"ghi")
        assert await ends.reader.read(2) == b"de"
        assert await ends.reader.read(0) == b""
        assert await ends.reader.read(100) == b"fghi"
        ends.hang_up()
        assert await ends.reader.read(100) == b""

    run(check)


def test_all_is_read_until_the_end(run):
    async def check(ends):
        task = await waiting(ends.reader.read())
        for _ in range(10):
            ends.tell(b"x" * LIMIT)
            await asyncio.sleep(0)
        ends.hang_up()
        assert await task == b"x" * 10 * LIMIT

    run(check)


def test_a_reader_is_iterated_by_lines(run):
    async def check(ends):
        ends.tell(b"one\n\ntwo\nthree")
        ends.hang_up()
        assert [line async for line in ends.reader] == [b"one\n", b"\n", b"two\n", b"three"]

    run(check)


def test_what_waits_is_in_the_buffer_that_asyncio_has(run):
    async def check(ends):
        ends.reader.feed_data(b"one\ntwo\n")
        await ends.reader.readline()
        assert ends.reader._buffer == bytearray(b"two\n")
        ends.reader._buffer.extend(b"three\n")
        assert [await ends.reader.readline() for _ in range(2)] == [b"two\n", b"three\n"]
        assert not ends.reader._buffer

    run(check)


def test_nothing_is_fed_behind_the_end(run):
    async def check(ends):
        ends.reader.feed_data(b"")
        ends.reader.feed_eof()
        with pytest.raises(AssertionError, match="feed_data after feed_eof"):
            ends.reader.feed_data(b"late")

    run(check)


def test_a_limit_must_be_positive(classes, any_loop):
    with pytest.raises(ValueError, match="Limit cannot be <= 0"):
        classes[0](limit=0, loop=any_loop)


@pytest.mark.parametrize("limit", [2**80, float("inf"), 2**63 - 1])
def test_a_limit_may_be_without_end(classes, any_loop, limit):
    reader = classes[0](limit=limit, loop=any_loop)
    reader.feed_data(b"x" * 100000)

    async def main():
        line = await waiting(reader.readline())
        reader.feed_data(b"\n")
        return await line

    assert any_loop.run_until_complete(main()) == b"x" * 100000 + b"\n"


# -- exceptions and cancelling


def test_an_exception_ends_the_waiting_call_and_every_later_one(run):
    async def check(ends):
        task = await waiting(ends.reader.readline())
        error = ValueError("broken")
        ends.reader.set_exception(error)
        for call in (
            lambda: task,
            ends.reader.readline,
            ends.reader.readuntil,
            ends.reader.read,
            lambda: ends.reader.readexactly(1),
            ends.writer.drain,
        ):
            with pytest.raises(ValueError, match="broken") as raised:
                await call()
            assert raised.value is error
        assert ends.reader.exception() is error

    run(check)


@pytest.mark.parametrize("method", ["readline", "readexactly", "read", "readuntil", "__anext__"])
def test_a_cancelled_call_loses_no_byte(run, method):
    async def check(ends):
        call = getattr(ends.reader, method)
        arguments = (9,) if method in ("readexactly", "read") else ()
        ends.reader.feed_data(b"" if method == "read" else b"half")
        task = await waiting(call(*arguments))
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await task
        again = await waiting(call(*arguments))
        ends.reader.feed_data(b" whole\n")
        again.cancel()  # in the same turn as the data
        with pytest.raises(asyncio.CancelledError):
            await again
        expected = b" whole\n" if method == "read" else b"half whole\n"
        assert await ends.reader.readline() == expected

    run(check)


def test_a_task_that_waited_before_is_cancelled_as_its_data_come_and_loses_no_byte(run):
    async def check(ends):
        lines = []

        async def read():
            while True:
                lines.append(await ends.reader.readline())

        task = await waiting(read())
        for line in (b"one\n", b"two\n", b"three\n"):
            ends.reader.feed_data(line)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        ends.reader.feed_data(b"four\n")
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task
        assert lines == [b"one\n", b"two\n", b"three\n"]
        assert await ends.reader.readline() == b"four\n"

    run(check)


def test_tasks_take_turns_at_one_reader(run):
    async def check(ends):
        lock = asyncio.Lock()
        lines = []

        async def read(name):
            for _ in range(3):
                async with lock:
                    lines.append((name, await ends.reader.readline()))

        tasks = [await waiting(read(name)) for name in ("first", "second")]
        for number in range(6):
            ends.tell(b"%d\n" % number)
            while len(lines) == number:
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert lines == [(("first", "second")[number % 2], b"%d\n" % number) for number in range(6)]

    run(check)


def test_a_time_out_ends_a_call_and_the_next_goes_on(run):
    async def check(ends):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await ends.reader.readline()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ends.reader.readline(), 0.001)
        ends.tell(b"later\n")
        assert await asyncio.wait_for(ends.reader.readline(), 20) == b"later\n"

    run(check)


def test_two_cannot_wait_at_once(run):
    async def check(ends):
        first = await waiting(ends.reader.readline())
        with pytest.raises(RuntimeError, match="read\\(\\) called while another coroutine is already waiting"):
            await ends.reader.read(1)
        with pytest.raises(RuntimeError, match="readuntil\\(\\) called while another coroutine"):
            await ends.reader.readline()
        ends.tell(b"first\n")
        assert await first == b"first\n"

    run(check)


def test_a_call_is_used_as_a_coroutine_is(run):
    async def check(ends):
        ends.reader.feed_data(b"one\ntwo\n")
        later = ends.reader.readline()
        assert isinstance(later, collections.abc.Coroutine)
        assert asyncio.iscoroutine(later)
        assert await ends.reader.readline() == b"one\n"  # the other has not begun
        assert await asyncio.gather(later, ends.writer.drain()) == [b"two\n", None]
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await later
        given_up = ends.reader.readline()
        given_up.close()
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await given_up
        with pytest.raises(KeyError, match="thrown"):
            ends.writer.drain().throw(KeyError("thrown"))
        by_hand = ends.reader.readline()
        assert asyncio.isfuture(by_hand.send(None))
        with pytest.raises(LookupError):
            by_hand.throw(LookupError())
        ends.reader.feed_data(b"three\n")
        with pytest.raises(StopIteration) as stop:
            ends.reader.readline().send(None)
        assert stop.value.value == b"three\n"

    run(check)


def test_a_closed_call_lets_another_wait(run):
    async def check(ends):
        call = ends.reader.readline()
        call.send(None)
        call.close()
        line = await waiting(ends.reader.readline())
        ends.reader.feed_data(b"line\n")
        assert await line == b"line\n"

    run(check)


@pytest.mark.parametrize("method", ["readline", "drain"])
def test_a_forgotten_call_is_warned_of(run, method):
    async def check(ends):
        stream = ends.writer if method == "drain" else ends.reader
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            getattr(stream, method)()
            await getattr(stream, method)() if method == "drain" else getattr(stream, method)().close()
            gc.collect()
        assert [(str(each.message), each.category) for each in warned] == [
            (f"coroutine '{type(stream).__name__}.{method}' was never awaited", RuntimeWarning)
        ]

    run(check)


# -- flow control


def test_above_twice_the_limit_the_peer_waits_until_it_is_read(run):
    async def check(ends):
        ends.reader.feed_data(b"x" * 2 * LIMIT)
        assert ends.transport.is_reading()
        ends.reader.feed_data(b"y")
        assert not ends.transport.is_reading()
        assert await ends.reader.readexactly(LIMIT) == b"x" * LIMIT
        assert not ends.transport.is_reading()
        assert await ends.reader.read(1) == b"x"
        assert ends.transport.is_reading()

    run(check)


def test_waiting_for_more_than_is_held_goes_on_reading(run):
    async def check(ends):
        ends.reader.feed_data(b"x" * (2 * LIMIT + 1))
        assert not ends.transport.is_reading()
        task = await waiting(ends.reader.readexactly(5 * LIMIT))
        assert ends.transport.is_reading()
        ends.tell(b"x" * (3 * LIMIT))
        assert await task == b"x" * 5 * LIMIT
        assert await ends.reader.read(LIMIT) == b"x"

    run(check)


def test_a_transport_that_cannot_pause_is_not_asked_again(classes, any_loop):
    asked = []

    class Restless(asyncio.Transport):
        def pause_reading(self):
            asked.append(1)
            raise NotImplementedError

    reader = classes[0](limit=1, loop=any_loop)
    reader.set_transport(Restless())
    reader.feed_data(b"abc")
    reader.feed_data(b"def")

    assert asked == [1]
    assert any_loop.run_until_complete(reader.read(9)) == b"abcdef"


def test_drain_waits_until_the_peer_has_read(run):
    async def check(ends):
        size = 1 << 22
        ends.writer.write(b"x" * size)
        draining = await waiting(ends.writer.drain())
        assert await ends.hear(size) == b"x" * size
        await draining
        ends.writer.write(b"more")
        await ends.writer.drain()
        assert await ends.hear(4) == b"more"

    run(check)


def test_drain_tells_that_the_connection_is_lost(run):
    async def check(ends):
        ends.writer.write(b"x" * (1 << 22))
        draining = await waiting(ends.writer.drain())
        ends.transport.abort()
        await draining  # asyncio's, too, tells of it no sooner than the next time
        with pytest.raises(ConnectionResetError, match="Connection lost"):
            await ends.writer.drain()

    run(check)


def test_a_writer_closes_half_and_then_whole(run):
    async def check(ends):
        assert ends.writer.can_write_eof()
        assert ends.writer.get_extra_info("nothing", 7) == 7
        assert ends.writer.transport is ends.transport
        ends.writer.writelines([b"last ", b"words"])
        ends.writer.write_eof()
        assert await ends.hear(10) == b"last words"
        ends.tell(b"answer\n")
        assert await ends.reader.readline() == b"answer\n"
        ends.writer.close()
        assert ends.writer.is_closing()
        await ends.writer.wait_closed()
        with pytest.raises(ConnectionResetError):
            await ends.writer.drain()

    run(check)


@pytest.mark.parametrize("data", ["text", None, 7])
def test_what_is_no_bytes_is_not_written(run, data):
    async def check(ends):
        with pytest.raises(TypeError):
            ends.writer.write(data)

    run(check)


def test_dropped_streams_close_their_connection_and_are_freed(any_loop, classes):
    async def main():
        ends = await Ends(classes).__aenter__()
        ends.tell(b"line\n")
        assert await ends.reader.readline() == b"line\n"
        await ends.writer.drain()
        gone = [weakref.ref(ends.reader), weakref.ref(ends.writer)]
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            del ends.reader, ends.writer, ends.transport
            while any(each() for each in gone):
                gc.collect()
                await asyncio.sleep(0)
        expected = ["unclosed <StreamWriter"] if sys.version_info >= (3, 11, 5) or classes is ASYNCIOS else []
        assert [str(each.message)[:22] for each in warned] == expected
        assert await asyncio.get_running_loop().sock_recv(ends.peer, 9) == b""
        ends.peer.close()
        for _ in range(3):
            await asyncio.sleep(0)

    any_loop.run_until_complete(main())


# -- Weft's alone


def test_they_are_asyncio_s_by_inheritance(loop):
    for ours, asyncios in zip(OURS, ASYNCIOS, strict=True):
        assert issubclass(ours, asyncios)
        public = {name for name in dir(asyncios) if not name.startswith("_")}
        assert public <= set(dir(ours))


def test_the_compiled_build_has_the_same_numbers():
    text = Path(states.__file__).with_suffix(".pxd").read_text()

    numbers = {name: int(number) for name, number in re.findall(r"^ +([A-Z_]+) = (\d+)$", text, re.MULTILINE)}

    assert numbers == {name: value for name, value in vars(states).items() if name.isupper()}


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


@pytest.mark.parametrize("is_plain", [False, True])
def test_a_server_of_asyncio_s_on_weft_s_loop_has_weft_s_streams_where_these_are_compiled(loop, is_plain):
    async def main():
        served = asyncio.Event()
        made = []
        tasks = []

        def connected(reader, writer):
            made.extend((reader, writer))
            tasks.append(asyncio.get_running_loop().create_task(serve(reader, writer)))

        async def serve(reader, writer):
            made.extend((reader, writer))
            await echo(reader, writer)
            served.set()

        server = await asyncio.start_server(connected if is_plain else serve, "127.0.0.1", 0, limit=LIMIT)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            assert await reader.readline() == b"hello\n"
            writer.close()
            await writer.wait_closed()
            await served.wait()
        assert (type(made[0]), type(made[1])) == (HANDED_OUT[0], HANDED_OUT[2])
        assert made[0]._limit == LIMIT

    loop.run_until_complete(main())


def test_a_unix_server_of_asyncio_s_has_them_too(loop, tmp_path):
    async def main():
        made = []

        async def serve(reader, writer):
            made.append(type(reader))
            await echo(reader, writer)

        path = tmp_path / "s"
        async with await asyncio.start_unix_server(serve, path):
            reader, writer = await weft.open_stream(f"unix:{path}")
            writer.write(b"hello\n")
            assert await reader.readline() == b"hello\n"
            writer.close()
            await writer.wait_closed()
        assert made == [HANDED_OUT[0]]

    loop.run_until_complete(main())


def test_classes_put_in_the_place_of_asyncio_s_are_respected(loop, monkeypatch):
    class Counting(asyncio.StreamReader):
        pass

    async def main():
        made = []

        async def serve(reader, writer):
            made.append(type(reader))
            await echo(reader, writer)

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.close()
            await writer.wait_closed()
            assert await reader.read() == b""
        assert made == [Counting]

    monkeypatch.setattr(asyncio.streams, "StreamReader", Counting)
    loop.run_until_complete(main())


def serve_streams(connected):
    """Return a server of Weft's streams, which `asyncio.start_server` gives in the compiled build."""
    loop = asyncio.get_running_loop()
    return loop.create_server(lambda: StreamReaderProtocol(StreamReader(), connected), "127.0.0.1", 0)


def test_a_server_s_task_that_fails_is_reported_and_its_connection_closed(loop, reported):
    async def main():
        async def fail(reader, writer):
            raise LookupError("no such thing")

        async with await serve_streams(fail) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    loop.run_until_complete(main())

    (report,) = reported
    reported.clear()
    assert report["message"] == "Unhandled exception in client_connected_cb"
    assert isinstance(report["exception"], LookupError)


def test_a_server_s_task_that_is_cancelled_closes_its_connection(loop):
    async def main():
        async def give_up(reader, writer):
            asyncio.current_task().cancel()
            await reader.readline()

        async with await serve_streams(give_up) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    loop.run_until_complete(main())


def test_they_speak_tls_from_the_start_and_from_later_on(loop):
    async def main():
        async def serve(reader, writer):
            assert await reader.readline() == b"upgrade\n"
            writer.write(b"go\n")
            await writer.start_tls(server_context())
            await echo(reader, writer)

        async def converse(reader, writer):
            writer.write(b"hello\n" * 10000)
            await writer.drain()
            assert await reader.readexactly(60000) == b"hello\n" * 10000
            assert writer.get_extra_info("ssl_object").version().startswith("TLS")
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            reader, writer = await weft.open_stream(f"tcp:{host}:{port}")
            writer.write(b"upgrade\n")
            assert await reader.readline() == b"go\n"
            await writer.start_tls(client_context(), server_hostname="localhost")
            await converse(reader, writer)
        async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_context()) as server:
            reader = StreamReader()
            transport, protocol = await loop.create_connection(
                lambda: StreamReaderProtocol(reader, loop=loop),
                *server.sockets[0].getsockname(),
                ssl=client_context(),
                server_hostname="localhost",
            )
            await converse(reader, StreamWriter(transport, protocol, reader, loop))

    loop.run_until_complete(main())
