"""A protocol that raises: in each of its callbacks, over each kind of transport; an error of its own, or an exit.

An error of its own is reported once, to the loop's exception handler. Where nothing sensible can follow it the
connection ends, and `connection_lost` is told that error; elsewhere all goes on. SystemExit and KeyboardInterrupt
pass through the loop, and when it runs again nothing is missing: no byte, no end, no child.
"""

import asyncio
import contextlib
import os
import socket

import pytest

from .conftest import settle, tcp_pair
from .faulty import (
    KINDS,
    Faulty,
    FaultyParent,
    FaultyReceiver,
    faulty,
    lost_with,
    meeting,
    run_through,
)
from .tls_peer import client_context, server_context

pytestmark = pytest.mark.usefixtures("nothing_left")
EXITS = [KeyboardInterrupt, SystemExit]
SIZE = 300_000
LARGE = 6_000_000
FATAL = ["made", "data", "eof", "get_buffer", "buffer_updated"]
GOES_ON = ["pause", "resume", "lost"]


async def whole_life(loop, kind, protocol):
    """A connection on which every callback comes: bytes in, more out than the system takes, the peer's end."""
    async with meeting(loop, kind, protocol) as peer:
        await peer.send(bytes(SIZE))
        await protocol.until_data(SIZE)
        # Not from here: what flow control raises is to come out of a call of the loop's.
        loop.call_soon(protocol.transport.write, bytes(LARGE))
        await peer.recv_exactly(LARGE)
        await peer.end()
        await protocol.until("lost")


def told(reported):
    """Take out the one report that there is."""
    [context] = reported
    reported.clear()
    return context


# -- streams


@pytest.mark.parametrize("where", FATAL)
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_that_leaves_nothing_sensible_to_do_is_reported_and_ends_the_connection(loop, reported, kind, where):
    protocol = faulty(where, ZeroDivisionError)

    async def main():
        async with meeting(loop, kind, protocol) as peer:
            with contextlib.suppress(OSError):  # it may be over already
                await peer.send(bytes(1000))
                await peer.end()
            await protocol.until("lost")
            await settle()

    loop.run_until_complete(main())

    context = told(reported)
    assert context["exception"] is protocol.raised
    assert context["protocol"] is protocol
    assert context["transport"] is protocol.transport
    assert lost_with(protocol) is protocol.raised
    assert protocol.calls.count("lost") == 1


@pytest.mark.parametrize("where", GOES_ON)
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_that_need_not_end_the_connection_is_reported_and_all_goes_on(loop, reported, kind, where):
    protocol = Faulty().at(where, ZeroDivisionError)

    loop.run_until_complete(whole_life(loop, kind, protocol))

    assert told(reported)["exception"] is protocol.raised
    assert protocol.error is None
    assert protocol.calls == ["made", "data", "pause", "resume", "eof", "lost"]


@pytest.mark.parametrize("error", EXITS)
@pytest.mark.parametrize("where", FATAL + GOES_ON)
@pytest.mark.parametrize("kind", KINDS)
def test_an_exit_passes_through_the_loop_and_nothing_of_the_connection_is_missing(loop, kind, where, error):
    protocol = faulty(where, error)

    assert run_through(loop, whole_life(loop, kind, protocol), error) == 1

    assert protocol.times >= 1
    assert len(protocol.data) == SIZE
    assert protocol.calls[-1] == "lost"
    assert protocol.calls.count("lost") == 1
    assert lost_with(protocol) is None


@pytest.mark.parametrize("error", EXITS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_before_an_exit_leaves_though_nothing_else_happens(loop, kind, error):
    class Answering(Faulty):
        def data_received(self, data):
            self.transport.write(b"answer")
            super().data_received(data)

    protocol = Answering().at("data", error)

    async def main():
        async with meeting(loop, kind, protocol) as peer:
            await peer.send(b"question")
            await peer.recv_exactly(len(b"answer"))
            protocol.transport.close()
            await peer.end()
            await protocol.until("lost")

    assert run_through(loop, main(), error) == 1


@pytest.mark.parametrize("error", EXITS)
@pytest.mark.parametrize("is_secured", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("side", ["client", "accepted"])
def test_a_connection_whose_maker_an_exit_ends_is_ended_too(loop, side, is_secured, error):
    ours, theirs = tcp_pair()
    protocol = Faulty().at("made", error)

    async def main():
        contexts = (client_context(), server_context()) if is_secured else (None, None)
        if side == "client":
            name = "localhost" if is_secured else None
            begun = loop.create_connection(lambda: protocol, sock=ours, ssl=contexts[0], server_hostname=name)
            other = loop.connect_accepted_socket(Faulty, theirs, ssl=contexts[1])
        else:
            begun = loop.connect_accepted_socket(lambda: protocol, ours, ssl=contexts[1])
            name = "localhost" if is_secured else None
            other = loop.create_connection(Faulty, sock=theirs, ssl=contexts[0], server_hostname=name)
        beginning, meeting_it = loop.create_task(begun), loop.create_task(other)
        _, peer = await meeting_it
        try:
            transport, _ = await beginning
            transport.close()  # the exit came out of the loop, and the connection stands
        except error:
            pass
        await peer.until("lost")
        await protocol.until("lost")

    run_through(loop, main(), error)

    assert protocol.times == 1
    assert protocol.calls == ["made", "lost"]


@pytest.mark.parametrize("error", [ZeroDivisionError, *EXITS])
@pytest.mark.parametrize("kind", KINDS)
def test_a_factory_that_raises_for_an_accepted_connection_ends_that_one_alone(loop, reported, kind, error):
    made = []

    def factory():
        made.append(None)
        if len(made) == 1:
            raise error("in the factory")
        return Faulty()

    async def main():
        context = server_context() if kind == "tls" else None
        if kind == "unix":
            server = await loop.create_unix_server(factory, f"\0weft factory {os.getpid()}")
        else:
            server = await loop.create_server(factory, "127.0.0.1", 0, ssl=context)
        for _ in range(2):
            with socket.socket(server.sockets[0].family) as sock:
                sock.setblocking(False)
                await loop.sock_connect(sock, server.sockets[0].getsockname())
                sock.shutdown(socket.SHUT_WR)
                assert await loop.sock_recv(sock, 100) == b""
        server.close()

    times = run_through(loop, main(), error)

    assert len(made) == 2
    if error is ZeroDivisionError:
        assert str(told(reported)["exception"]) == "in the factory"
    else:
        assert times == 1


# -- datagrams


async def life_of_an_endpoint(loop, protocol, tmp_path):
    """An endpoint to which every callback comes."""
    path = str(tmp_path / "receiver")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        other.bind(path)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: protocol, str(tmp_path / "ours"), path, family=socket.AF_UNIX
        )
        other.sendto(b"one", transport.get_extra_info("sockname"))
        other.sendto(b"two", transport.get_extra_info("sockname"))
        while protocol.datagrams != [b"one", b"two"]:
            await asyncio.sleep(0)
        loop.call_soon(transport.sendto, bytes(1_000_000))  # too long
        await protocol.until("error")
        sent = 0
        while "pause" not in protocol.calls:
            loop.call_soon(transport.sendto, b"x" * 1000)
            sent += 1
            await asyncio.sleep(0)
        for _ in range(sent):
            await loop.sock_recv(other, 2000)
        await protocol.until("resume")
        transport.close()
        await protocol.until("lost")


WHERE_ENDPOINT = ["made", "datagram", "error", "pause", "resume", "lost"]


@pytest.mark.parametrize("where", WHERE_ENDPOINT)
def test_an_error_in_a_datagram_protocol_is_reported_and_the_endpoint_goes_on(loop, reported, tmp_path, where):
    protocol = FaultyReceiver().at(where, ZeroDivisionError)

    loop.run_until_complete(life_of_an_endpoint(loop, protocol, tmp_path))

    assert told(reported)["exception"] is protocol.raised
    assert protocol.calls == ["made", "datagram", "datagram", "error", "pause", "resume", "lost"]


@pytest.mark.parametrize("error", EXITS)
@pytest.mark.parametrize("where", WHERE_ENDPOINT)
def test_an_exit_in_a_datagram_protocol_passes_through_and_no_datagram_is_missing(loop, tmp_path, where, error):
    protocol = FaultyReceiver().at(where, error)

    assert run_through(loop, life_of_an_endpoint(loop, protocol, tmp_path), error) == 1
    loop.run_until_complete(settle())

    assert protocol.times == {"datagram": 2}.get(where, 1)
    if where == "made":  # in the coroutine that made it: nobody got hold of it
        assert protocol.calls == ["made", "lost"]
    else:
        assert protocol.calls == ["made", "datagram", "datagram", "error", "pause", "resume", "lost"]


# -- pipes


async def life_of_a_reader(loop, protocol):
    reader, writer = os.pipe()
    with open(reader, "rb", 0) as pipe, open(writer, "wb", 0) as other:
        await loop.connect_read_pipe(lambda: protocol, pipe)
        other.write(bytes(50_000))
        other.close()
        await protocol.until("lost")


async def life_of_a_writer(loop, protocol):
    reader, writer = os.pipe()
    with open(reader, "rb", 0) as other, open(writer, "wb", 0) as pipe:
        os.set_blocking(reader, False)
        transport, _ = await loop.connect_write_pipe(lambda: protocol, pipe)
        loop.call_soon(transport.write, bytes(500_000))
        left = 500_000
        while left:
            left -= len(other.read(100_000) or b"")
            await asyncio.sleep(0)
        await protocol.until("resume")
        transport.close()
        await protocol.until("lost")


PIPES = [
    *((life_of_a_reader, where) for where in ("made", "data", "eof", "lost")),
    *((life_of_a_writer, where) for where in ("made", "pause", "resume", "lost")),
]


@pytest.mark.parametrize("life, where", PIPES)
def test_an_error_in_a_pipe_s_protocol_is_reported_and_leaves_nothing(loop, reported, life, where):
    protocol = Faulty().at(where, ZeroDivisionError)

    async def main():
        living = loop.create_task(life(loop, protocol))
        await protocol.until("lost")
        living.cancel()  # a connection that ended early leaves it waiting
        await asyncio.wait([living])

    loop.run_until_complete(main())

    assert told(reported)["exception"] is protocol.raised
    assert protocol.error is (protocol.raised if where in ("made", "data") else None)


@pytest.mark.parametrize("error", EXITS)
@pytest.mark.parametrize("life, where", PIPES)
def test_an_exit_in_a_pipe_s_protocol_passes_through_and_nothing_is_missing(loop, life, where, error):
    protocol = Faulty().at(where, error)

    assert run_through(loop, life(loop, protocol), error) == 1
    loop.run_until_complete(settle())

    assert protocol.error is None
    if where == "made":
        assert protocol.calls == ["made", "lost"]
    elif life is life_of_a_reader:
        assert len(protocol.data) == 50_000
        assert protocol.calls == ["made", "data", "eof", "lost"]
    else:
        assert protocol.calls == ["made", "pause", "resume", "lost"]


# -- child processes


async def life_of_a_child(loop, protocol):
    transport, _ = await loop.subprocess_shell(lambda: protocol, "cat; echo error >&2; exit 3")
    stdin = transport.get_pipe_transport(0)
    loop.call_soon(stdin.write, bytes(LARGE))
    await protocol.until("resume")
    stdin.write_eof()
    status = await transport._wait()
    await protocol.until("lost")
    assert status == 3


WHERE_PARENT = ["made", "data", "pipe lost", "exited", "lost", "pause", "resume"]


@pytest.mark.parametrize("where", WHERE_PARENT)
def test_an_error_in_a_child_s_protocol_is_reported_and_the_rest_is_told(loop, reported, where):
    protocol = FaultyParent().at(where, ZeroDivisionError)

    loop.run_until_complete(life_of_a_child(loop, protocol))

    assert told(reported)["exception"] is protocol.raised
    assert len(protocol.output) == LARGE + len("error\n")
    assert protocol.calls.count("pipe lost") == 3
    assert protocol.calls[-1] == "lost"


@pytest.mark.parametrize("error", EXITS)
@pytest.mark.parametrize("where", WHERE_PARENT)
def test_an_exit_in_a_child_s_protocol_passes_through_and_nothing_of_the_child_is_missing(loop, where, error):
    protocol = FaultyParent().at(where, error)

    assert run_through(loop, life_of_a_child(loop, protocol), error) == 1

    if where != "made":
        assert len(protocol.output) == LARGE + len("error\n")
        assert protocol.calls.count("exited") == protocol.calls.count("lost") == 1
        assert protocol.calls.count("pipe lost") == 3
