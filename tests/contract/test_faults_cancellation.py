"""Cancellation at each turn of whatever can be awaited: it is over at once, and nothing of it stays behind."""

import asyncio
import contextlib
import itertools
import os
import socket
import sys
import tempfile
import threading

import pytest

from .fakes import Witness
from .faulty import LOCAL, NAMES
from .leftovers import Census
from .tls_peer import client_context, server_context

TURNS = (*range(14), 17, 22, 30, 50, 100)
"""After how many turns each operation is cancelled; or it is over by then."""
LARGE = 8_000_000


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Upgrading(asyncio.Protocol):
    """Begins TLS as soon as it is connected."""

    def connection_made(self, transport):
        loop = asyncio.get_running_loop()
        self.upgrade = loop.create_task(loop.start_tls(transport, Echo(), server_context(), server_side=True))
        self.upgrade.add_done_callback(lambda task: task.cancelled() or task.exception())


class DatagramWitness(Witness):
    def datagram_received(self, data, addr):
        self.note("datagram")

    def error_received(self, exc):
        self.note("error")


class World:
    """What the operations meet, and what their protocols were told."""

    def __init__(self, loop):
        self.loop = loop
        self.servers = []
        self.witnesses = []
        self.tls = client_context()

    async def start(self):
        context = server_context()
        self.plain = await self.serve(Echo)
        self.secure = await self.serve(Echo, ssl=context)
        self.upgrading = await self.serve(Upgrading)
        self.path = next(NAMES)
        self.servers.append(await self.loop.create_unix_server(Echo, self.path))
        self.secure_path = next(NAMES)
        self.servers.append(await self.loop.create_unix_server(Echo, self.secure_path, ssl=context))

    async def serve(self, factory, **options):
        server = await self.loop.create_server(factory, LOCAL, 0, **options)
        self.servers.append(server)
        return server.sockets[0].getsockname()

    def witness(self):
        self.witnesses.append(Witness())
        return self.witnesses[-1]

    def witness_of_datagrams(self):
        self.witnesses.append(DatagramWitness())
        return self.witnesses[-1]

    async def stop(self):
        for server in self.servers:
            server.close()


async def ended(transport, protocol):
    transport.close()
    await protocol.until("lost")


async def connect(loop, world):
    await ended(*await loop.create_connection(world.witness, *world.plain))


async def connect_by_name(loop, world):
    await ended(*await loop.create_connection(world.witness, "localhost", world.plain[1], family=socket.AF_INET))


async def connect_from_an_address(loop, world):
    await ended(*await loop.create_connection(world.witness, *world.plain, local_addr=(LOCAL, 0)))


async def connect_with_happy_eyeballs(loop, world):
    await ended(*await loop.create_connection(world.witness, "localhost", world.plain[1], happy_eyeballs_delay=0))


async def connect_with_tls(loop, world):
    await ended(
        *await loop.create_connection(world.witness, *world.secure, ssl=world.tls, server_hostname="localhost")
    )


async def connect_by_path(loop, world):
    await ended(*await loop.create_unix_connection(world.witness, world.path))


async def connect_by_path_with_tls(loop, world):
    await ended(
        *await loop.create_unix_connection(
            world.witness, world.secure_path, ssl=world.tls, server_hostname="localhost"
        )
    )


async def upgrade(loop, world):
    transport, _ = await loop.create_connection(asyncio.Protocol, *world.upgrading)
    protocol = Witness()
    upgraded = await loop.start_tls(transport, protocol, world.tls, server_hostname="localhost")
    try:
        await ended(upgraded, protocol)
    finally:
        upgraded.abort()


async def streams(loop, world):
    reader, writer = await asyncio.open_connection(*world.plain)
    try:
        writer.write(bytes(LARGE))
        await writer.drain()
        await reader.readexactly(LARGE)
    finally:
        writer.transport.abort()


async def serve_by_name(loop, world):
    server = await loop.create_server(Echo, "localhost", 0)
    try:
        await server.serve_forever()
    finally:
        server.close()


async def serve_on_a_path(loop, world):
    server = await loop.create_unix_server(Echo, next(NAMES))
    server.close()
    await server.wait_closed()


async def endpoint_by_name(loop, world):
    await ended(*await loop.create_datagram_endpoint(world.witness_of_datagrams, ("localhost", 0)))


async def endpoint_to_a_peer(loop, world):
    await ended(*await loop.create_datagram_endpoint(world.witness_of_datagrams, remote_addr=(LOCAL, 9)))


@contextlib.contextmanager
def pair(kind=socket.SOCK_STREAM):
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        yield ours, theirs


async def sock_recv(loop, world):
    with pair() as (ours, _):
        await loop.sock_recv(ours, 1)


async def sock_recv_into(loop, world):
    with pair() as (ours, _):
        await loop.sock_recv_into(ours, bytearray(1))


async def sock_sendall(loop, world):
    with pair() as (ours, _):
        await loop.sock_sendall(ours, bytes(LARGE))


async def sock_recvfrom(loop, world):
    with pair(socket.SOCK_DGRAM) as (ours, _):
        await loop.sock_recvfrom(ours, 1)


async def sock_recvfrom_into(loop, world):
    with pair(socket.SOCK_DGRAM) as (ours, _):
        await loop.sock_recvfrom_into(ours, bytearray(1))


async def sock_sendto(loop, world):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver, pair(socket.SOCK_DGRAM) as (ours, _):
        name = next(NAMES)
        receiver.bind(name)
        while True:
            await loop.sock_sendto(ours, bytes(1000), name)


async def sock_connect(loop, world):
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, ("localhost", world.plain[1]))


async def sock_accept(loop, world):
    with socket.create_server((LOCAL, 0)) as listening:
        listening.setblocking(False)
        await loop.sock_accept(listening)


async def sock_sendfile(loop, world):
    with large_file() as file, pair() as (ours, _):
        await loop.sock_sendfile(ours, file)


async def sock_sendfile_of_a_device(loop, world):
    with open("/dev/zero", "rb", 0) as file, pair() as (ours, _):
        await loop.sock_sendfile(ours, file, 0, LARGE)


def large_file():
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.truncate(LARGE)
    return file


async def sendfile(loop, world):
    await send_through(loop, await loop.create_connection(world.witness, *world.plain))


async def sendfile_over_tls(loop, world):
    options = {"ssl": world.tls, "server_hostname": "localhost"}
    await send_through(loop, await loop.create_connection(world.witness, *world.secure, **options))


async def send_through(loop, connection):
    transport, protocol = connection
    transport.pause_reading()  # the echo piles up, until nothing more is taken
    with large_file() as file:
        try:
            await loop.sendfile(transport, file)
        except asyncio.CancelledError:
            assert transport.get_protocol() is protocol
            raise
        finally:
            transport.abort()


async def getaddrinfo(loop, world):
    await loop.getaddrinfo("localhost", 80)


async def getnameinfo(loop, world):
    await loop.getnameinfo((LOCAL, 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)


async def executor(loop, world):
    may_end = threading.Event()
    try:
        await loop.run_in_executor(None, may_end.wait)
    finally:
        may_end.set()


async def read_pipe(loop, world):
    reader, writer = os.pipe()
    with open(reader, "rb", 0) as pipe, open(writer, "wb", 0):
        transport, protocol = await loop.connect_read_pipe(world.witness, pipe)
        try:
            await protocol.until("data")
        finally:
            transport.close()


async def write_pipe(loop, world):
    reader, writer = os.pipe()
    with open(reader, "rb", 0), open(writer, "wb", 0) as pipe:
        transport, protocol = await loop.connect_write_pipe(world.witness, pipe)
        try:
            transport.write(bytes(LARGE))
            await protocol.until("resume")
        finally:
            transport.abort()


async def child(loop, world):
    process = await asyncio.create_subprocess_exec(
        "cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        await process.communicate(bytes(LARGE))
    finally:
        await end_of(process)


async def child_with_code_of_ours(loop, world):
    process = await asyncio.create_subprocess_exec("sleep", "1000", preexec_fn=os.getpid)
    try:
        await process.wait()
    finally:
        await end_of(process)


async def end_of(process):
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
    process._transport.close()  # a pipe that nobody reads any more is paused, and would not see its end


async def timeout(loop, world):
    async with asyncio.timeout(3600):
        await connect_with_tls(loop, world)


OPERATIONS = [
    connect,
    connect_by_name,
    connect_from_an_address,
    connect_with_happy_eyeballs,
    connect_with_tls,
    connect_by_path,
    connect_by_path_with_tls,
    upgrade,
    streams,
    serve_by_name,
    serve_on_a_path,
    endpoint_by_name,
    endpoint_to_a_peer,
    sock_recv,
    sock_recv_into,
    sock_sendall,
    sock_recvfrom,
    sock_recvfrom_into,
    sock_sendto,
    sock_connect,
    sock_accept,
    sock_sendfile,
    sock_sendfile_of_a_device,
    sendfile,
    sendfile_over_tls,
    getaddrinfo,
    getnameinfo,
    executor,
    read_pipe,
    write_pipe,
    child,
    child_with_code_of_ours,
    timeout,
]
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")


@ON_LINUX
@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_cancelled_at_any_turn_is_over_and_leaves_nothing(loop, operation):
    async def main():
        world = World(loop)
        await world.start()
        await loop.run_in_executor(None, int)  # the pool's first thread
        census = Census(loop)
        try:
            cancelled = [await is_cancelled(world, turns, census) for turns in TURNS]
        finally:
            await world.stop()
        return cancelled

    async def is_cancelled(world, turns, census):
        world.witnesses.clear()
        task = loop.create_task(operation(loop, world))
        for _ in range(turns):
            await asyncio.sleep(0)
        was_over = task.done()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or (was_over and task.exception() is None), (turns, task)
        witnesses, world.witnesses = [witness.calls for witness in world.witnesses], []
        del task
        left = await census.until_gone()
        assert left == [], f"cancelled after {turns} turns"
        for calls in witnesses:
            assert calls.count("made") == calls.count("lost") <= 1, f"cancelled after {turns} turns"
        return not was_over

    assert any(loop.run_until_complete(main()))


def test_cancelling_twice_ends_a_connect_all_the_same(loop, nothing_left):
    async def main():
        world = World(loop)
        await world.start()
        for first, second in itertools.product(range(6), range(4)):
            task = loop.create_task(connect_with_tls(loop, world))
            for _ in range(first):
                await asyncio.sleep(0)
            task.cancel()
            for _ in range(second):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        world.witnesses.clear()
        await world.stop()

    loop.run_until_complete(main())


def test_a_loop_whose_main_task_is_cancelled_amid_everything_leaves_nothing(loop, nothing_left):
    async def main(world):
        await world.start()
        try:
            async with asyncio.TaskGroup() as group:
                for operation in OPERATIONS:
                    group.create_task(forever(operation, world))
        finally:
            await world.stop()

    async def forever(operation, world):
        while True:
            with contextlib.suppress(OSError):
                await operation(loop, world)
            await asyncio.sleep(0)

    async def cancelled():
        world = World(loop)
        task = loop.create_task(main(world))
        while len(world.witnesses) < 30:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        world.witnesses.clear()

    loop.run_until_complete(cancelled())
