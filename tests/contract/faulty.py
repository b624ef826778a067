"""Protocols that raise where they are told to, and the bare peers that meet them over TCP, UNIX sockets and TLS."""

import asyncio
import contextlib
import itertools
import os
import socket
import struct

from .fakes import BufferWitness, Witness
from .tls_peer import Peer, client_context, server_context

LOCAL = "127.0.0.1"
NAMES = (f"\0weft faults {os.getpid()} {number}" for number in itertools.count())


class Faults:
    """Raises `fault` once, in the callback that is called `where`, and counts how often it came there."""

    where = ""
    fault: type[BaseException] = ZeroDivisionError
    raised: BaseException | None = None
    times = 0

    def at(self, where, fault):
        self.where, self.fault = where, fault
        return self

    def come_to(self, where):
        if where == self.where:
            self.times += 1
            if self.raised is None:
                self.raised = self.fault(f"in {where}")
                raise self.raised


class Faulty(Faults, Witness):
    """A Witness that raises after it wrote down its call."""

    def note(self, call):
        super().note(call)
        self.come_to(call)


class FaultyBuffered(Faults, BufferWitness):
    """A protocol with a buffer of its own that raises."""

    def __init__(self):
        super().__init__(30_000)
        self.error_told = None

    def get_buffer(self, sizehint):
        self.come_to("get_buffer")
        return super().get_buffer(sizehint)

    def buffer_updated(self, count):
        super().buffer_updated(count)
        self.come_to("buffer_updated")

    def connection_lost(self, error):
        self.error_told = error
        super().connection_lost(error)


def faulty(where, error):
    """Return a stream's protocol that raises `error` where it is told to."""
    protocol = FaultyBuffered() if where in ("get_buffer", "buffer_updated") else Faulty()
    return protocol.at(where, error)


def lost_with(protocol):
    """What `connection_lost` was told."""
    return protocol.error_told if isinstance(protocol, FaultyBuffered) else protocol.error


class Bare:
    """A plain socket's side of a connection, step by step."""

    def __init__(self, loop, sock):
        self.loop, self.sock = loop, sock

    async def send(self, data):
        await self.loop.sock_sendall(self.sock, data)

    async def end(self):
        self.sock.shutdown(socket.SHUT_WR)

    async def recv(self, size=65536):
        return await self.loop.sock_recv(self.sock, size)

    async def recv_exactly(self, size):
        left = size
        while left:
            data = await self.recv(min(left, 1 << 20))
            assert data, f"the end came {left} bytes too early"
            left -= len(data)


class Secure(Peer):
    """The same with TLS."""

    async def end(self):
        await self.close_notify()


KINDS = ["tcp", "unix", "tls"]


@contextlib.asynccontextmanager
async def meeting(loop, kind, protocol, **options):
    """A server of `kind` whose one connection has `protocol`; the bare client that connected to it."""
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    if kind == "unix":
        server = await loop.create_unix_server(lambda: protocol, next(NAMES), **options)
    else:
        context = server_context() if kind == "tls" else None
        server = await loop.create_server(lambda: protocol, LOCAL, 0, ssl=context, **options)
    with socket.socket(family) as sock:
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, server.sockets[0].getsockname())
            if kind == "tls":
                yield await Secure(loop, sock, client_context()).handshake()
            else:
                yield Bare(loop, sock)
        finally:
            server.close()


def reset(sock):
    """Close a TCP socket so that its peer is told of a reset; twice does nothing."""
    if sock.fileno() < 0:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def run_through(loop, coroutine, error):
    """Run a coroutine to its end although `error` comes out of the loop; return how often it did.

    One that came in the coroutine itself is its end.
    """
    task = loop.create_task(coroutine)
    for times in range(5):
        try:
            loop.run_until_complete(task)
        except error as raised:
            if type(raised) is not error:
                raise  # the test took too long
            if task.done():
                task.exception()  # seen
                return times + 1
        else:
            return times
    raise AssertionError("it came again and again")


class FaultyReceiver(Faults, asyncio.DatagramProtocol):
    """A datagram protocol that writes down its calls, then raises."""

    def __init__(self):
        self.calls = []
        self.datagrams = []
        self.changed = asyncio.Event()
        self.transport = None

    def note(self, call):
        self.calls.append(call)
        self.changed.set()
        self.come_to(call)

    def connection_made(self, transport):
        self.transport = transport
        self.note("made")

    def datagram_received(self, data, addr):
        self.datagrams.append(data)
        self.note("datagram")

    def error_received(self, exc):
        self.note("error")

    def connection_lost(self, exc):
        self.note("lost")

    def pause_writing(self):
        self.note("pause")

    def resume_writing(self):
        self.note("resume")

    async def until(self, call):
        while call not in self.calls:
            self.changed.clear()
            await self.changed.wait()


class FaultyParent(Faults, asyncio.SubprocessProtocol):
    """A child's protocol that writes down its calls, then raises."""

    def __init__(self):
        self.calls = []
        self.output = b""
        self.changed = asyncio.Event()

    def note(self, call):
        self.calls.append(call)
        self.changed.set()
        self.come_to(call)

    def connection_made(self, transport):
        self.note("made")

    def pipe_data_received(self, fd, data):
        self.output += data
        self.note("data")

    def pipe_connection_lost(self, fd, exc):
        self.note("pipe lost")

    def process_exited(self):
        self.note("exited")

    def connection_lost(self, exc):
        self.note("lost")

    def pause_writing(self):
        self.note("pause")

    def resume_writing(self):
        self.note("resume")

    async def until(self, call):
        while call not in self.calls:
            self.changed.clear()
            await self.changed.wait()
