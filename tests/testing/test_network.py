import asyncio

import pytest

import weft
from weft.errors import EndpointError
from weft.testing import Link, MemoryClient, MemoryServer, Network

from .witness import Echo, Witness


def test_a_client_reaches_a_server_by_its_name(loop):
    async def main():
        network = Network(loop)
        server = await network.listen("echo", Echo)
        transport, client = await network.connect("echo", Witness)
        transport.write(b"hello")
        await loop.idle()
        transport.close()
        server.close()
        await server.wait_closed()
        return client.calls, transport.get_extra_info("peername")

    assert loop.run_until_complete(main()) == (["made", b"hello", "lost"], "echo")


def test_streams_work_by_name(loop):
    async def upper(reader, writer):
        writer.write((await reader.readline()).upper())
        writer.close()
        await writer.wait_closed()

    async def main():
        network = Network(loop)
        async with await network.start_server(upper, "upper"):
            reader, writer = await network.open_connection("upper")
            writer.write(b"hello\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
        return answer

    assert loop.run_until_complete(main()) == b"HELLO\n"


def test_where_nobody_listens_the_connection_is_refused_and_who_listens_is_named(loop):
    async def main():
        network = Network(loop)
        server = await network.listen("here", Echo)
        with pytest.raises(ConnectionRefusedError, match=r"nobody listens at 'there'.*'here'"):
            await network.connect("there", Witness)
        server.close()
        with pytest.raises(ConnectionRefusedError, match="listen: none"):
            await network.connect("here", Witness)

    loop.run_until_complete(main())


def test_a_name_is_taken_until_its_server_closes(loop):
    async def main():
        network = Network(loop)
        first = await network.listen("name", Echo)
        with pytest.raises(OSError, match="already"):
            await network.listen("name", Echo)
        first.close()
        first.close()
        second = await network.listen("name", Echo)
        first.close()  # frees nobody else's name
        transport, _ = await network.connect("name", Witness)
        transport.close()
        second.close()

    loop.run_until_complete(main())


def test_connecting_takes_a_round_trip(loop):
    async def main():
        network = Network(loop, Link(latency_s=0.5))
        server = await network.listen("far", Echo)
        transport, client = await network.connect("far", Witness)
        connected = loop.time()
        transport.write(b"x")
        while not client.data:
            await asyncio.sleep(0.125)
        answered = loop.time()
        transport.close()
        server.close()
        await server.wait_closed()
        return connected, answered

    connected, answered = loop.run_until_complete(main())

    assert connected == 1.0
    assert 2.0 <= answered <= 2.125


def test_too_many_waiting_connections_are_refused(loop):
    async def main():
        network = Network(loop)
        server = await network.listen("busy", Echo)
        connecting = [asyncio.create_task(network.connect("busy", Witness)) for _ in range(150)]
        results = await asyncio.gather(*connecting, return_exceptions=True)
        refused = [result for result in results if isinstance(result, ConnectionRefusedError)]
        for result in results:
            if not isinstance(result, ConnectionRefusedError):
                result[0].close()
        server.close()
        return len(refused)

    assert loop.run_until_complete(main()) == 50


def test_a_server_that_closes_turns_away_who_waits(loop):
    async def main():
        network = Network(loop)
        server = await network.listen("closing", Echo)

        def make_client():  # called when the connection waits to be accepted
            server.close()
            return Witness()

        transport, client = await network.connect("closing", make_client)
        await loop.idle()
        return client.calls, transport.is_closing()

    assert loop.run_until_complete(main()) == (["made", "eof", "lost"], True)


def test_a_client_s_factory_that_fails_leaves_nothing(loop):
    async def main():
        network = Network(loop)
        server = await network.listen("echo", Echo)

        def fail():
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await network.connect("echo", fail)
        await loop.idle()
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


def test_a_server_in_memory_is_an_asyncio_server(loop):
    async def main():
        server = await Network(loop).listen("name", Echo)
        serving = asyncio.create_task(server.serve_forever())
        await loop.idle()
        was_serving = server.is_serving()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        return isinstance(server, asyncio.AbstractServer), was_serving, server.is_serving(), server.sockets

    assert loop.run_until_complete(main()) == (True, True, False, ())


def test_a_thousand_clients_at_once(loop):
    async def main():
        network = Network(loop, Link(fragments=2, latency_s=0.01))

        async def serve(reader, writer):
            writer.write(await reader.readexactly(6))
            writer.close()
            await writer.wait_closed()

        async def ask(number):
            await asyncio.sleep(number // 50)
            reader, writer = await network.open_connection("server")
            writer.write(b"%06d" % number)
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return int(answer)

        async with await network.start_server(serve, "server"):
            return await asyncio.gather(*map(ask, range(1000)))

    assert loop.run_until_complete(main()) == list(range(1000))


def test_memory_endpoints_go_where_endpoints_go(loop):
    async def main():
        async with await weft.listen(MemoryServer("echo"), Echo) as port:
            transport, client = await weft.connect(MemoryClient("echo"), Witness)
            transport.write(b"x")
            await loop.idle()
            transport.close()
            addresses = port.addresses
        with pytest.raises(ConnectionRefusedError, match="'echo'"):
            await weft.connect(MemoryClient("echo"), Witness)
        return client.data, addresses

    assert loop.run_until_complete(main()) == (b"x", ("echo",))


def test_memory_endpoints_share_the_loop_s_network(loop):
    async def main():
        loop.network.link = Link(latency_s=1)
        async with await loop.network.listen("echo", Echo):
            reader, writer = await weft.open_stream(MemoryClient("echo"))
            writer.write(b"x")
            answer = await reader.readexactly(1), loop.time()
            writer.close()
            await writer.wait_closed()
        return answer

    assert loop.run_until_complete(main()) == (b"x", 4.0)


def test_a_memory_endpoint_needs_a_name_and_a_loop_that_knows_memory():
    with pytest.raises(EndpointError, match="name is empty"):
        MemoryServer("")
    with pytest.raises(EndpointError, match="name is empty"):
        MemoryClient("")
    with pytest.raises(TypeError, match="knows no channels in memory"):
        weft.run(MemoryServer("echo").listen(Echo))
