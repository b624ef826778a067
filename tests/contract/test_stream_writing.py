"""Writing: every byte once and in order, whatever the peer's pace; and the protocol held to the watermarks."""

import asyncio
import hashlib
import socket

import pytest

from .conftest import settle
from .fakes import Witness

LARGE = 10_000_000


def pattern(size: int) -> bytes:
    return (b"".join(number.to_bytes(4, "big") for number in range(65536)) * (size // 262144 + 1))[:size]


async def begin(loop, sock, protocol):
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock)
    return transport


async def read_slowly(loop, sock):
    """Read to the end in small pieces, with a turn between them; return the digest and the size."""
    digest, size = hashlib.sha256(), 0
    while data := await loop.sock_recv(sock, 40_000):
        digest.update(data)
        size += len(data)
        await asyncio.sleep(0)
    return digest.hexdigest(), size


def as_one(transport, data):
    transport.write(data)


def as_bytearray(transport, data):
    transport.write(bytearray(data))


def as_memoryview(transport, data):
    transport.write(memoryview(data))


def as_thousands_of_small_writes(transport, data):
    for start in range(0, len(data), 1000):
        transport.write(data[start : start + 1000])


def as_lines(transport, data):
    transport.writelines([data[start : start + 4321] for start in range(0, len(data), 4321)])


def as_lines_from_a_generator(transport, data):
    transport.writelines(memoryview(data)[start : start + 99_999] for start in range(0, len(data), 99_999))


@pytest.mark.parametrize(
    "write",
    [as_one, as_bytearray, as_memoryview, as_thousands_of_small_writes, as_lines, as_lines_from_a_generator],
)
def test_ten_megabytes_reach_a_slow_reader_byte_for_byte(loop, pair, write):
    ours, theirs = pair
    data = pattern(LARGE)
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        write(transport, data)
        transport.close()
        found = await read_slowly(loop, theirs)
        await witness.until("lost")
        return found

    found, size = loop.run_until_complete(main())

    assert size == LARGE
    assert found == hashlib.sha256(data).hexdigest()
    assert witness.error is None


@pytest.mark.parametrize("kind", [bytearray, lambda data: memoryview(bytearray(data))])
@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_buffer_that_is_changed_after_write_is_sent_as_it_was(loop, pair, kind, size):
    ours, theirs = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        buffer = kind(b"a" * size)
        transport.write(buffer)
        buffer[:] = b"b" * size
        transport.close()
        got = b""
        while data := await loop.sock_recv(theirs, 1 << 20):
            got += data
        await witness.until("lost")
        return got

    assert loop.run_until_complete(main()) == b"a" * size


def test_writing_nothing_sends_nothing_and_is_no_error(loop, pair):
    ours, theirs = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.write(b"")
        transport.writelines([])
        transport.writelines([b"", bytearray()])
        sizes = [transport.get_write_buffer_size()]
        transport.write(b"x")
        transport.write(b"")
        first = await loop.sock_recv(theirs, 100)
        transport.close()
        await witness.until("lost")
        return sizes, first

    assert loop.run_until_complete(main()) == ([0], b"x")


@pytest.mark.parametrize("data", ["text", 5, None, [1, 2]])
def test_writing_what_is_not_bytes_is_an_error_that_names_its_type(loop, pair, data):
    ours, _ = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        with pytest.raises(TypeError, match=type(data).__name__):
            transport.write(data)
        transport.close()
        await witness.until("lost")

    loop.run_until_complete(main())


def test_writes_to_a_stream_that_ended_are_dropped_with_one_warning(loop, pair, caplog):
    ours, _ = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.close()
        for _ in range(20):
            transport.write(b"x")
        await witness.until("lost")
        return transport.get_write_buffer_size()

    assert loop.run_until_complete(main()) == 0
    assert len([record for record in caplog.records if "were dropped" in record.getMessage()]) == 1


def test_a_write_before_the_loop_runs_reaches_the_peer(loop, pair):
    ours, theirs = pair
    witness = Witness()
    transport = loop.run_until_complete(begin(loop, ours, witness))

    transport.write(b"while nothing runs")

    assert theirs.recv(100) == b"while nothing runs"
    transport.close()
    loop.run_until_complete(witness.until("lost"))


def test_a_write_in_connection_made_is_sent(loop, pair):
    ours, theirs = pair

    class Greets(Witness):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.write(b"welcome")

    witness = Greets()

    async def main():
        transport = await begin(loop, ours, witness)
        greeting = await loop.sock_recv(theirs, 100)
        transport.close()
        await witness.until("lost")
        return greeting

    assert loop.run_until_complete(main()) == b"welcome"


def test_a_callback_that_raises_after_writing_still_sends_what_it_wrote(loop, pair, reported):
    ours, theirs = pair
    witness = Witness()

    def write_and_fail(transport):
        transport.write(b"written")
        raise ZeroDivisionError

    async def main():
        transport = await begin(loop, ours, witness)
        loop.call_soon(write_and_fail, transport)
        got = await loop.sock_recv(theirs, 100)
        transport.close()
        await witness.until("lost")
        return got

    assert loop.run_until_complete(main()) == b"written"
    assert isinstance(reported.pop()["exception"], ZeroDivisionError)


# -- a peer that does not read


def test_a_peer_that_never_reads_pauses_the_protocol_and_one_that_reads_resumes_it(loop, pair):
    ours, theirs = pair
    witness = Witness()
    size = 20_000_000

    async def main():
        transport = await begin(loop, ours, witness)
        transport.write(bytes(size))
        await settle()
        held_back = list(witness.calls), transport.get_write_buffer_size()
        low, high = transport.get_write_buffer_limits()
        got = 0
        while got < size:
            got += len(await loop.sock_recv(theirs, 1 << 20))
        await witness.until("resume")
        after = transport.get_write_buffer_size()
        transport.close()
        await witness.until("lost")
        return held_back, (low, high), after

    (calls, waiting), (low, high), after = loop.run_until_complete(main())

    assert calls == ["made", "pause"]
    assert waiting > high > low
    assert after <= low
    assert witness.calls == ["made", "pause", "resume", "lost"]


def test_a_task_that_writes_with_drain_is_held_back_by_a_peer_that_never_reads(loop, pair):
    ours, _ = pair
    written = 0

    async def main():
        nonlocal written
        _, writer = await asyncio.open_connection(sock=ours)

        async def write_for_ever():
            nonlocal written
            while True:
                writer.write(bytes(10_000))
                written += 10_000
                await writer.drain()

        task = asyncio.create_task(write_for_ever())
        before = -1
        while written != before:
            before = written
            await settle()
        waiting = writer.transport.get_write_buffer_size()
        high = writer.transport.get_write_buffer_limits()[1]
        is_held = not task.done()
        task.cancel()
        writer.transport.abort()
        await settle()
        return is_held, waiting, high

    is_held, waiting, high = loop.run_until_complete(main())

    assert is_held
    assert high < waiting <= high + 10_000
    assert 0 < written < 50_000_000


def test_drain_goes_on_once_the_peer_has_read(loop, pair):
    ours, theirs = pair
    size = 20_000_000

    async def main():
        _, writer = await asyncio.open_connection(sock=ours)
        writer.write(bytes(size))
        draining = asyncio.create_task(writer.drain())
        await settle()
        was_held = not draining.done()
        got = 0
        while got < size:
            got += len(await loop.sock_recv(theirs, 1 << 20))
        await draining
        writer.close()
        await writer.wait_closed()
        return was_held

    assert loop.run_until_complete(main())


def test_drain_raises_when_the_connection_ends_meanwhile(loop, pair):
    ours, theirs = pair

    async def main():
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(bytes(20_000_000))
        draining = asyncio.create_task(writer.drain())
        await settle()
        theirs.close()
        with pytest.raises(ConnectionError):
            await draining
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            pass
        reader.exception()

    loop.run_until_complete(main())


def test_the_watermarks_can_be_set_and_are_read_back(loop, pair):
    ours, _ = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        found = [transport.get_write_buffer_limits()]
        for limits in ({"high": 1000}, {"low": 100}, {"high": 500, "low": 200}, {"high": 0}, {}):
            transport.set_write_buffer_limits(**limits)
            found.append(transport.get_write_buffer_limits())
        for wrong in ({"high": 10, "low": 20}, {"high": -1}, {"low": -1}):
            with pytest.raises(ValueError, match="must be >="):
                transport.set_write_buffer_limits(**wrong)
        transport.close()
        await witness.until("lost")
        return found

    found = loop.run_until_complete(main())

    assert found == [(16384, 65536), (250, 1000), (100, 400), (200, 500), (0, 0), (16384, 65536)]


def test_with_a_high_watermark_of_nothing_any_byte_that_waits_pauses(loop, pair):
    ours, theirs = pair
    witness = Witness()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    filled = 0
    try:
        while True:
            filled += ours.send(bytes(4096))
    except BlockingIOError:
        pass

    async def main():
        transport = await begin(loop, ours, witness)
        transport.set_write_buffer_limits(high=0)
        transport.write(b"x")
        await witness.until("pause")
        got = 0
        while got < filled + 1:
            got += len(await loop.sock_recv(theirs, 1 << 20))
        await witness.until("resume")
        transport.close()
        await witness.until("lost")

    loop.run_until_complete(main())

    assert witness.calls == ["made", "pause", "resume", "lost"]


def test_lowering_the_watermark_under_what_waits_pauses_at_once(loop, pair):
    ours, _ = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.set_write_buffer_limits(high=100_000_000)
        transport.write(bytes(20_000_000))
        await settle()
        before = list(witness.calls)
        transport.set_write_buffer_limits(high=1000)
        after = list(witness.calls)
        transport.abort()
        await witness.until("lost")
        return before, after

    assert loop.run_until_complete(main()) == (["made"], ["made", "pause"])


def test_resume_writing_may_write_again(loop, pair):
    ours, theirs = pair
    rounds = 5
    size = 3_000_000

    class Refills(Witness):
        left = rounds

        def resume_writing(self):
            super().resume_writing()
            if self.left:
                self.left -= 1
                self.transport.write(bytes(size))
            else:
                self.transport.close()

    witness = Refills()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.set_write_buffer_limits(high=1)
        transport.write(bytes(20_000_000))
        got = 0
        while got < 20_000_000 + (rounds - witness.left) * size:  # how often it refills is the system's to say
            got += len(await loop.sock_recv(theirs, 1 << 20))
        transport.close()
        while data := await loop.sock_recv(theirs, 1 << 20):
            got += len(data)
        await witness.until("lost")
        return got

    got = loop.run_until_complete(main())

    assert got == 20_000_000 + (rounds - witness.left) * size
    assert witness.left < rounds
