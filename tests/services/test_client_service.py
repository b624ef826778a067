import asyncio
import random

import pytest

from weft import ClientService, Service
from weft.endpoints import ClientEndpoint
from weft.errors import ServiceBrokenError, ServiceStartError, ServiceStateError
from weft.services import Backoff
from weft.testing import Network


class Chatter(asyncio.Protocol):
    def __init__(self):
        self.lost = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        self.lost.set()


class InMemory(ClientEndpoint):
    """Connects within the network of one test; the first so many attempts fail."""

    def __init__(self, failures=0, failure=None):
        self.network = Network(asyncio.get_running_loop())
        self.failures = failures
        self.failure = failure or ConnectionRefusedError("nobody listens")
        self.times = []
        self.accepted = []

    async def connect(self, factory):
        self.times.append(asyncio.get_running_loop().time())
        if len(self.times) <= self.failures:
            raise self.failure
        return await self.network.connect("server", factory)

    async def listen(self):
        def accept():
            self.accepted.append(Chatter())
            return self.accepted[-1]

        return await self.network.listen("server", accept)


def steady():
    return Backoff(1, 8, 2, jitter=0)


def test_a_client_connects_and_gives_out_its_protocol(run):
    async def main():
        where = InMemory()
        server = await where.listen()
        async with ClientService(where, Chatter) as client:
            protocol = await client.connected()
            assert isinstance(protocol, Chatter)
            assert client.protocol is protocol
            assert await client.connected() is protocol
        assert protocol.lost.is_set()
        server.close()

    run(main())


def test_a_client_tries_again_as_its_backoff_says(run):
    async def main():
        where = InMemory(failures=5)
        server = await where.listen()
        async with ClientService(where, Chatter, backoff=steady(), name="db") as client:
            await asyncio.sleep(0.5)
            assert client.note.endswith("ConnectionRefusedError: nobody listens")
            await client.connected()
        server.close()
        return where.times

    assert run(main()) == [0, 1, 3, 7, 15, 23]


def test_a_lost_connection_is_made_again(run):
    async def main():
        where = InMemory()
        server = await where.listen()
        async with ClientService(where, Chatter, backoff=steady()) as client:
            first = await client.connected()
            await asyncio.sleep(20)
            where.accepted[0].transport.close()
            await first.lost.wait()
            second = await client.connected()
            assert second is not first
            assert client.protocol is second
        server.close()
        return where.times

    assert run(main()) == [0, 21]


def test_connections_that_are_lost_at_once_are_not_made_in_haste(run):
    class Refused(Chatter):
        def connection_made(self, transport):
            transport.abort()

    async def main():
        where = InMemory()
        server = await where.listen()
        async with ClientService(where, Refused, backoff=steady()):
            await asyncio.sleep(20)
        server.close()
        return where.times

    assert run(main()) == [0, 1, 3, 7, 15]


def test_a_seed_makes_the_jitter_the_same_in_each_run(run):
    async def times(seed):
        where = InMemory(failures=100)
        async with ClientService(where, Chatter, backoff=Backoff(chance=random.Random(seed))):
            await asyncio.sleep(1000)
        return [time - where.times[0] for time in where.times]

    async def main():
        return await times(1), await times(1), await times(2)

    first, again, other = run(main())

    assert first == pytest.approx(again)
    assert first != pytest.approx(other)
    assert len(first) > 15


def test_a_client_may_give_up_and_break(run):
    async def main():
        where = InMemory(failures=100)
        client = ClientService(where, Chatter, backoff=steady(), most_failures=3, name="db")
        with pytest.raises(ServiceBrokenError, match="root/db broke: ConnectionRefusedError: nobody listens"):
            async with Service(client, name="root") as tree:
                await tree.wait()
        return where.times

    assert run(main()) == [0, 1, 3]


def test_what_is_no_failure_to_connect_breaks_the_client(run):
    async def main():
        client = ClientService(InMemory(1, TypeError("a mistake")), Chatter, name="db")
        with pytest.raises(ServiceBrokenError, match="db broke: TypeError: a mistake"):
            async with client:
                await client.wait()

    run(main())


def test_stopping_cancels_a_wait_for_a_connection(run):
    async def main():
        client = ClientService(InMemory(failures=100), Chatter, name="db")
        await client.start_tree()
        waiting = asyncio.create_task(client.connected())
        await asyncio.sleep(5)
        await client.stop_tree()
        with pytest.raises(ServiceStateError, match="db ended before it was connected"):
            await waiting
        with pytest.raises(ServiceStateError, match="db is stopped and will not connect: start it"):
            await client.connected()

    run(main())


def test_a_handler_has_each_connection_and_its_return_closes_it(run):
    seen = []

    async def ask(reader, writer):
        writer.write(b"hello\n")
        await writer.drain()
        seen.append(await reader.readline())

    class Answer(Chatter):
        def data_received(self, data):
            self.transport.write(data.upper())

    async def main():
        where = InMemory()
        server = await where.network.listen("server", Answer)
        async with ClientService(where, ask, backoff=steady()):
            await asyncio.sleep(5)
        server.close()

    run(main())

    assert seen == [b"HELLO\n"] * 3


def test_a_string_that_is_no_endpoint_fails_the_start(run):
    with pytest.raises(ServiceStartError, match="there is no kind of endpoint called 'tpc'"):
        run(ClientService("tpc:example.org:80", Chatter).start_tree())
