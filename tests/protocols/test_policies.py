"""Policies around protocols: time-outs, limits, rates, logs. Time is virtual."""

import asyncio
import logging

import pytest

from weft import protocols

from .fakes import Lines, MemoryTransport, run_virtually, turns


def connected(factory, **names):
    transport = MemoryTransport(**names)
    transport.connect(factory())
    return transport


# -- time-outs


class Timed(protocols.TimeoutMixin, Lines):
    """Notes when it timed out."""

    def __init__(self):
        super().__init__()
        self.moments = []

    def line_received(self, line):
        super().line_received(line)
        self.reset_timeout()

    def timed_out(self):
        self.moments.append(asyncio.get_running_loop().time())


def test_a_time_out_comes_once_when_nothing_reset_it():
    async def main():
        protocol = Timed()
        MemoryTransport().connect(protocol)
        assert protocol.set_timeout(10) is None

        await asyncio.sleep(100)

        assert protocol.moments == [10.0]
        assert protocol.set_timeout(5) is None

    run_virtually(main())


def test_a_reset_begins_to_count_anew():
    async def main():
        protocol, transport = Timed(), MemoryTransport()
        transport.connect(protocol)
        protocol.set_timeout(10)

        for _ in range(6):
            await asyncio.sleep(4)
            transport.give(b"alive\n")
        await asyncio.sleep(100)

        assert protocol.moments == [34.0]

    run_virtually(main())


def test_a_time_out_can_be_changed_and_ended():
    async def main():
        protocol = Timed()
        MemoryTransport().connect(protocol)
        protocol.set_timeout(10)
        await asyncio.sleep(9)

        assert protocol.set_timeout(3) == 10
        await asyncio.sleep(2)
        assert protocol.set_timeout(None) == 3
        protocol.reset_timeout()
        await asyncio.sleep(100)

        assert protocol.moments == []

    run_virtually(main())


def test_a_time_out_ends_with_its_connection():
    async def main():
        protocol, transport = Timed(), MemoryTransport()
        transport.connect(protocol)
        protocol.set_timeout(10)

        transport.lose(None)
        await asyncio.sleep(100)

        assert (protocol.moments, protocol.lost) == ([], [None])

    run_virtually(main())


def test_by_default_a_time_out_cuts_the_connection():
    async def main():
        class Plain(protocols.TimeoutMixin, Lines):
            pass

        protocol, transport = Plain(), MemoryTransport()
        transport.connect(protocol)
        protocol.set_timeout(1)

        await asyncio.sleep(2)

        assert transport.was_aborted

    run_virtually(main())


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_time_that_cannot_be_waited_for_is_refused(seconds):
    async def main():
        protocol = Timed()
        MemoryTransport().connect(protocol)

        with pytest.raises(ValueError, match="more than 0 seconds"):
            protocol.set_timeout(seconds)
        with pytest.raises(ValueError, match="more than 0 seconds"):
            protocols.IdleLimit(Lines, seconds)

    run_virtually(main())


def test_an_idle_connection_is_cut_and_one_that_reads_or_writes_is_not():
    async def main():
        limit = protocols.IdleLimit(Lines, 10)
        idle, reading, writing = (connected(limit) for _ in range(3))
        writer = writing.get_protocol().inner

        for _ in range(10):
            await asyncio.sleep(6)
            reading.give(b"x\n")
            writer.send_line(b"y")
        assert [each.was_aborted for each in (idle, reading, writing)] == [True, False, False]
        await asyncio.sleep(11)

        assert [each.was_aborted for each in (idle, reading, writing)] == [True, True, True]

    run_virtually(main())


# -- limits of connections


def test_connections_beyond_the_total_are_refused_and_no_protocol_is_made_for_them():
    async def main():
        made = []

        def make():
            made.append(Lines())
            return made[-1]

        limit = protocols.ConnectionLimit(make, total=2, refusal=b"busy\n")
        first, second, third = (connected(limit, peername=("192.0.2.1", port)) for port in range(3))

        assert (third.take(), third.was_closed) == (b"busy\n", True)
        assert (len(made), first.was_closed, second.was_closed) == (2, False, False)
        await turns()
        first.lose(None)
        fourth = connected(limit)
        assert not fourth.was_closed
        assert limit.count == 2

    run_virtually(main())


def test_connections_of_one_peer_are_limited_by_its_host():
    async def main():
        limit = protocols.ConnectionLimit(Lines, each=2)

        mine = [connected(limit, peername=("192.0.2.1", port)) for port in range(3)]
        other = connected(limit, peername=("192.0.2.2", 1))
        assert [each.was_closed for each in mine] == [False, False, True]
        assert not other.was_closed
        await turns()
        for each in (*mine[:2], other):
            each.lose(None)

        assert (limit.count, limit.counts) == (0, {})

    run_virtually(main())


def test_a_key_says_whom_a_connection_counts_for():
    async def main():
        limit = protocols.ConnectionLimit(Lines, each=1, key=lambda peer: peer[0].rpartition(".")[0])

        first = connected(limit, peername=("192.0.2.1", 1))
        neighbour = connected(limit, peername=("192.0.2.9", 1))

        assert (first.was_closed, neighbour.was_closed) == (False, True)

    run_virtually(main())


@pytest.mark.parametrize("arguments", [{}, {"total": 0}, {"each": -1}])
def test_a_limit_needs_a_number(arguments):
    with pytest.raises(ValueError, match="connection"):
        protocols.ConnectionLimit(Lines, **arguments)


# -- rates


def test_what_comes_in_is_kept_to_the_rate():
    async def main():
        loop = asyncio.get_running_loop()
        transport = connected(protocols.Throttle(Lines, incoming=1000))
        line = b"x" * 99 + b"\n"
        given = 0

        while loop.time() < 100:
            while transport.is_reading():
                transport.give(line)
                given += len(line)
            await asyncio.sleep(0.01)

        assert 99_000 <= given <= 100_300

    run_virtually(main())


def test_what_goes_out_is_kept_to_the_rate_and_the_protocol_to_the_watermark():
    async def main():
        loop = asyncio.get_running_loop()
        transport = connected(protocols.Throttle(Lines, outgoing=10_000))
        wrapping = transport.get_protocol()
        protocol = wrapping.inner
        most = 0

        async def send():
            nonlocal most
            for _ in range(300):
                protocol.send_line(b"x" * 999)
                most = max(most, wrapping.get_write_buffer_size())
                await protocol.drain()
            protocol.close()

        sending = asyncio.create_task(send())
        progress = []
        while not protocol.lost:
            await asyncio.sleep(1)
            progress.append(len(transport.take()))
        await sending

        assert sum(progress) == 300_000
        assert max(progress) <= 11_000
        assert 29 <= loop.time() <= 32
        assert most <= 65536 + 1000 + max(progress)

    run_virtually(main())


def test_a_rate_is_shared_by_all_connections_or_holds_for_each():
    async def main():
        for each, expected in (False, 1000), (True, 3000):
            throttle = protocols.Throttle(Lines, outgoing=100, each=each)
            transports = [connected(throttle) for _ in range(3)]
            for transport in transports:
                transport.get_protocol().inner.write(bytes(5000))

            await asyncio.sleep(10)

            assert expected * 0.95 <= sum(transport.unsent_bytes for transport in transports) <= expected * 1.05

    run_virtually(main())


def test_what_comes_in_is_shared_too():
    async def main():
        loop = asyncio.get_running_loop()
        throttle = protocols.Throttle(Lines, incoming=1000)
        transports = [connected(throttle) for _ in range(3)]
        given = 0

        while loop.time() < 100:
            for transport in transports:
                if transport.is_reading():
                    transport.give(bytes(100) + b"\n")
                    given += 101
            await asyncio.sleep(0.01)

        assert 99_000 <= given <= 100_900

    run_virtually(main())


def test_a_throttled_protocol_that_pauses_itself_stays_paused():
    async def main():
        transport = connected(protocols.Throttle(Lines, incoming=100))
        protocol = transport.get_protocol().inner
        transport.give(bytes(500) + b"\n")
        assert transport.is_paused

        protocol.pause_reading()
        await asyncio.sleep(100)
        assert transport.is_paused
        protocol.resume_reading()
        await turns()

        assert not transport.is_paused

    run_virtually(main())


def test_closing_a_throttled_connection_sends_what_waits_first_and_aborting_does_not():
    async def main():
        throttle = protocols.Throttle(Lines, outgoing=1000, each=True)
        closed, aborted, halved = (connected(throttle) for _ in range(3))
        for transport in (closed, aborted, halved):
            transport.get_protocol().inner.write(bytes(3000))
        wrapping = closed.get_protocol()
        wrapping.close()
        wrapping.write(b"too late")
        aborted.get_protocol().abort()
        halved.get_protocol().write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            halved.get_protocol().write(b"too late")
        assert wrapping.is_closing()
        assert not closed.was_closed

        await asyncio.sleep(4)

        assert (len(closed.take()), closed.was_closed) == (3000, True)
        assert (aborted.take(), aborted.was_aborted) == (b"", True)
        assert (len(halved.take()), halved.has_written_eof, halved.was_closed) == (3000, True, False)

    run_virtually(main())


def test_a_throttled_connection_heeds_the_transport_below():
    async def main():
        transport = connected(protocols.Throttle(Lines, outgoing=10**9))
        wrapping = transport.get_protocol()
        protocol = wrapping.inner

        for _ in range(200):
            protocol.write(bytes(1000))
        draining = asyncio.create_task(protocol.drain())
        await asyncio.sleep(1)
        assert not draining.done()
        assert transport.most_unsent_bytes < 65536 + 200_000
        while not draining.done():
            transport.take(5000)
            await asyncio.sleep(0.001)
        read = 0
        while wrapping.get_write_buffer_size():
            read += len(transport.take())
            await asyncio.sleep(0.001)

        await draining

    run_virtually(main())


@pytest.mark.parametrize("arguments", [{}, {"incoming": 0}, {"outgoing": -5}])
def test_a_throttle_needs_a_rate(arguments):
    with pytest.raises(ValueError, match="rate"):
        protocols.Throttle(Lines, **arguments)


# -- logs


def test_traffic_is_logged_with_the_connections_number(caplog):
    async def main():
        log = protocols.TrafficLog(Lines, shown_bytes=8)
        first, second = (connected(log, peername=("192.0.2.1", port)) for port in (1, 2))

        first.give(b"hello\n")
        second.get_protocol().inner.send_line(b"a longer line")
        second.get_protocol().write_eof()
        first.end()
        await turns()
        second.lose(OSError("broken"))

    with caplog.at_level(logging.DEBUG, "weft.traffic"):
        run_virtually(main())

    assert [record.getMessage() for record in caplog.records] == [
        "1 connected ('192.0.2.1', 1)",
        "2 connected ('192.0.2.1', 2)",
        r"1 <- b'hello\n'",
        "2 -> b'a longer'... (14 bytes)",
        "2 -> end",
        "1 <- end",
        "1 closed in good order",
        "2 closed OSError('broken')",
    ]


# -- wrapping


def test_wrappings_can_be_wrapped_again():
    async def main():
        factory = protocols.IdleLimit(protocols.ConnectionLimit(protocols.TrafficLog(Lines), total=1), 10)
        transport = connected(factory, peername=("192.0.2.1", 1))
        protocol = transport.get_protocol().inner.inner.inner

        transport.give(b"one\n")
        protocol.send_line(b"two")

        assert (protocol.lines, transport.take()) == ([b"one"], b"two\n")
        assert protocol.transport.get_extra_info("peername") == ("192.0.2.1", 1)

    run_virtually(main())


def test_a_wrapping_hands_everything_on():
    async def main():
        class Wrapped(protocols.WrappingFactory):
            pass

        transport = connected(Wrapped(Lines), peername="x")
        wrapping = transport.get_protocol()
        protocol = wrapping.inner

        wrapping.pause_reading()
        assert (transport.is_paused, wrapping.is_reading()) == (True, False)
        wrapping.resume_reading()
        wrapping.set_write_buffer_limits(10, 5)
        assert wrapping.get_write_buffer_limits() == (5, 10)
        wrapping.writelines([b"0123456", bytearray(b"789a")])
        draining = asyncio.create_task(protocol.drain())
        await turns()
        assert (draining.done(), wrapping.get_write_buffer_size()) == (False, 11)
        assert transport.take() == b"0123456789a"
        await draining
        assert wrapping.can_write_eof()
        wrapping.write_eof()
        assert transport.has_written_eof

        other = Lines()
        other.connection_made(wrapping)
        wrapping.set_protocol(other)
        transport.give(b"to the other\n")
        assert (protocol.lines, other.lines) == ([], [b"to the other"])
        assert wrapping.get_protocol() is other
        wrapping.close()
        assert wrapping.is_closing()
        await turns()
        assert other.lost == [None]

    run_virtually(main())


def test_a_wrapped_protocol_may_have_its_own_buffer():
    async def main():
        class Buffered(asyncio.BufferedProtocol):
            def __init__(self):
                self.buffer, self.data = bytearray(3), b""

            def get_buffer(self, sizehint):
                return self.buffer

            def buffer_updated(self, count):
                self.data += self.buffer[:count]

        transport = connected(protocols.WrappingFactory(Buffered))

        transport.give(b"01234567")

        assert transport.get_protocol().inner.data == b"01234567"

    run_virtually(main())
