"""Reading: all of it, in order, no more than asked for, and not while paused."""

import asyncio
import hashlib
import socket

import pytest

from .conftest import settle
from .fakes import BufferWitness, Witness

LARGE = 10_000_000


def pattern(size: int) -> bytes:
    return (b"".join(number.to_bytes(4, "big") for number in range(65536)) * (size // 262144 + 1))[:size]


async def begin(loop, sock, protocol):
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock)
    return transport


def test_ten_megabytes_arrive_byte_for_byte(loop, pair):
    ours, theirs = pair
    data = pattern(LARGE)
    witness = Witness()

    async def main():
        await begin(loop, ours, witness)
        await loop.sock_sendall(theirs, data)
        theirs.close()
        await witness.until("lost")

    loop.run_until_complete(main())

    assert hashlib.sha256(witness.data).digest() == hashlib.sha256(data).digest()
    assert witness.calls == ["made", "data", "eof", "lost"]


def test_more_than_an_event_may_read_arrives_without_more_from_the_peer(loop, pair):
    ours, theirs = pair
    for sock in (ours, theirs):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sent, piece = 0, pattern(65536)
    try:
        while sent < 4_000_000:
            sent += theirs.send(piece)
    except BlockingIOError:
        pass
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        await witness.until_data(sent)
        transport.close()
        await witness.until("lost")

    loop.run_until_complete(main())

    assert len(witness.data) == sent
    assert sent > 100_000


def test_a_paused_stream_gives_nothing_until_it_is_resumed(loop, pair):
    ours, theirs = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.pause_reading()
        transport.pause_reading()
        reading = [transport.is_reading()]
        theirs.send(b"waiting")
        await settle()
        before = bytes(witness.data)
        transport.resume_reading()
        transport.resume_reading()
        reading.append(transport.is_reading())
        await witness.until_data(7)
        transport.close()
        await witness.until("lost")
        return before, reading

    assert loop.run_until_complete(main()) == (b"", [False, True])
    assert witness.data == b"waiting"


def test_pausing_within_data_received_stops_at_once_though_more_is_there(loop, pair):
    ours, theirs = pair

    class PausesAtOnce(Witness):
        def data_received(self, data):
            self.transport.pause_reading()
            super().data_received(data)

    witness = PausesAtOnce()
    sent = 0
    try:
        while sent < 200_000:
            sent += theirs.send(pattern(20_000))
    except BlockingIOError:
        pass

    async def main():
        transport = await begin(loop, ours, witness)
        sizes = []
        while sum(sizes) < sent:
            await witness.until_data(sum(sizes) + 1)
            await settle()
            sizes.append(len(witness.data) - sum(sizes))
            transport.resume_reading()
        transport.close()
        await witness.until("lost")
        return sizes

    sizes = loop.run_until_complete(main())

    assert len(sizes) > 2, "everything came at once although each piece asked for a pause"
    assert len(witness.data) == sent


def test_a_pause_that_is_over_before_anything_came_changes_nothing(loop, pair):
    ours, theirs = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.pause_reading()
        transport.resume_reading()
        await settle()
        theirs.send(b"x")
        await witness.until_data(1)
        transport.close()
        await witness.until("lost")

    loop.run_until_complete(main())

    assert witness.calls == ["made", "data", "lost"]


def test_pausing_and_resuming_after_the_end_does_nothing(loop, pair):
    ours, _ = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.close()
        transport.pause_reading()
        transport.resume_reading()
        await witness.until("lost")
        transport.pause_reading()
        transport.resume_reading()
        await settle()
        return transport.is_reading()

    assert loop.run_until_complete(main()) is False
    assert witness.calls == ["made", "lost"]


def test_closing_within_data_received_ends_the_reading(loop, pair):
    ours, theirs = pair
    theirs.send(pattern(100_000))

    class ClosesAtOnce(Witness):
        def data_received(self, data):
            super().data_received(data)
            self.transport.close()

    witness = ClosesAtOnce()

    async def main():
        await begin(loop, ours, witness)
        await witness.until("lost")

    loop.run_until_complete(main())

    assert 0 < len(witness.data) <= 16384
    assert witness.calls == ["made", "data", "lost"]


def test_a_busy_connection_does_not_starve_a_quiet_one(loop, descriptors):
    busy, feeder = socket.socketpair()
    quiet, asker = socket.socketpair()
    for sock in (busy, feeder, quiet, asker):
        sock.setblocking(False)

    class Fed(Witness):
        """Has its own peer send more whenever something comes: there is always more to read."""

        def data_received(self, data):
            self.data[:] = data
            self.refill()

        def refill(self):
            try:
                while True:
                    feeder.send(bytes(65536))
            except BlockingIOError:
                pass

    fed, witness = Fed(), Witness()

    async def main():
        busy_transport = await begin(loop, busy, fed)
        quiet_transport = await begin(loop, quiet, witness)
        fed.refill()
        await asyncio.sleep(0)
        asker.send(b"may I?")
        await witness.until_data(6)
        for transport, protocol in ((busy_transport, fed), (quiet_transport, witness)):
            transport.close()
            await protocol.until("lost")

    loop.run_until_complete(main())

    assert witness.data == b"may I?"
    feeder.close()
    asker.close()


# -- protocols with a buffer of their own


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_a_buffered_protocol_gets_every_byte_in_its_own_buffer(loop, pair, size):
    ours, theirs = pair
    data = pattern(200 if size < 100 else 1_000_000)
    witness = BufferWitness(size)

    async def main():
        await begin(loop, ours, witness)
        await loop.sock_sendall(theirs, data)
        await witness.until_data(len(data))
        theirs.close()
        await witness.until("lost")

    loop.run_until_complete(main())

    assert witness.data == data
    assert max(witness.counts) <= size
    assert witness.calls == ["eof", "lost"]


def test_a_buffered_protocol_is_told_of_the_end_that_came_with_its_last_bytes(loop, pair):
    ours, theirs = pair
    theirs.send(b"abc")
    theirs.close()
    witness = BufferWitness(100)

    async def main():
        await begin(loop, ours, witness)
        await witness.until("lost")

    loop.run_until_complete(main())

    assert witness.counts == [3]
    assert witness.calls == ["eof", "lost"]


def test_a_buffer_that_is_filled_exactly_is_followed_by_the_rest(loop, pair):
    ours, theirs = pair
    theirs.send(b"abcdef")
    witness = BufferWitness(3)

    async def main():
        transport = await begin(loop, ours, witness)
        await witness.until_data(6)
        transport.close()
        await witness.until("lost")

    loop.run_until_complete(main())

    assert witness.counts == [3, 3]


def test_a_buffer_of_larger_items_is_read_to_the_end_too(loop, pair):
    import array

    ours, theirs = pair
    theirs.send(bytes(range(80)))

    class Items(BufferWitness):
        def get_buffer(self, sizehint):
            return self.items

        def buffer_updated(self, count):
            self.counts.append(count)
            self.data += memoryview(self.items).cast("B")[:count]
            self.changed.set()

    witness = Items(0)
    witness.items = array.array("i", [0] * 10)

    async def main():
        transport = await begin(loop, ours, witness)
        await witness.until_data(80)
        transport.close()
        await witness.until("lost")

    loop.run_until_complete(main())

    assert witness.data == bytes(range(80))


def test_an_empty_buffer_is_an_error_of_the_protocol(loop, pair, reported):
    ours, theirs = pair
    theirs.send(b"x")
    witness = BufferWitness(0)

    async def main():
        await begin(loop, ours, witness)
        await witness.until("lost")

    loop.run_until_complete(main())

    assert "empty buffer" in str(reported.pop()["exception"])


@pytest.mark.parametrize("where", ["get_buffer", "buffer_updated"])
def test_a_buffered_protocol_that_raises_is_reported_and_ended(loop, pair, reported, where):
    ours, theirs = pair
    theirs.send(b"x")
    witness = BufferWitness(10)

    def fail(argument):
        raise ZeroDivisionError

    setattr(witness, where, fail)

    async def main():
        await begin(loop, ours, witness)
        await witness.until("lost")

    loop.run_until_complete(main())

    assert isinstance(reported.pop()["exception"], ZeroDivisionError)
    assert witness.calls == ["lost"]


def test_a_buffered_protocol_can_pause_within_buffer_updated(loop, pair):
    ours, theirs = pair
    theirs.send(b"abcdef")
    witness = BufferWitness(3)
    update = witness.buffer_updated

    def update_and_pause(count):
        update(count)
        witness.transport.pause_reading()

    witness.buffer_updated = update_and_pause

    async def main():
        transport = await begin(loop, ours, witness)
        await witness.until_data(3)
        await settle()
        before = bytes(witness.data)
        transport.resume_reading()
        await witness.until_data(6)
        transport.close()
        await witness.until("lost")
        return before

    assert loop.run_until_complete(main()) == b"abc"


# -- changing the protocol


def test_a_protocol_set_within_data_received_gets_what_comes_next(loop, pair):
    ours, theirs = pair
    second = Witness()

    class First(Witness):
        def data_received(self, data):
            super().data_received(data)
            self.transport.set_protocol(second)

    first = First()

    async def main():
        transport = await begin(loop, ours, first)
        theirs.send(b"one")
        await first.until_data(3)
        theirs.send(b"two")
        await second.until_data(3)
        current = transport.get_protocol()
        theirs.close()
        await second.until("lost")
        return current

    assert loop.run_until_complete(main()) is second
    assert (first.data, second.data) == (b"one", b"two")
    assert first.calls == ["made", "data"]
    assert second.calls == ["data", "eof", "lost"]


@pytest.mark.parametrize("direction", ["to a buffer", "from a buffer"])
def test_a_stream_can_go_over_to_another_kind_of_protocol_amid_its_bytes(loop, pair, direction):
    ours, theirs = pair
    data = pattern(300_000)
    plain, buffered = Witness(), BufferWitness(10_000)
    first, second = (plain, buffered) if direction == "to a buffer" else (buffered, plain)
    plain_received, buffer_updated = plain.data_received, buffered.buffer_updated

    def receive(data):
        plain_received(data)
        if first is plain:
            first.transport.set_protocol(second)

    def update(count):
        buffer_updated(count)
        if first is buffered:
            first.transport.set_protocol(second)

    plain.data_received = receive
    buffered.buffer_updated = update

    async def main():
        await begin(loop, ours, first)
        await loop.sock_sendall(theirs, data)
        theirs.close()
        await second.until("lost")

    loop.run_until_complete(main())

    assert bytes(first.data + second.data) == data
    assert first.data
    assert second.data
