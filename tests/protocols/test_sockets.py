"""Protocols over real sockets, on Weft's loop and on asyncio's own."""

import asyncio
import random
import socket
import ssl

import pytest
import trustme

import weft
from weft import protocols
from weft.protocols import ProxyHeader

from .fakes import Lines


@pytest.fixture(params=[weft.new_event_loop, asyncio.SelectorEventLoop], ids=["weft", "asyncio"])
def run(request):
    """Run a coroutine on a loop, and fail on what the loop had to report."""
    reported = []

    def run(main):
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.get_loop().set_exception_handler(lambda loop, context: reported.append(context))
            return runner.run(main)

    yield run
    assert reported == []


class Echo(protocols.LineProtocol):
    delimiter = b"\n"

    def line_received(self, line):
        self.send_line(line)


class Upper(Echo):
    """Handles one line at a time, in a task of its own."""

    def line_received(self, line):
        self.pause_reading()
        self.task = asyncio.create_task(self.handle(line))

    async def handle(self, line):
        await asyncio.sleep(0)
        self.send_line(line.upper())
        self.resume_reading()


async def serve(factory, **arguments):
    """Start a server; return it and its address."""
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, **arguments)
    return server, server.sockets[0].getsockname()


def pieces_of(data, seed):
    chance = random.Random(seed)
    while data:
        size = chance.choice([1, 3, 100, 5000, 70_000])
        yield data[:size]
        data = data[size:]


@pytest.mark.parametrize("factory", [Echo, Upper])
def test_lines_come_back_once_and_in_order_however_they_were_sent(run, factory):
    lines = [b"%d " % number + b"ab" * (number * 7 % 200) for number in range(3000)]

    async def main():
        server, address = await serve(factory)
        reader, writer = await asyncio.open_connection(*address)

        async def send():
            for piece in pieces_of(b"".join(line + b"\n" for line in lines), 1):
                writer.write(piece)
                await writer.drain()
            writer.write_eof()

        sending = asyncio.create_task(send())
        answer = await reader.read(-1)
        await sending
        writer.close()
        server.close()
        return answer

    expected = lines if factory is Echo else [line.upper() for line in lines]

    assert run(main()) == b"".join(line + b"\n" for line in expected)


def test_a_peer_that_reads_no_replies_is_served_no_more_until_it_does(run):
    made = []

    class Large(Echo):
        most = 0

        def connected(self):
            made.append(self)

        def line_received(self, line):
            self.send_line(line * 1000)
            self.most = max(self.most, self.transport.get_write_buffer_size())

    count = 20_000

    async def main():
        server, address = await serve(Large)
        loop = asyncio.get_running_loop()
        with socket.create_connection(address) as client:
            client.setblocking(False)
            sending = asyncio.create_task(loop.sock_sendall(client, b"0123456789\n" * count))
            while not made or made[0].transport.is_reading():
                await asyncio.sleep(0)
            received = 0
            while received < count * 10_001:
                received += len(await loop.sock_recv(client, 200_000))
            await sending
        server.close()
        return received

    assert run(main()) == count * 10_001
    assert made[0].most <= 65536 + 2 * 10_001


def test_a_forwarder_between_a_fast_and_a_slow_peer_stays_within_its_bound(run):
    size = 30_000_000
    relays = []

    class Watched(protocols.RelayProtocol):
        most = largest = 0

        def connected(self):
            relays.append(self)

        def data_received(self, data):
            self.largest = max(self.largest, len(data))
            super().data_received(data)
            if self.peer is not None:
                self.most = max(self.most, self.peer.transport.get_write_buffer_size())

    async def main():
        loop = asyncio.get_running_loop()

        class Forward(Watched):
            def connected(self):
                super().connected()
                self.task = asyncio.create_task(self.connect())

            async def connect(self):
                _, peer = await loop.create_connection(Watched, *slow.getsockname())
                self.join(peer)

        with socket.create_server(("127.0.0.1", 0)) as slow:
            slow.setblocking(False)
            server, address = await serve(Forward)
            with socket.create_connection(address) as fast:
                fast.setblocking(False)
                sending = asyncio.create_task(loop.sock_sendall(fast, bytes(size)))
                taker, _ = await loop.sock_accept(slow)
                with taker:
                    received = 0
                    while received < size:
                        received += len(await loop.sock_recv(taker, 50_000))
                        await asyncio.sleep(0)
                await sending
            server.close()
            while any(relay.peer for relay in relays):
                await asyncio.sleep(0)
        return received

    assert run(main()) == size
    assert max(relay.most for relay in relays) <= 65536 + max(relay.largest for relay in relays)


def test_a_server_behind_a_proxy_sees_the_real_peer(run):
    class Who(Echo):
        def line_received(self, line):
            self.send_line(repr(self.transport.get_extra_info("peername")).encode())

    async def main():
        server, address = await serve(protocols.ProxyHeaders(Who))
        answers = []
        for version in 1, 2:
            header = ProxyHeader.between(("192.0.2.1", 4711), ("192.0.2.9", 80), version)
            reader, writer = await asyncio.open_connection(*address)
            writer.write(header.encode() + b"who\n")
            answers.append(await reader.readline())
            writer.close()
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        try:
            answers.append(await reader.read())
        except ConnectionResetError:
            answers.append(b"")
        writer.close()
        server.close()
        return answers

    assert run(main()) == [b"('192.0.2.1', 4711)\n", b"('192.0.2.1', 4711)\n", b""]


def test_a_protocol_pauses_over_tls_too(run):
    authority = trustme.CA()
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(ours)
    theirs = ssl.create_default_context()
    authority.configure_trust(theirs)
    lines = [b"%d" % number * 20 for number in range(2000)]

    async def main():
        server, address = await serve(Upper, ssl=ours)
        reader, writer = await asyncio.open_connection(*address, ssl=theirs, server_hostname="localhost")
        writer.write(b"".join(line + b"\n" for line in lines))
        answers = [await reader.readline() for _ in lines]
        writer.close()
        server.close()
        await writer.wait_closed()
        return answers

    assert run(main()) == [line + b"\n" for line in lines]


def test_a_client_that_drains_and_a_server_that_answers_go_on_for_ever(run):
    count = 100_000

    async def main():
        server, address = await serve(Echo)
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(Lines, *address)
        for number in range(count):
            client.send_line(b"%020d" % number)
            await client.drain()
        while len(client.lines) < count:
            await asyncio.sleep(0)
        client.close()
        while not client.lost:
            await asyncio.sleep(0)
        server.close()
        return client

    client = run(main())

    assert client.lines == [b"%020d" % number for number in range(count)]
    assert client.errors == []


def test_an_idle_connection_is_cut_on_the_loops_own_clock(run):
    async def main():
        server, address = await serve(protocols.IdleLimit(Echo, 0.05))
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"one\n")
        first = await reader.readline()
        try:
            rest = await reader.read()
        except ConnectionResetError:
            rest = b""
        writer.close()
        server.close()
        return first, rest

    assert run(main()) == (b"one\n", b"")
