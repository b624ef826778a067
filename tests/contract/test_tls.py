"""TLS while it stands: bytes both ways, flow control, what it says of itself."""

import asyncio
import hashlib
import re
import socket
import ssl
from asyncio import trsock
from pathlib import Path

import pytest

from weft.transports import tls_lifecycle as lifecycle

from .fakes import BufferWitness, Witness
from .tls_peer import VERSIONS, Peer, client_context, secured, server_context

LARGE = 10_000_000


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_echo_comes_back_whole(loop, pair, version):
    async def main():
        transport, peer = await secured(loop, pair, Echo(), server_context(version=version))

        await peer.send(b"hello")

        assert await peer.recv_exactly(5) == b"hello"
        assert peer.tls.version() == version.name.replace("_", ".")
        transport.abort()

    loop.run_until_complete(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_ten_megabytes_go_both_ways_at_once_past_slow_readers(loop, version):
    pattern = b"".join(number.to_bytes(4, "big") for number in range(65536)) * (LARGE // 262144 + 1)
    data = pattern[:LARGE]

    async def exchange(reader, writer):
        async def send():
            writer.write(data)
            await writer.drain()

        sending = asyncio.ensure_future(send())
        digest, size = hashlib.sha256(), 0
        while size < LARGE:
            piece = await reader.read(30_000)
            assert piece, f"the end came after {size} bytes"
            digest.update(piece)
            size += len(piece)
            await asyncio.sleep(0)
        await sending
        return digest.digest()

    async def main():
        served = loop.create_future()

        async def serve(reader, writer):
            served.set_result(await exchange(reader, writer))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context(version=version))
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client_context(), server_hostname="localhost"
        )

        received = await exchange(reader, writer)

        assert received == await served == hashlib.sha256(data).digest()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


def test_records_that_come_in_one_piece_are_all_delivered(loop, pair):
    async def main():
        witness = Witness()
        transport, peer = await secured(loop, pair, witness)

        for number in range(300):
            peer.tls.write(bytes([number % 256]) * number)
        await peer.send_out()

        expected = b"".join(bytes([number % 256]) * number for number in range(300))
        assert await witness.until_data(len(expected)) == expected
        transport.abort()

    loop.run_until_complete(main())


def test_a_record_that_comes_byte_by_byte_is_delivered_once_it_is_whole(loop, pair):
    async def main():
        witness = Witness()
        transport, peer = await secured(loop, pair, witness)
        peer.tls.write(b"one" * 50)
        peer.tls.write(b"two" * 50)
        stream = peer.outgoing.read()

        for start in range(len(stream)):
            await loop.sock_sendall(peer.sock, stream[start : start + 1])
            await asyncio.sleep(0)

        assert await witness.until_data(300) == b"one" * 50 + b"two" * 50
        transport.abort()

    loop.run_until_complete(main())


@pytest.mark.parametrize("size", [1, 7, 16384, 40_000])
def test_a_protocol_with_a_buffer_of_its_own_gets_every_byte(loop, pair, size):
    async def main():
        witness = BufferWitness(size)
        transport, peer = await secured(loop, pair, witness)
        data = bytes(range(256)) * 100

        await peer.send(data)
        while len(witness.data) < len(data):
            witness.changed.clear()
            await witness.changed.wait()

        assert witness.data == data
        assert max(witness.counts) <= size
        transport.abort()

    loop.run_until_complete(main())


def test_a_protocol_that_is_set_later_gets_what_comes_from_then_on(loop, pair):
    async def main():
        first, second = Witness(), Witness()
        transport, peer = await secured(loop, pair, first)
        await peer.send(b"first")
        await first.until_data(5)

        transport.set_protocol(second)
        await peer.send(b"second")

        assert await second.until_data(6) == b"second"
        assert transport.get_protocol() is second
        assert first.data == b"first"
        transport.abort()
        await second.until("lost")

    loop.run_until_complete(main())


def test_writes_of_one_callback_become_one_record(loop, pair):
    async def main():
        transport, peer = await secured(loop, pair, Witness())

        transport.write(b"a" * 100)
        transport.write(bytearray(b"b" * 100))
        transport.writelines([memoryview(b"c" * 100), b"", b"d" * 100])

        assert await peer.recv() == b"a" * 100 + b"b" * 100 + b"c" * 100 + b"d" * 100
        transport.abort()

    loop.run_until_complete(main())


def test_what_is_written_is_not_changed_by_its_owner_later(loop, pair):
    async def main():
        transport, peer = await secured(loop, pair, Witness())
        data = bytearray(b"before")

        transport.write(data)
        data[:] = b"after!"

        assert await peer.recv_exactly(6) == b"before"
        transport.abort()

    loop.run_until_complete(main())


def test_what_is_written_when_the_connection_is_made_arrives(loop, pair):
    class Greeter(Witness):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.write(b"welcome")

    async def main():
        transport, peer = await secured(loop, pair, Greeter())

        assert await peer.recv_exactly(7) == b"welcome"
        transport.abort()

    loop.run_until_complete(main())


@pytest.mark.parametrize("wrong", ["text", 5, None, [b"x"]])
def test_only_bytes_can_be_written(loop, pair, wrong):
    async def main():
        transport, _ = await secured(loop, pair, Witness())

        with pytest.raises(TypeError, match="bytes"):
            transport.write(wrong)

        transport.abort()

    loop.run_until_complete(main())


def test_nothing_is_delivered_while_reading_is_paused_and_everything_afterwards(loop, pair):
    class Pauser(Witness):
        def data_received(self, data):
            super().data_received(data)
            if self.data == b"x" * 10:
                self.transport.pause_reading()

    async def main():
        witness = Pauser()
        transport, peer = await secured(loop, pair, witness)
        for _ in range(5):
            peer.tls.write(b"x" * 10)
        await peer.send_out()
        await witness.until_data(10)
        await peer.send(b"y" * 100)
        for _ in range(20):
            await asyncio.sleep(0)
        assert witness.data == b"x" * 10
        assert not transport.is_reading()

        transport.resume_reading()

        assert transport.is_reading()
        assert await witness.until_data(150) == b"x" * 50 + b"y" * 100
        transport.abort()

    loop.run_until_complete(main())


def test_a_protocol_is_asked_to_pause_above_the_high_watermark_and_to_go_on_below_the_low_one(loop, pair):
    async def main():
        witness = Witness()
        transport, peer = await secured(loop, pair, witness)
        assert transport.get_write_buffer_limits() == (131072, 524288)

        transport.write(b"x" * LARGE)

        await witness.until("pause")
        assert transport.get_write_buffer_size() > 524288
        await peer.recv_exactly(LARGE)
        await witness.until("resume")
        assert transport.get_write_buffer_size() == 0
        assert witness.calls == ["made", "pause", "resume"]
        transport.abort()

    loop.run_until_complete(main())


@pytest.mark.parametrize("high", [0, 1, 1000, 70_000])
def test_watermarks_that_the_program_sets_are_kept_and_a_pause_always_ends(loop, pair, high):
    async def main():
        witness = Witness()
        transport, peer = await secured(loop, pair, witness)

        transport.set_write_buffer_limits(high=high)
        transport.write(b"x" * LARGE)

        assert transport.get_write_buffer_limits() == (high // 4, high)
        await witness.until("pause")
        await peer.recv_exactly(LARGE)
        await witness.until("resume")
        transport.abort()

    loop.run_until_complete(main())


def test_watermarks_the_wrong_way_round_are_refused(loop, pair):
    async def main():
        transport, _ = await secured(loop, pair, Witness())

        with pytest.raises(ValueError, match="must be >="):
            transport.set_write_buffer_limits(high=1, low=2)

        transport.abort()

    loop.run_until_complete(main())


def test_it_says_what_it_knows_of_the_connection(loop, pair):
    async def main():
        server = server_context(asks_for=ssl.CERT_REQUIRED)
        transport, peer = await secured(loop, pair, Witness(), server, client_context(has_certificate=True))

        assert isinstance(transport, asyncio.Transport)
        assert transport.get_extra_info("sslcontext") is server
        assert transport.get_extra_info("ssl_object").version() == peer.tls.version()
        assert transport.get_extra_info("cipher") == peer.tls.cipher()
        assert transport.get_extra_info("compression") is None
        assert ("email", "client@example.org") in transport.get_extra_info("peercert")["subjectAltName"]
        assert isinstance(transport.get_extra_info("socket"), trsock.TransportSocket)
        assert transport.get_extra_info("socket").fileno() == pair[0].fileno()
        assert transport.get_extra_info("sockname") == pair[0].getsockname()
        assert transport.get_extra_info("no such thing", "default") == "default"
        transport.abort()

    loop.run_until_complete(main())


def test_a_tls_stream_cannot_be_half_closed(loop, pair):
    async def main():
        transport, _ = await secured(loop, pair, Witness())

        assert not transport.can_write_eof()
        with pytest.raises(NotImplementedError):
            transport.write_eof()

        transport.abort()

    loop.run_until_complete(main())


def test_session_tickets_are_harmless_and_resume_a_session(loop, make_pair):
    async def main():
        server, client = server_context(), client_context()
        first, peer = await secured(loop, make_pair(), Echo(), server, client)
        await peer.send(b"x")
        await peer.recv_exactly(1)
        session = peer.tls.session
        first.abort()
        ours, theirs = make_pair()
        again = Peer(loop, theirs, client, session=session)

        begun = loop.connect_accepted_socket(Echo, ours, ssl=server)
        (second, _), _ = await asyncio.gather(begun, again.handshake())
        await again.send(b"y")

        assert await again.recv_exactly(1) == b"y"
        assert again.tls.session_reused
        second.abort()

    loop.run_until_complete(main())


def test_the_compiled_build_s_numbers_are_the_same():
    text = Path(lifecycle.__file__).with_suffix(".pxd").read_text()
    numbers = {name: value for name, value in vars(lifecycle).items() if name.isupper() and isinstance(value, int)}

    found = {name: int(value) for name, value in re.findall(r"^\s+(\w+) = (\d+)$", text, re.MULTILINE)}

    assert found == numbers, "tls_lifecycle.pxd and tls_lifecycle.py differ: change both in one commit"


def test_every_state_is_reached_and_can_be_lost_from():
    reached = {lifecycle.WAITING}
    for _ in lifecycle.STATES:
        reached |= {after for (before, _), after in lifecycle.TRANSITIONS.items() if before in reached}

    assert reached == set(lifecycle.STATES)
    for state in reached - {lifecycle.CLOSED}:
        assert lifecycle.TRANSITIONS[state, lifecycle.LOST] == lifecycle.CLOSED


@pytest.fixture
def make_pair():
    made = []

    def make():
        pair = socket.socketpair()
        for sock in pair:
            sock.setblocking(False)
        made.extend(pair)
        return pair

    yield make
    for sock in made:
        sock.close()
