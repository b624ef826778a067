"""A peer that resets the connection, in each state that a stream and a TLS stream can be in."""

import asyncio
import socket
import ssl

import pytest

from .conftest import settle, tcp_pair
from .fakes import Witness
from .faulty import LOCAL, Secure, reset
from .tls_peer import client_context, server_context

pytestmark = pytest.mark.usefixtures("nothing_left")
LARGE = 10_000_000


@pytest.fixture
def ends(descriptors):
    ours, theirs = tcp_pair()
    ours.setblocking(False)
    theirs.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def run_on(loop, ends, steps, keeps_open=False):
    """Let a stream come into a state by `steps`, which reset it then; return its witness once it has ended."""
    witness = Witness(keeps_open)

    async def main():
        transport, _ = await loop.connect_accepted_socket(lambda: witness, ends[0])
        await steps(transport, witness, ends[1])
        await witness.until("lost")
        await settle()
        assert transport.is_closing()
        assert transport.get_write_buffer_size() == 0
        transport.write(b"too late")
        transport.close()
        transport.abort()
        await settle()

    loop.run_until_complete(main())
    return witness


# -- plain streams


async def when_open(transport, witness, theirs):
    reset(theirs)


async def when_open_with_bytes_unread(transport, witness, theirs):
    theirs.send(b"unread")
    reset(theirs)


async def when_paused(transport, witness, theirs):
    transport.pause_reading()
    reset(theirs)
    await settle()
    transport.resume_reading()


async def when_paused_and_written_to(transport, witness, theirs):
    transport.pause_reading()
    reset(theirs)
    await settle()
    transport.write(b"x")


async def while_writing(transport, witness, theirs):
    transport.write(bytes(LARGE))
    await witness.until("pause")
    reset(theirs)


async def while_writing_and_paused(transport, witness, theirs):
    transport.pause_reading()
    transport.write(bytes(LARGE))
    await witness.until("pause")
    reset(theirs)


async def when_half_closed_by_us(transport, witness, theirs):
    transport.write_eof()
    await settle()
    reset(theirs)


async def when_half_closed_by_us_with_output_waiting(transport, witness, theirs):
    transport.write(bytes(LARGE))
    transport.write_eof()
    await settle()
    reset(theirs)


async def when_half_closed_by_the_peer(transport, witness, theirs):
    theirs.shutdown(socket.SHUT_WR)
    await witness.until("eof")
    reset(theirs)
    await settle()
    transport.write(b"x")


async def when_half_closed_by_the_peer_with_output_waiting(transport, witness, theirs):
    theirs.shutdown(socket.SHUT_WR)
    await witness.until("eof")
    transport.write(bytes(LARGE))
    await witness.until("pause")
    reset(theirs)


async def while_closing(transport, witness, theirs):
    transport.write(bytes(LARGE))
    transport.close()
    await settle()
    reset(theirs)


STATES = [
    when_open,
    when_open_with_bytes_unread,
    when_paused,
    when_paused_and_written_to,
    while_writing,
    while_writing_and_paused,
    when_half_closed_by_us,
    when_half_closed_by_us_with_output_waiting,
    when_half_closed_by_the_peer,
    when_half_closed_by_the_peer_with_output_waiting,
    while_closing,
]


@pytest.mark.parametrize("state", STATES)
def test_a_reset_is_told_once_as_the_connection_s_end_with_its_error(loop, ends, state):
    witness = run_on(loop, ends, state, keeps_open="by_the_peer" in state.__name__)

    assert isinstance(witness.error, (ConnectionResetError, BrokenPipeError))
    assert witness.calls.count("lost") == 1
    assert witness.calls[-1] == "lost"


def test_an_answer_that_came_before_a_reset_is_read_though_much_waits_to_be_sent(loop, ends):
    async def answer_and_leave(transport, witness, theirs):
        transport.write(bytes(LARGE))
        theirs.send(b"413 too large")
        theirs.close()  # with bytes unread: the system resets the connection

    witness = run_on(loop, ends, answer_and_leave)

    assert bytes(witness.data) == b"413 too large"
    assert isinstance(witness.error, ConnectionError)


def test_a_reset_of_a_stream_closed_both_ways_does_no_harm(loop, ends):
    async def steps(transport, witness, theirs):
        theirs.shutdown(socket.SHUT_WR)
        await witness.until("eof")
        transport.write_eof()
        await settle()
        reset(theirs)
        await settle()
        transport.close()

    witness = run_on(loop, ends, steps, keeps_open=True)

    assert witness.calls == ["made", "eof", "lost"]


def test_a_connection_that_is_reset_before_it_is_accepted_is_told_as_such(loop):
    witness = Witness()

    async def main():
        listening = socket.create_server((LOCAL, 0))
        transport, _ = await loop.create_connection(lambda: witness, *listening.getsockname())
        listening.close()  # resets whoever waits in its backlog
        await witness.until("lost")
        return transport

    assert loop.run_until_complete(main()).is_closing()

    assert witness.calls == ["made", "lost"]
    assert isinstance(witness.error, ConnectionResetError)


def test_a_client_that_is_gone_before_it_is_accepted_leaves_nothing(loop):
    made = []

    def factory():
        made.append(Witness())
        return made[-1]

    async def main():
        server = await loop.create_server(factory, LOCAL, 0)
        for _ in range(3):
            with socket.socket() as client:
                client.connect(server.sockets[0].getsockname())
                reset(client)
        while len(made) < 3 or not all("lost" in witness.calls for witness in made):
            await asyncio.sleep(0)
        server.close()

    loop.run_until_complete(main())

    assert all(isinstance(witness.error, ConnectionResetError) for witness in made)


@pytest.mark.parametrize("wait", ["sock_recv", "sock_sendall", "readexactly", "drain"])
def test_who_waits_for_a_socket_or_a_stream_that_is_reset_is_told_by_an_exception(loop, ends, wait):
    ours, theirs = ends

    async def main():
        writer = None
        if wait == "sock_recv":
            waiting = loop.sock_recv(ours, 1)
        elif wait == "sock_sendall":
            waiting = loop.sock_sendall(ours, bytes(LARGE))
        else:
            reader, writer = await asyncio.open_connection(sock=ours)
            if wait == "readexactly":
                waiting = reader.readexactly(1)
            else:
                writer.write(bytes(LARGE))
                waiting = writer.drain()
        task = loop.create_task(waiting)
        await settle()
        reset(theirs)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            await task
        if writer is not None:
            writer.close()
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                await writer.wait_closed()

    loop.run_until_complete(main())


# -- TLS


async def in_its_handshake(loop, ours, theirs, side):
    """Begin a handshake that the peer resets after its first bytes came."""
    witness = Witness()
    if side == "server":
        begun = loop.connect_accepted_socket(lambda: witness, ours, ssl=server_context())
        theirs.send(b"\x16\x03\x01\x00\x80")
    else:
        begun = loop.create_connection(lambda: witness, sock=ours, ssl=client_context(), server_hostname="localhost")
    beginning = loop.create_task(begun)
    if side == "client":
        assert await loop.sock_recv(theirs, 65536)
    await settle()
    reset(theirs)
    with pytest.raises(OSError) as raised:  # noqa: PT011
        await beginning
    assert witness.calls == []
    return raised.value


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_reset_in_the_handshake_is_what_who_connects_is_told(loop, ends, side):
    error = loop.run_until_complete(in_its_handshake(loop, *ends, side))

    assert isinstance(error, ConnectionResetError)


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_reset_in_an_upgrade_to_tls_is_what_who_upgrades_is_told(loop, ends, side):
    ours, theirs = ends

    async def main():
        transport, _ = await loop.connect_accepted_socket(Witness, ours)
        context = server_context() if side == "server" else client_context()
        name = None if side == "server" else "localhost"
        upgrade = loop.start_tls(transport, Witness(), context, server_side=side == "server", server_hostname=name)
        upgrading = loop.create_task(upgrade)
        await settle()
        reset(theirs)
        with pytest.raises(ConnectionResetError):
            await upgrading
        assert transport.is_closing()

    loop.run_until_complete(main())


async def agreed(loop, ours, theirs, witness):
    peer = Secure(loop, theirs, client_context())
    begun = loop.connect_accepted_socket(lambda: witness, ours, ssl=server_context())
    (transport, _), _ = await asyncio.gather(begun, peer.handshake())
    return transport, peer


async def tls_open(transport, witness, peer):
    pass


async def tls_paused(transport, witness, peer):
    transport.pause_reading()
    await peer.send(b"unread")
    await settle()
    reset(peer.sock)
    await settle()
    transport.resume_reading()


async def tls_writing(transport, witness, peer):
    transport.write(bytes(LARGE))
    await witness.until("pause")


async def tls_shutting_down(transport, witness, peer):
    transport.close()
    assert await peer.recv() == b""  # our close_notify, which is not answered


async def tls_shutting_down_with_output_waiting(transport, witness, peer):
    transport.write(bytes(LARGE))
    transport.close()
    await settle()


@pytest.mark.parametrize("state", [
    tls_open, tls_paused, tls_writing, tls_shutting_down, tls_shutting_down_with_output_waiting
])  # fmt: skip
def test_a_reset_over_tls_is_told_once_with_its_error(loop, ends, state):
    witness = Witness()

    async def main():
        transport, peer = await agreed(loop, *ends, witness)
        await state(transport, witness, peer)
        reset(peer.sock)
        await witness.until("lost")
        await settle()
        assert transport.is_closing()
        transport.write(b"too late")
        transport.close()

    loop.run_until_complete(main())

    assert witness.calls.count("lost") == 1
    assert isinstance(witness.error, (ConnectionResetError, BrokenPipeError))
    assert not isinstance(witness.error, ssl.SSLError)
