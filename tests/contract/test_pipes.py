"""Pipes: bytes one way, an end told once, whoever ends first; and every kind of descriptor that asyncio takes."""

import asyncio
import contextlib
import io
import os
import pathlib
import pty
import socket
import tempfile
import tty
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import weft
from weft.ports import Observer

from .conftest import settle
from .fakes import Witness

Reported = list[dict[str, Any]]
Ends = tuple[io.FileIO, io.FileIO]


@pytest.fixture
def ends(descriptors: Callable[[], int]) -> Iterator[Ends]:
    """A pipe as two file objects: the read end and the write end."""
    read_fd, write_fd = os.pipe()
    with open(read_fd, "rb", 0) as reader, open(write_fd, "wb", 0) as writer:
        yield reader, writer


@pytest.fixture
def terminal(descriptors: Callable[[], int]) -> Iterator[Ends]:
    """A pseudo-terminal as two file objects: our side and the side of whoever types."""
    typist_fd, ours_fd = pty.openpty()
    with open(typist_fd, "r+b", 0) as typist, open(ours_fd, "r+b", 0) as ours:
        yield ours, typist


async def read_from(loop: weft.Loop, pipe: Any, protocol: Any) -> Any:
    transport, _ = await loop.connect_read_pipe(lambda: protocol, pipe)
    return transport


async def write_to(loop: weft.Loop, pipe: Any, protocol: Any) -> Any:
    transport, _ = await loop.connect_write_pipe(lambda: protocol, pipe)
    return transport


async def fill(loop: weft.Loop, writer: Any, witness: Witness) -> Any:
    """Return a transport that has accepted more than the pipe takes."""
    transport = await write_to(loop, writer, witness)
    transport.write(bytes(1_000_000))
    assert witness.calls[-1] == "pause"
    return transport


# -- bytes


def test_what_is_written_to_one_end_comes_out_of_the_other(loop: weft.Loop, ends: Ends) -> None:
    received, sent = Witness(), Witness()

    async def main() -> None:
        await read_from(loop, ends[0], received)
        transport = await write_to(loop, ends[1], sent)
        transport.write(b"one ")
        transport.writelines([b"two ", bytearray(b"three")])
        transport.close()
        await received.until("lost")
        await settle()

    loop.run_until_complete(main())

    assert received.data == b"one two three"
    assert received.calls == ["made", "data", "eof", "lost"]
    assert sent.calls == ["made", "lost"]
    assert received.error is None
    assert sent.error is None


def test_more_than_a_pipe_holds_arrives_whole_and_in_order(loop: weft.Loop, ends: Ends) -> None:
    received, sent = Witness(), Witness()
    data = os.urandom(3_000_000)

    async def main() -> None:
        await read_from(loop, ends[0], received)
        transport = await write_to(loop, ends[1], sent)
        for at in range(0, len(data), 100_000):
            transport.write(data[at : at + 100_000])
        transport.close()
        await received.until("lost")
        await settle()

    loop.run_until_complete(main())

    assert received.data == data
    assert sent.calls[-1] == "lost"
    assert sent.error is None


def test_a_writer_is_paused_while_nobody_reads_and_resumed_when_somebody_does(loop: weft.Loop, ends: Ends) -> None:
    received, sent = Witness(), Witness()

    async def main() -> None:
        transport = await fill(loop, ends[1], sent)
        await read_from(loop, ends[0], received)
        await sent.until("resume")
        await received.until_data(1_000_000)
        assert transport.get_write_buffer_size() == 0
        transport.close()
        await received.until("lost")
        await settle()

    loop.run_until_complete(main())

    assert sent.calls == ["made", "pause", "resume", "lost"]


def test_a_paused_reader_is_told_nothing_and_then_everything(loop: weft.Loop, ends: Ends) -> None:
    received = Witness()

    async def main() -> None:
        transport = await read_from(loop, ends[0], received)
        transport.pause_reading()
        transport.pause_reading()
        os.write(ends[1].fileno(), b"hello")
        await settle()
        assert not transport.is_reading()
        assert received.data == b""
        ends[1].close()
        await settle()
        assert received.calls == ["made"]
        transport.resume_reading()
        transport.resume_reading()
        await received.until("lost")

    loop.run_until_complete(main())

    assert received.data == b"hello"
    assert received.calls == ["made", "data", "eof", "lost"]


def test_asyncio_s_streams_work_over_pipes(loop: weft.Loop, ends: Ends) -> None:
    async def main() -> list[bytes]:
        reader = asyncio.StreamReader(limit=1000)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), ends[0])
        transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, ends[1])
        writer = asyncio.StreamWriter(transport, protocol, None, loop)
        lines = [b"%d\n" % number for number in range(2000)]

        async def write() -> None:
            for line in lines:
                writer.write(line)
                await writer.drain()
            writer.close()

        writing = asyncio.create_task(write())
        result = [line async for line in reader]
        await writing
        await settle()
        return result

    assert b"".join(loop.run_until_complete(main())) == b"".join(b"%d\n" % number for number in range(2000))


# -- ends


def test_a_reader_is_over_at_the_end_even_if_its_protocol_would_keep_it_open(loop: weft.Loop, ends: Ends) -> None:
    received = Witness(keeps_open=True)

    async def main() -> None:
        transport = await read_from(loop, ends[0], received)
        ends[1].close()
        await received.until("lost")
        assert transport.is_closing()

    loop.run_until_complete(main())

    assert received.calls == ["made", "eof", "lost"]
    assert ends[0].closed


def test_a_writer_learns_that_the_reader_is_gone_without_writing(loop: weft.Loop, ends: Ends) -> None:
    sent = Witness()

    async def main() -> None:
        await write_to(loop, ends[1], sent)
        ends[0].close()
        await sent.until("lost")

    loop.run_until_complete(main())

    assert sent.calls == ["made", "lost"]
    assert sent.error is None
    assert ends[1].closed


def test_a_reader_that_goes_with_bytes_unsent_is_a_broken_pipe(loop: weft.Loop, ends: Ends) -> None:
    sent = Witness()

    async def main() -> None:
        await fill(loop, ends[1], sent)
        ends[0].close()
        await sent.until("lost")

    loop.run_until_complete(main())

    assert sent.calls == ["made", "pause", "lost"]
    assert isinstance(sent.error, BrokenPipeError)


def test_writing_at_once_to_a_pipe_without_reader_is_a_broken_pipe(loop: weft.Loop, ends: Ends) -> None:
    sent = Witness()

    async def main() -> None:
        transport = await write_to(loop, ends[1], sent)
        ends[0].close()
        transport.write(b"into the void")
        await sent.until("lost")
        for _ in range(3):
            transport.write(b"dropped")

    loop.run_until_complete(main())

    assert sent.calls == ["made", "lost"]


def test_closing_a_writer_sends_what_it_accepted(loop: weft.Loop, ends: Ends) -> None:
    received, sent = Witness(), Witness()

    async def main() -> None:
        transport = await fill(loop, ends[1], sent)
        transport.close()
        transport.close()
        assert transport.is_closing()
        await read_from(loop, ends[0], received)
        await received.until("lost")
        await settle()

    loop.run_until_complete(main())

    assert len(received.data) == 1_000_000
    assert sent.calls.count("lost") == 1
    assert sent.error is None


def test_write_eof_closes_a_writer(loop: weft.Loop, ends: Ends) -> None:
    sent = Witness()

    async def main() -> None:
        transport = await write_to(loop, ends[1], sent)
        assert transport.can_write_eof()
        transport.write(b"last words")
        transport.write_eof()
        transport.write_eof()
        await sent.until("lost")

    loop.run_until_complete(main())

    assert ends[0].read() == b"last words"


def test_aborting_a_writer_drops_what_it_accepted(loop: weft.Loop, ends: Ends) -> None:
    sent = Witness()

    async def main() -> None:
        transport = await fill(loop, ends[1], sent)
        transport.abort()
        transport.abort()
        await sent.until("lost")

    loop.run_until_complete(main())

    assert len(ends[0].readall()) < 1_000_000
    assert sent.calls == ["made", "pause", "lost"]


def test_closing_a_reader_closes_its_pipe(loop: weft.Loop, ends: Ends) -> None:
    received = Witness()

    async def main() -> None:
        transport = await read_from(loop, ends[0], received)
        transport.close()
        transport.close()
        assert transport.is_closing()
        transport.pause_reading()
        transport.resume_reading()
        await received.until("lost")

    loop.run_until_complete(main())

    assert received.calls == ["made", "lost"]
    assert ends[0].closed
    with pytest.raises(BrokenPipeError):
        ends[1].write(b"x")


# -- errors


def test_a_regular_file_is_refused_and_left_open(loop: weft.Loop, tmp_path: pathlib.Path) -> None:
    with open(tmp_path / "file", "w+b", 0) as file:
        for connect in (read_from, write_to):
            with pytest.raises(ValueError, match="character device"):
                loop.run_until_complete(connect(loop, file, Witness()))
        assert not file.closed
        assert os.get_blocking(file.fileno())


def test_a_factory_that_raises_leaves_the_pipe_alone(loop: weft.Loop, ends: Ends) -> None:
    def factory() -> Any:
        raise ZeroDivisionError

    for connect, pipe in ((loop.connect_read_pipe, ends[0]), (loop.connect_write_pipe, ends[1])):
        with pytest.raises(ZeroDivisionError):
            loop.run_until_complete(connect(factory, pipe))
        assert not pipe.closed


def test_a_protocol_that_cannot_take_bytes_is_refused_for_a_reader(loop: weft.Loop, ends: Ends) -> None:
    with open("/dev/null", "rb", 0) as device:
        for pipe in (ends[0], device):
            with pytest.raises(AttributeError):
                loop.run_until_complete(read_from(loop, pipe, asyncio.BaseProtocol()))


def test_a_cancelled_connect_closes_the_pipe(loop: weft.Loop, ends: Ends) -> None:
    async def main() -> None:
        for connect, pipe in ((read_from, ends[0]), (write_to, ends[1])):
            task = asyncio.create_task(connect(loop, pipe, Witness()))
            await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await settle()
            assert task.cancelled()
            assert pipe.closed

    loop.run_until_complete(main())


def test_what_data_received_raises_is_reported_and_ends_the_reader(
    loop: weft.Loop, ends: Ends, reported: Reported
) -> None:
    class Faulty(Witness):
        def data_received(self, data: bytes) -> None:
            raise ZeroDivisionError

    received = Faulty()

    async def main() -> None:
        await read_from(loop, ends[0], received)
        os.write(ends[1].fileno(), b"x")
        await received.until("lost")

    loop.run_until_complete(main())

    assert isinstance(reported.pop()["exception"], ZeroDivisionError)
    assert received.calls == ["made", "lost"]


def test_what_eof_received_raises_is_reported_and_the_end_told(
    loop: weft.Loop, ends: Ends, reported: Reported
) -> None:
    class Faulty(Witness):
        def eof_received(self) -> bool:
            raise ZeroDivisionError

    received = Faulty()

    async def main() -> None:
        await read_from(loop, ends[0], received)
        ends[1].close()
        await received.until("lost")

    loop.run_until_complete(main())

    assert isinstance(reported.pop()["exception"], ZeroDivisionError)


def test_a_read_pipe_cannot_be_written_to(loop: weft.Loop, ends: Ends) -> None:
    async def main() -> None:
        transport = await read_from(loop, ends[0], Witness())
        with pytest.raises(RuntimeError, match="read end"):
            transport.write(b"x")
        assert not transport.can_write_eof()
        transport.close()
        await settle()

    loop.run_until_complete(main())


# -- kinds of descriptors


def test_transports_are_instances_of_asyncio_s_classes(loop: weft.Loop, ends: Ends) -> None:
    async def main() -> None:
        reader = await read_from(loop, ends[0], Witness())
        writer = await write_to(loop, ends[1], asyncio.BaseProtocol())
        assert isinstance(reader, asyncio.ReadTransport)
        assert not isinstance(reader, asyncio.WriteTransport)
        assert isinstance(writer, asyncio.WriteTransport)
        assert not isinstance(writer, asyncio.ReadTransport)
        assert reader.get_extra_info("pipe") is ends[0]
        assert writer.get_extra_info("pipe") is ends[1]
        assert writer.get_extra_info("peername", "none") == "none"
        assert "open" in repr(reader)
        assert "open" in repr(writer)
        writer.set_protocol(Witness())
        reader.close()
        writer.close()
        await settle()
        assert "closed" in repr(reader)
        assert "closed" in repr(writer)

    loop.run_until_complete(main())


def test_a_fifo_without_a_writer_yet_is_not_at_its_end(loop: weft.Loop) -> None:
    received = Witness()

    async def main(path: str) -> None:
        os.mkfifo(path)
        reader = io.FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        transport = await read_from(loop, reader, received)
        transport.pause_reading()
        transport.resume_reading()
        await settle()
        assert received.calls == ["made"]
        with open(path, "wb", 0) as writer:
            writer.write(b"at last")
        await received.until("lost")

    with tempfile.TemporaryDirectory() as folder:
        loop.run_until_complete(main(os.path.join(folder, "fifo")))

    assert received.data == b"at last"


def test_every_line_typed_at_a_terminal_comes_though_a_read_gives_but_one(loop: weft.Loop, terminal: Ends) -> None:
    ours, typist = terminal
    received = Witness()

    async def main() -> None:
        transport = await read_from(loop, ours, received)
        transport.pause_reading()
        typist.write(b"one\ntwo\nthree\n")
        transport.resume_reading()
        await received.until_data(14)
        transport.close()
        await settle()

    loop.run_until_complete(main())

    assert received.data == b"one\ntwo\nthree\n"


def test_a_terminal_that_hangs_up_ends_its_reader(loop: weft.Loop, terminal: Ends) -> None:
    ours, typist = terminal
    received = Witness()

    async def main() -> None:
        await read_from(loop, typist, received)
        ours.write(b"bye")
        await received.until_data(3)
        ours.close()
        await received.until("lost")

    loop.run_until_complete(main())

    assert received.data == b"bye"
    assert received.calls[-1] == "lost"


def test_bytes_typed_at_a_terminal_do_not_end_its_writer(loop: weft.Loop, terminal: Ends) -> None:
    ours, typist = terminal
    tty.setraw(ours.fileno())
    sent, received = Witness(), Witness()

    async def main() -> None:
        transport = await write_to(loop, ours, sent)
        await read_from(loop, typist, received)
        os.write(typist.fileno(), b"typed")
        await settle()
        transport.write(b"prompt")
        await received.until_data(6)
        assert sent.calls == ["made"]
        transport.close()
        await received.until("lost")

    loop.run_until_complete(main())

    assert received.data == b"prompt"


def test_a_socket_s_writer_ends_with_its_peer_and_not_with_what_the_peer_sends(
    loop: weft.Loop, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    sent = Witness()

    async def main() -> None:
        transport = await write_to(loop, ours, sent)
        theirs.send(b"not for a writer")
        await settle()
        transport.write(b"hello")
        assert await loop.sock_recv(theirs, 100) == b"hello"
        assert sent.calls == ["made"]
        assert ours.recv(100) == b"not for a writer"
        transport.close()
        await sent.until("lost")
        assert await loop.sock_recv(theirs, 100) == b""

    loop.run_until_complete(main())


def test_a_socket_s_writer_learns_that_its_peer_is_gone(
    loop: weft.Loop, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    sent = Witness()

    async def main() -> None:
        await write_to(loop, ours, sent)
        theirs.close()
        await sent.until("lost")

    loop.run_until_complete(main())

    assert ours.fileno() == -1


def test_every_message_of_a_datagram_socket_comes(loop: weft.Loop) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    received = Witness()

    async def main() -> None:
        transport = await read_from(loop, ours, received)
        for message in (b"one", b"two", b"three"):
            theirs.send(message)
        await received.until_data(11)
        transport.close()
        await settle()

    with ours, theirs:
        loop.run_until_complete(main())

    assert received.data == b"onetwothree"


def test_a_device_that_the_poller_does_not_take_is_read_to_its_end(loop: weft.Loop) -> None:
    received = Witness()

    async def main() -> None:
        transport = await read_from(loop, io.FileIO("/dev/null"), received)
        await received.until("lost")
        assert transport.is_closing()

    loop.run_until_complete(main())

    assert received.calls == ["made", "eof", "lost"]


def test_a_device_without_an_end_is_read_for_as_long_as_it_is_wanted(loop: weft.Loop) -> None:
    received = Witness()

    async def main() -> None:
        transport = await read_from(loop, io.FileIO("/dev/zero"), received)
        await received.until_data(1_000_000)
        transport.pause_reading()
        size = len(received.data)
        await settle()
        assert len(received.data) == size
        transport.resume_reading()
        await received.until_data(size + 1_000_000)
        transport.close()
        await received.until("lost")

    loop.run_until_complete(main())


def test_a_device_that_the_poller_does_not_take_is_written_to(loop: weft.Loop) -> None:
    sent = Witness()

    async def main() -> None:
        transport = await write_to(loop, io.FileIO("/dev/null", "w"), sent)
        transport.writelines([bytes(1_000_000), b"more"])
        transport.close()
        await sent.until("lost")

    loop.run_until_complete(main())

    assert sent.calls == ["made", "lost"]
    assert sent.error is None


def test_a_full_device_is_an_error_of_the_writer(loop: weft.Loop) -> None:
    sent = Witness()

    async def main() -> None:
        transport = await write_to(loop, io.FileIO("/dev/full", "w"), sent)
        transport.write(b"x")
        await sent.until("lost")

    loop.run_until_complete(main())

    assert isinstance(sent.error, OSError)


# -- who is told


def test_the_observer_is_told_of_a_pipe_s_life(loop: weft.Loop, ends: Ends) -> None:
    class Notes(Observer):
        def __init__(self) -> None:
            self.notes: list[tuple[Any, ...]] = []

        def channel_opened(self, number: int, owner: Any, name: Any) -> None:
            self.notes.append(("opened", number))

        def data_begin(self, number: int, size_bytes: int) -> None:
            self.notes.append(("in", number, size_bytes))

        def data_sent(self, number: int, size_bytes: int) -> None:
            self.notes.append(("out", number, size_bytes))

        def channel_closed(self, number: int, owner: Any, error: BaseException | None) -> None:
            self.notes.append(("closed", number, error))

    observer = Notes()
    received = Witness()

    async def main() -> None:
        loop.observer = observer
        await read_from(loop, ends[0], received)
        transport = await write_to(loop, ends[1], Witness())
        transport.write(b"hello")
        transport.close()
        await received.until("lost")
        await settle()
        loop.observer = None

    loop.run_until_complete(main())

    assert observer.notes[:2] == [("opened", 1), ("opened", 2)]
    assert sorted(observer.notes[2:], key=str) == [
        ("closed", 1, None),
        ("closed", 2, None),
        ("in", 1, 5),
        ("out", 2, 5),
    ]
