"""The user's own descriptors: add_reader and its kin, and the sock_* coroutines."""

import asyncio
import os
import socket

import pytest

import weft

from .conftest import settle
from .fakes import Witness


def run_turns(loop, count=1):
    for _ in range(count):
        loop.call_soon(loop.stop)
        loop.run_forever()


# -- add_reader and add_writer


def test_a_reader_is_called_whenever_there_is_something_to_read(loop, pair):
    ours, theirs = pair
    got = []

    async def main():
        loop.add_reader(ours, lambda: got.append(ours.recv(100)))
        for piece in (b"one", b"two"):
            theirs.send(piece)
            while got[-1:] != [piece]:
                await asyncio.sleep(0)
        return loop.remove_reader(ours)

    assert loop.run_until_complete(main())
    assert got == [b"one", b"two"]


def test_a_reader_that_does_not_read_is_called_again(loop, pair):
    ours, theirs = pair
    calls = []
    theirs.send(b"x")

    loop.add_reader(ours, calls.append, "called")
    run_turns(loop, 3)
    loop.remove_reader(ours)

    assert calls == ["called"] * 3


def test_a_writer_is_called_while_there_is_room(loop, pair):
    ours, _ = pair
    calls = []

    loop.add_writer(ours, calls.append, "room")
    run_turns(loop, 2)
    removed = loop.remove_writer(ours)
    run_turns(loop)

    assert calls == ["room"] * 2
    assert removed


def test_a_reader_and_a_writer_share_a_descriptor(loop, pair):
    ours, theirs = pair
    calls = []
    theirs.send(b"x")
    loop.add_reader(ours, calls.append, "reader")
    loop.add_writer(ours, calls.append, "writer")

    run_turns(loop)
    both = sorted(calls)
    loop.remove_writer(ours)
    run_turns(loop)
    loop.remove_reader(ours)
    run_turns(loop)

    assert both == ["reader", "writer"]
    assert calls[2:] == ["reader"]


def test_a_new_reader_replaces_the_old_one(loop, pair):
    ours, theirs = pair
    calls = []
    theirs.send(b"x")
    old = loop.add_reader(ours, calls.append, "old")
    new = loop.add_reader(ours, calls.append, "new")

    run_turns(loop)
    cancelled = (old.cancelled(), new.cancelled())
    loop.remove_reader(ours)

    assert calls == ["new"]
    assert cancelled == (True, False)


def test_removing_what_is_not_there_returns_false(loop, pair):
    ours, _ = pair
    loop.add_reader(ours, print)

    found = [loop.remove_writer(ours), loop.remove_reader(ours), loop.remove_reader(ours)]

    assert found == [False, True, False]


def test_a_reader_removed_by_another_callback_of_its_turn_is_not_called(loop, pair):
    ours, theirs = pair
    calls = []
    theirs.send(b"x")
    loop.add_writer(ours, lambda: (calls.append("writer"), loop.remove_reader(ours)))
    loop.add_reader(ours, lambda: (calls.append("reader"), loop.remove_writer(ours)))

    run_turns(loop)
    loop.remove_reader(ours)
    loop.remove_writer(ours)

    assert len(calls) == 1


def test_descriptors_are_given_by_number_or_by_object(loop, pair):
    ours, theirs = pair
    calls = []
    theirs.send(b"x")
    loop.add_reader(ours.fileno(), calls.append, "by number")

    run_turns(loop)

    assert loop.remove_reader(ours)
    assert calls == ["by number"]


@pytest.mark.parametrize("wrong", [-1, "text", None, object()])
def test_what_is_no_descriptor_is_refused(loop, wrong):
    with pytest.raises(ValueError, match="Invalid file"):
        loop.add_reader(wrong, print)


def test_a_descriptor_of_a_transport_is_refused(loop, pair):
    ours, _ = pair
    witness = Witness()

    async def main():
        transport, _ = await loop.connect_accepted_socket(lambda: witness, ours)
        with pytest.raises(RuntimeError, match="used by transport"):
            loop.add_reader(ours, print)
        transport.close()
        await witness.until("lost")

    loop.run_until_complete(main())


def test_a_descriptor_that_its_user_closed_can_be_removed(loop):
    near, far = socket.socketpair()
    loop.add_reader(near, print)
    number = near.fileno()
    near.close()
    far.close()

    assert loop.remove_reader(number)


def test_a_closed_loop_watches_nothing(make_poller, pair):
    ours, _ = pair
    loop = weft.Loop(poller=make_poller())
    loop.close()

    with pytest.raises(RuntimeError, match="closed"):
        loop.add_reader(ours, print)
    assert not loop.remove_reader(ours)
    assert not loop.remove_writer(ours)


def test_pipes_can_be_watched(loop):
    reading, writing = os.pipe()
    got = []

    def read():
        got.append(os.read(reading, 100))
        loop.stop()

    loop.add_reader(reading, read)
    os.write(writing, b"through the pipe")
    loop.run_forever()
    loop.remove_reader(reading)
    os.close(reading)
    os.close(writing)

    assert got == [b"through the pipe"]


def test_a_reader_that_raises_is_reported(loop, pair, reported):
    ours, theirs = pair
    theirs.send(b"x")

    def fail():
        loop.remove_reader(ours)
        raise ZeroDivisionError

    loop.add_reader(ours, fail)
    run_turns(loop)

    assert isinstance(reported.pop()["exception"], ZeroDivisionError)


# -- sock_*


def test_sock_recv_waits_for_bytes_and_returns_nothing_at_the_end(loop, pair):
    ours, theirs = pair

    async def main():
        task = asyncio.create_task(loop.sock_recv(ours, 100))
        await settle()
        waited = not task.done()
        theirs.send(b"late")
        got = await task
        theirs.send(b"already there")
        at_once = await loop.sock_recv(ours, 100)
        theirs.close()
        return waited, got, at_once, await loop.sock_recv(ours, 100)

    assert loop.run_until_complete(main()) == (True, b"late", b"already there", b"")


def test_sock_recv_into_fills_the_buffer(loop, pair):
    ours, theirs = pair
    buffer = bytearray(10)

    async def main():
        task = asyncio.create_task(loop.sock_recv_into(ours, buffer))
        await settle()
        theirs.send(b"abc")
        return await task

    assert loop.run_until_complete(main()) == 3
    assert buffer[:3] == b"abc"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_sock_sendall_sends_more_than_the_system_takes_at_once(loop, pair, kind):
    ours, theirs = pair
    data = bytes(range(256)) * 20_000

    async def main():
        sending = asyncio.create_task(loop.sock_sendall(ours, kind(data)))
        got = bytearray()
        while len(got) < len(data):
            got += await loop.sock_recv(theirs, 1 << 20)
        await sending
        return bytes(got)

    assert loop.run_until_complete(main()) == data


def test_sock_sendall_sends_an_empty_datagram(loop):
    async def main():
        with socket.socket(type=socket.SOCK_DGRAM) as sender, socket.socket(type=socket.SOCK_DGRAM) as receiver:
            sender.setblocking(False)
            receiver.setblocking(False)
            receiver.bind(("127.0.0.1", 0))
            sender.connect(receiver.getsockname())
            await loop.sock_sendall(sender, b"")
            return await loop.sock_recvfrom(receiver, 100), sender.getsockname()

    (data, sent_by), sender = loop.run_until_complete(main())
    assert (data, sent_by) == (b"", sender)


def test_sock_connect_and_sock_accept_make_a_connection(loop):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
            listening.setblocking(False)
            client.setblocking(False)
            accepting = asyncio.create_task(loop.sock_accept(listening))
            await settle()
            await loop.sock_connect(client, listening.getsockname())
            connection, address = await accepting
            with connection:
                await loop.sock_sendall(client, b"hello")
                return await loop.sock_recv(connection, 100), address == client.getsockname(), connection.gettimeout()

    assert loop.run_until_complete(main()) == (b"hello", True, 0.0)


def test_sock_connect_looks_a_name_up(loop):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, ("localhost", listening.getsockname()[1]))
            return client.getpeername() == listening.getsockname()

    assert loop.run_until_complete(main())


def test_sock_connect_to_a_port_that_nobody_listens_on_is_refused(loop):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address = listening.getsockname()
        with socket.socket() as client:
            client.setblocking(False)
            with pytest.raises(ConnectionRefusedError, match=str(address[1])):
                await loop.sock_connect(client, address)

    loop.run_until_complete(main())


@pytest.mark.parametrize("verb", ["sock_recv", "sock_sendall", "sock_accept"])
def test_cancelling_a_wait_for_a_socket_stops_watching_it(loop, verb):
    async def main():
        near, far = socket.socketpair()
        listening = socket.create_server(("127.0.0.1", 0))
        for sock in (near, far, listening):
            sock.setblocking(False)
        calls = {
            "sock_recv": lambda: loop.sock_recv(near, 100),
            "sock_sendall": lambda: loop.sock_sendall(near, bytes(50_000_000)),
            "sock_accept": lambda: loop.sock_accept(listening),
        }
        task = asyncio.create_task(calls[verb]())
        await settle()
        waited = not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        left = [loop.remove_reader(sock) or loop.remove_writer(sock) for sock in (near, listening)]
        for sock in (near, far, listening):
            sock.close()
        return waited, left

    assert loop.run_until_complete(main()) == (True, [False, False])


def test_a_socket_that_fails_raises_its_error(loop):
    from .conftest import tcp_pair
    from .test_stream_life import reset

    ours, theirs = tcp_pair()
    ours.setblocking(False)

    async def main():
        task = asyncio.create_task(loop.sock_recv(ours, 100))
        await settle()
        reset(theirs)
        with pytest.raises(ConnectionResetError):
            await task

    loop.run_until_complete(main())
    ours.close()


def test_in_debug_mode_a_blocking_socket_is_refused(loop, pair):
    ours, _ = pair
    ours.setblocking(True)
    loop.set_debug(True)

    with pytest.raises(ValueError, match="non-blocking"):
        loop.run_until_complete(loop.sock_recv(ours, 100))
