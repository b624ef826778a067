"""Happy Eyeballs: which addresses are tried in which order, who wins, and that the others leave nothing behind."""

import asyncio
import contextlib
import select
import socket

import pytest

from weft.faces.asyncio.eyeballs import interleaved

from .conftest import settle
from .fakes import Witness

LOCAL = "127.0.0.1"
V4, V6 = socket.AF_INET, socket.AF_INET6


def info(family, address):
    return (family, socket.SOCK_STREAM, 6, "", address)


def resolving_to(*infos):
    async def getaddrinfo(host, port, **options):
        return list(infos)

    return getaddrinfo


def closed_port():
    with socket.create_server((LOCAL, 0)) as listening:
        return listening.getsockname()[1]


class SilentHost:
    """A listener with a full backlog: who connects to it gets no answer, until it is closed."""

    def __init__(self):
        self.listening = socket.create_server((LOCAL, 0), backlog=0)
        self.address = self.listening.getsockname()
        self.waiting = []
        while True:
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(self.address)
            self.waiting.append(sock)
            # A connection that does not stand within a while was not taken into the backlog.
            if not select.select([], [sock], [], 0.2)[1]:
                return

    def close(self):
        for sock in (*self.waiting, self.listening):
            sock.close()


@pytest.fixture
def silent(descriptors):
    with contextlib.closing(SilentHost()) as host:
        yield host


async def serving(loop):
    server = await loop.create_server(Witness, LOCAL, 0)
    return server, server.sockets[0].getsockname()


async def connected(loop, server, **options):
    transport, _ = await loop.create_connection(Witness, "host.example", 80, **options)
    peer = transport.get_extra_info("peername")
    transport.close()
    server.close()
    server.close_clients()
    await server.wait_closed()
    await settle()
    return peer


def test_the_next_address_is_tried_while_the_first_gives_no_answer(loop, silent):
    async def main():
        server, address = await serving(loop)
        loop.getaddrinfo = resolving_to(info(V4, silent.address), info(V4, address))
        peer = await connected(loop, server, happy_eyeballs_delay=0.01)
        return peer == address

    assert loop.run_until_complete(main())
    assert asyncio.all_tasks(loop) == set()


def test_a_failed_attempt_begins_the_next_one_at_once(loop):
    async def main():
        server, address = await serving(loop)
        loop.getaddrinfo = resolving_to(info(V4, (LOCAL, closed_port())), info(V4, address))
        peer = await connected(loop, server, happy_eyeballs_delay=3600)
        return peer == address

    assert loop.run_until_complete(main())


def test_the_first_address_wins_if_it_answers(loop):
    async def main():
        server, address = await serving(loop)
        loop.getaddrinfo = resolving_to(info(V4, address), info(V4, (LOCAL, closed_port())))
        peer = await connected(loop, server, happy_eyeballs_delay=3600)
        return peer == address

    assert loop.run_until_complete(main())


def test_several_that_connect_at_once_leave_one(loop):
    async def main():
        server, address = await serving(loop)
        loop.getaddrinfo = resolving_to(*[info(V4, address)] * 5)
        peer = await connected(loop, server, happy_eyeballs_delay=0)
        return peer == address

    assert loop.run_until_complete(main())


def test_when_all_fail_the_errors_come_in_the_order_of_the_addresses(loop):
    ports = [closed_port(), closed_port()]
    loop.getaddrinfo = resolving_to(info(V4, (LOCAL, ports[0])), info(V4, ("127.0.0.2", ports[1])))

    with pytest.raises(OSError, match=rf"Multiple exceptions: .*{LOCAL}.*, .*127\.0\.0\.2"):
        loop.run_until_complete(loop.create_connection(Witness, "host.example", 80, happy_eyeballs_delay=0))
    with pytest.raises(ExceptionGroup) as group:
        loop.run_until_complete(
            loop.create_connection(Witness, "host.example", 80, happy_eyeballs_delay=0, all_errors=True)
        )

    assert [type(error) for error in group.value.exceptions] == [ConnectionRefusedError] * 2


def test_an_address_of_an_unknown_family_is_one_that_failed(loop):
    loop.getaddrinfo = resolving_to(info(12345, ("nowhere", 1)), info(V4, (LOCAL, closed_port())))

    for delay in (None, 0):
        with pytest.raises(OSError, match=r"Multiple exceptions: .*family.*, .*Connect call failed"):
            loop.run_until_complete(loop.create_connection(Witness, "host.example", 80, happy_eyeballs_delay=delay))


def test_cancelling_gives_every_attempt_up(loop, silent):
    loop.getaddrinfo = resolving_to(*[info(V4, silent.address)] * 3)

    async def main():
        connecting = loop.create_task(loop.create_connection(Witness, "host.example", 80, happy_eyeballs_delay=0))
        while len(asyncio.all_tasks()) < 5:  # this one, the connecting one, three attempts
            await asyncio.sleep(0)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert loop.run_until_complete(main()) == set()


def test_what_is_not_an_error_of_the_system_is_raised_and_nothing_is_left(loop):
    loop.getaddrinfo = resolving_to(info(V4, "not an address"), info(V4, "neither"))

    with pytest.raises(TypeError):
        loop.run_until_complete(loop.create_connection(Witness, "host.example", 80, happy_eyeballs_delay=3600))

    assert asyncio.all_tasks(loop) == set()


def test_families_take_turns():
    six = [info(V6, number) for number in range(3)]
    four = [info(V4, number) for number in range(2)]

    def order(first_count):
        return [(each[0], each[4]) for each in interleaved([*six, *four], first_count)]

    assert order(1) == [(V6, 0), (V4, 0), (V6, 1), (V4, 1), (V6, 2)]
    assert order(2) == [(V6, 0), (V6, 1), (V4, 0), (V6, 2), (V4, 1)]
    assert order(9) == [(V6, 0), (V6, 1), (V6, 2), (V4, 0), (V4, 1)]
