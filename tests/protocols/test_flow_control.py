"""Flow control: what waits is bounded, whoever is slow, and nobody waits for ever."""

import asyncio

import pytest

from weft import protocols
from weft.errors import BacklogFullError, InvalidStateError

from .fakes import Lines, MemoryTransport, run_virtually, turns

HIGH = 65536


class Replying(Lines):
    """Answers each line with a thousand bytes and the line."""

    def line_received(self, line):
        super().line_received(line)
        self.send_line(b"x" * 1000 + line)


# -- replies


def test_replies_are_bounded_although_the_peer_reads_none_of_them():
    async def main():
        protocol, transport = Replying(), MemoryTransport()
        transport.connect(protocol)
        requests = b"".join(b"%d\n" % number for number in range(10_000))
        given = 0

        read = []
        while len(protocol.lines) < 10_000 or transport.unsent:
            while transport.is_reading() and given < len(requests):
                transport.give(requests[given : given + 5000])
                given += 5000
            read.append(transport.take(3000))
            await turns(1)

        assert transport.most_unsent_bytes <= HIGH + 1010
        assert b"".join(read) == b"".join(b"x" * 1000 + b"%d\n" % number for number in range(10_000))

    run_virtually(main())


def test_no_more_than_one_message_that_makes_us_write_passes_while_writing_is_paused():
    async def main():
        protocol, transport = Replying(), MemoryTransport()
        transport.connect(protocol)
        protocol.write(bytes(HIGH + 1))

        transport.give(b"1\n2\n3\n")

        assert (protocol.lines, transport.is_paused) == ([b"1"], True)
        transport.take()
        await turns()
        assert (protocol.lines, transport.is_paused) == ([b"1", b"2", b"3"], False)

    run_virtually(main())


def test_messages_that_make_us_write_nothing_pass_while_writing_is_paused():
    async def main():
        protocol, transport = Lines(), MemoryTransport()
        transport.connect(protocol)
        protocol.write(bytes(HIGH + 1))

        transport.give(b"1\n2\n3\n")

        assert (protocol.lines, transport.is_paused) == ([b"1", b"2", b"3"], False)

    run_virtually(main())


def test_an_author_who_bounds_what_is_under_way_gets_every_message():
    async def main():
        class Bounded(Replying):
            holds_for_output = False

        protocol, transport = Bounded(), MemoryTransport()
        transport.connect(protocol)

        transport.give(b"1\n" * 1000)

        assert len(protocol.lines) == 1000
        assert not transport.is_paused

    run_virtually(main())


def test_a_client_that_sends_without_end_and_a_server_that_answers_do_not_wait_for_each_other():
    async def main():
        client, server = Lines(), Replying()
        ours, theirs = MemoryTransport(), MemoryTransport()
        ours.connect(client)
        theirs.connect(server)

        async def send():
            for number in range(3000):
                client.send_line(b"%0100d" % number)
                await client.drain()

        async def carry():
            while True:
                for source, target in ((ours, theirs), (theirs, ours)):
                    if target.is_reading():
                        target.give(source.take(4096))
                await asyncio.sleep(0.001)

        carrying = asyncio.create_task(carry())
        await asyncio.wait_for(send(), 3600)
        while len(client.lines) < 3000:
            await asyncio.sleep(1)
        carrying.cancel()

        assert ours.most_unsent_bytes <= HIGH + 101
        assert theirs.most_unsent_bytes <= HIGH + 1102

    run_virtually(main())


# -- drain


def test_drain_returns_at_once_while_little_waits():
    async def main():
        protocol = Lines()
        MemoryTransport().connect(protocol)
        protocol.write(bytes(HIGH))

        coroutine = protocol.drain()

        with pytest.raises(StopIteration):
            coroutine.send(None)

    run_virtually(main())


def test_every_coroutine_that_drains_waits_until_the_peer_has_read():
    async def main():
        protocol, transport = Lines(), MemoryTransport()
        transport.connect(protocol)
        protocol.write(bytes(HIGH + 1))
        waiting = [asyncio.create_task(protocol.drain()) for _ in range(3)]
        await turns()
        waiting[0].cancel()
        transport.take(1000)
        await turns()
        assert [task.done() for task in waiting] == [True, False, False]

        transport.take()
        await turns()

        assert [task.done() for task in waiting] == [True, True, True]

    run_virtually(main())


def test_drain_raises_when_the_connection_ends_first_and_after_it_has_ended():
    async def main():
        protocol, transport = Lines(), MemoryTransport()
        transport.connect(protocol)
        protocol.write(bytes(HIGH + 1))
        waiting = asyncio.create_task(protocol.drain())
        await turns()

        cause = TimeoutError("the peer is silent")
        transport.lose(cause)

        with pytest.raises(ConnectionResetError, match="before its peer took") as raised:
            await waiting
        assert raised.value.__cause__ is cause
        with pytest.raises(ConnectionResetError, match="reaches nobody"):
            await protocol.drain()

    run_virtually(main())


def test_a_coroutine_that_drains_keeps_what_waits_at_the_watermark():
    async def main():
        protocol, transport = Lines(), MemoryTransport()
        transport.connect(protocol)
        line = b"x" * 500

        async def send():
            for _ in range(20_000):
                protocol.send_line(line)
                await protocol.drain()
            protocol.close()

        sending = asyncio.create_task(send())
        read = 0
        while not protocol.lost:
            read += len(transport.take(7000))
            await turns(1)
        await sending

        assert read == 20_000 * 501
        assert transport.most_unsent_bytes <= HIGH + 501

    run_virtually(main())


# -- producers


class Counter:
    """Makes numbered pieces; both kinds of producer."""

    def __init__(self, consumer, pieces=10**9):
        self.consumer, self.pieces = consumer, pieces
        self.calls = []
        self.made = 0

    def pause_producing(self):
        self.calls.append("pause")

    def resume_producing(self):
        self.calls.append("resume")
        if self.made == self.pieces:
            self.consumer.unregister_producer()
            return
        self.made += 1
        self.consumer.write(bytes(10_000))

    def stop_producing(self):
        self.calls.append("stop")


def test_a_push_producer_is_paused_and_resumed_at_the_watermarks():
    async def main():
        protocol, transport = Lines(), MemoryTransport()
        transport.connect(protocol)
        producer = Counter(protocol)
        protocol.register_producer(producer)
        assert producer.calls == []

        protocol.write(bytes(HIGH + 1))
        assert producer.calls == ["pause"]
        transport.take(1000)
        assert producer.calls == ["pause"]
        transport.take()
        assert producer.calls == ["pause", "resume"]
        transport.lose(None)
        assert producer.calls == ["pause", "resume", "stop"]

    run_virtually(main())


def test_a_push_producer_that_comes_while_too_much_waits_is_paused_at_once():
    async def main():
        protocol = Lines()
        MemoryTransport().connect(protocol)
        protocol.write(bytes(HIGH + 1))
        producer = Counter(protocol)

        protocol.register_producer(producer, True)

        assert producer.calls == ["pause"]

    run_virtually(main())


def test_a_producer_that_comes_after_the_end_is_stopped_at_once():
    async def main():
        for is_streaming in True, False:
            protocol, transport = Lines(), MemoryTransport()
            transport.connect(protocol)
            transport.lose(None)
            producer = Counter(protocol)

            protocol.register_producer(producer, is_streaming)

            assert producer.calls == ["stop"]

    run_virtually(main())


def test_a_connection_has_one_producer_at_a_time():
    async def main():
        protocol = Lines()
        MemoryTransport().connect(protocol)
        protocol.register_producer(Counter(protocol))

        with pytest.raises(InvalidStateError, match="Call unregister_producer"):
            protocol.register_producer(Counter(protocol))
        protocol.unregister_producer()
        protocol.register_producer(Counter(protocol))

    run_virtually(main())


def test_a_pull_producer_is_asked_for_as_much_as_the_peer_reads():
    async def main():
        protocol, transport = Lines(), MemoryTransport()
        transport.connect(protocol)
        producer = Counter(protocol, pieces=1000)
        protocol.register_producer(producer, False)
        protocol.close()  # ends after the producer has made everything

        read = 0
        while not protocol.lost:
            await turns(1)
            read += len(transport.take(1234))

        assert read == 1000 * 10_000
        assert transport.most_unsent_bytes <= HIGH + 10_000
        assert producer.calls == ["resume"] * 1001

    run_virtually(main())


def test_a_pull_producer_is_stopped_when_the_connection_is_lost_and_not_asked_again():
    async def main():
        protocol, transport = Lines(), MemoryTransport()
        transport.connect(protocol)
        producer = Counter(protocol)
        protocol.register_producer(producer, False)
        await turns(2)

        transport.lose(None)
        asked = producer.calls.count("resume")
        await turns()

        assert producer.calls[-1] == "stop"
        assert producer.calls.count("resume") == asked > 0

    run_virtually(main())


def test_a_pull_producer_that_raises_ends_the_connection_and_is_reported():
    async def main():
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
        protocol, transport = Lines(), MemoryTransport()
        transport.connect(protocol)
        producer = Counter(None)

        protocol.register_producer(producer, False)
        await turns()

        assert [type(context["exception"]) for context in reported] == [AttributeError]
        assert transport.was_aborted
        assert producer.calls == ["resume"]

    run_virtually(main())


# -- relays


def joined():
    left, right = protocols.RelayProtocol(), protocols.RelayProtocol()
    ours, theirs = MemoryTransport(), MemoryTransport()
    ours.connect(left)
    theirs.connect(right)
    left.join(right)
    return left, right, ours, theirs


def test_a_relay_reads_nothing_until_it_has_its_other_side():
    async def main():
        left, right = protocols.RelayProtocol(), protocols.RelayProtocol()
        ours, theirs = MemoryTransport(), MemoryTransport()
        ours.connect(left)
        assert ours.is_paused
        theirs.connect(right)

        left.join(right)

        assert not ours.is_paused
        assert not theirs.is_paused
        ours.give(b"there")
        theirs.give(b"back")
        assert (theirs.take(), ours.take()) == (b"there", b"back")

    run_virtually(main())


def test_what_came_before_a_relay_had_its_other_side_is_passed_on_with_the_end():
    async def main():
        left, right = protocols.RelayProtocol(), protocols.RelayProtocol()
        ours, theirs = MemoryTransport(), MemoryTransport()
        ours.connect(left)
        ours.is_paused = False  # as on uvloop, which forgets a pause that is made in connection_made
        ours.give(b"early ")
        assert ours.is_paused
        ours.give(b"birds")
        ours.end()
        theirs.connect(right)

        left.join(right)

        assert (theirs.take(), theirs.has_written_eof, ours.was_closed) == (b"early birds", True, False)
        theirs.give(b"answer")
        assert ours.take() == b"answer"

    run_virtually(main())


def test_a_relay_whose_transport_does_not_heed_the_pause_keeps_no_more_than_a_bound():
    async def main():
        ours = MemoryTransport()
        ours.connect(protocols.RelayProtocol())
        ours.give(bytes(protocols.MAX_BACKLOG_BYTES))

        with pytest.raises(BacklogFullError, match="does not heed"):
            ours.give(b"more")

    run_virtually(main())


@pytest.mark.parametrize("direction", [0, 1])
def test_a_relay_between_a_fast_and_a_slow_peer_stays_within_its_bound_for_hours(direction):
    async def main():
        loop = asyncio.get_running_loop()
        *_, one, other = joined()
        fast, slow = (one, other) if direction else (other, one)
        chunk = bytes(range(256)) * 256
        given = read = 0

        while loop.time() < 3 * 3600:  # a peer that takes 400 KB a second
            while fast.is_reading():
                fast.give(chunk)
                given += len(chunk)
            read += len(slow.take(40_000))
            await asyncio.sleep(0.1)
        read += len(slow.take())

        assert given == read > 4_000_000_000
        assert slow.most_unsent_bytes <= HIGH + len(chunk)

    run_virtually(main())


def test_a_relay_passes_the_end_of_one_direction_on_and_keeps_the_other_open():
    async def main():
        *_, ours, theirs = joined()

        ours.give(b"question")
        ours.end()

        assert (theirs.take(), theirs.has_written_eof, ours.was_closed) == (b"question", True, False)
        theirs.give(b"answer")
        theirs.end()
        assert ours.take() == b"answer"
        await turns()
        assert ours.is_over
        assert theirs.is_over

    run_virtually(main())


def test_a_relay_whose_transports_cannot_be_half_closed_ends_both():
    async def main():
        *_, ours, theirs = joined()
        theirs.can_write_eof = lambda: False
        ours.give(b"last")

        ours.end()

        assert (ours.was_closed, theirs.was_closed) == (True, True)
        assert theirs.take() == b"last"

    run_virtually(main())


def test_the_loss_of_one_side_closes_the_other_after_what_it_was_given():
    async def main():
        left, right, ours, theirs = joined()
        ours.give(b"last")

        ours.lose(ConnectionResetError())

        assert (theirs.was_closed, theirs.is_over, left.peer, right.peer) == (True, False, None, None)
        assert theirs.take() == b"last"
        assert theirs.is_over

    run_virtually(main())


def test_joining_a_side_that_is_over_closes_the_other():
    async def main():
        left, right = protocols.RelayProtocol(), protocols.RelayProtocol()
        ours, theirs = MemoryTransport(), MemoryTransport()
        ours.connect(left)
        theirs.connect(right)
        ours.lose(None)

        left.join(right)

        assert theirs.was_closed

    run_virtually(main())


def test_a_relay_has_two_sides():
    async def main():
        left, *_ = joined()
        third = protocols.RelayProtocol()
        MemoryTransport().connect(third)

        with pytest.raises(InvalidStateError, match="two sides"):
            third.join(left)

    run_virtually(main())


def test_a_side_joined_while_too_much_waits_on_it_holds_its_peer_at_once():
    async def main():
        left, right = protocols.RelayProtocol(), protocols.RelayProtocol()
        ours, theirs = MemoryTransport(), MemoryTransport()
        ours.connect(left)
        theirs.connect(right)
        right.write(bytes(HIGH + 1))

        left.join(right)

        assert ours.is_paused
        theirs.take()
        assert not ours.is_paused

    run_virtually(main())
