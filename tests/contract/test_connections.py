"""create_connection and create_server: what they return, refuse and leave behind."""

import asyncio
import errno
import gc
import os
import select
import socket
import struct
import weakref

import pytest

from weft.transports.listener import SocketAcceptor

from .conftest import settle
from .fakes import Witness

LOCAL = "127.0.0.1"


def closed_port():
    with socket.create_server((LOCAL, 0)) as listening:
        return listening.getsockname()[1]


def address_of(server):
    return server.sockets[0].getsockname()[:2]


async def close_all(server, *witnesses):
    for witness in witnesses:
        if witness.transport is not None:
            witness.transport.close()
            await witness.until("lost")
    server.close()
    await server.wait_closed()
    await settle()


# -- connecting


def test_a_connection_is_made_and_both_ends_are_told(loop):
    accepted, connected = Witness(), Witness()

    async def main():
        server = await loop.create_server(lambda: accepted, LOCAL, 0)
        transport, protocol = await loop.create_connection(lambda: connected, *address_of(server))
        await accepted.until("made")
        transport.write(b"hello")
        await accepted.until_data(5)
        names = transport.get_extra_info("peername") == address_of(server), protocol is connected
        sock = transport.get_extra_info("socket")
        no_delay = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        transport.close()
        await accepted.until("lost")
        await close_all(server)
        return names, bool(no_delay)

    assert loop.run_until_complete(main()) == ((True, True), True)
    assert accepted.calls == ["made", "data", "eof", "lost"]
    assert connected.calls == ["made", "lost"]


def test_a_refused_connection_says_so_and_names_the_address(loop):
    port = closed_port()

    with pytest.raises(ConnectionRefusedError, match=f"Connect call failed .*{port}"):
        loop.run_until_complete(loop.create_connection(Witness, LOCAL, port))


def two_addresses(first, second):
    async def getaddrinfo(host, port, **options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in (first, second)]

    return getaddrinfo


def test_when_no_address_answers_the_error_tells_what_each_said(loop):
    first, second = (LOCAL, closed_port()), ("127.0.0.2", closed_port())
    loop.getaddrinfo = two_addresses(first, second)

    with pytest.raises(
        OSError, match=r"Multiple exceptions: .*Connect call failed.*, .*Connect call failed"
    ) as caught:
        loop.run_until_complete(loop.create_connection(Witness, "two.example", 80))
    with pytest.raises(ExceptionGroup) as group:
        loop.run_until_complete(loop.create_connection(Witness, "two.example", 80, all_errors=True))

    assert "127.0.0.2" in str(caught.value)
    assert [type(error) for error in group.value.exceptions] == [ConnectionRefusedError] * 2


def test_when_every_address_says_the_same_it_is_said_once(loop):
    address = (LOCAL, closed_port())
    loop.getaddrinfo = two_addresses(address, address)

    with pytest.raises(ConnectionRefusedError):
        loop.run_until_complete(loop.create_connection(Witness, "two.example", 80))


def test_connecting_goes_through_a_sock_connect_of_one_s_own(loop):
    asked = []

    async def sock_connect(sock, address):
        asked.append(address)
        raise PermissionError("not from here")

    loop.sock_connect = sock_connect

    with pytest.raises(PermissionError):
        loop.run_until_complete(loop.create_connection(Witness, LOCAL, 80))
    with pytest.raises(PermissionError):
        loop.run_until_complete(loop.create_datagram_endpoint(Witness, remote_addr=(LOCAL, 81)))
    with pytest.raises(PermissionError):
        loop.run_until_complete(loop.create_unix_connection(Witness, "/a/path"))

    assert asked == [(LOCAL, 80), (LOCAL, 81), "/a/path"]


@pytest.mark.parametrize("host", ["", None])
def test_listening_everywhere_asks_a_getaddrinfo_of_one_s_own(loop, host):
    asked = []

    async def getaddrinfo(host, port, **options):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (LOCAL, port))]

    async def main():
        server = await loop.create_server(Witness, host, 0)
        address = address_of(server)
        await close_all(server)
        return address

    loop.getaddrinfo = getaddrinfo

    assert loop.run_until_complete(main())[0] == LOCAL
    assert asked == [None]


def test_the_next_address_is_tried_when_one_does_not_answer(loop):
    accepted, connected = Witness(), Witness()

    async def main():
        server = await loop.create_server(lambda: accepted, LOCAL, 0)
        loop.getaddrinfo = two_addresses((LOCAL, closed_port()), address_of(server))
        transport, _ = await loop.create_connection(lambda: connected, "two.example", 80)
        found = transport.get_extra_info("peername") == address_of(server)
        await accepted.until("made")
        await close_all(server, connected, accepted)
        return found

    assert loop.run_until_complete(main())


def test_the_local_address_can_be_chosen(loop):
    accepted, connected = Witness(), Witness()

    async def main():
        server = await loop.create_server(lambda: accepted, LOCAL, 0)
        transport, _ = await loop.create_connection(
            lambda: connected, *address_of(server), local_addr=("127.0.0.3", 0)
        )
        found = transport.get_extra_info("sockname")[0]
        await accepted.until("made")
        await close_all(server, connected, accepted)
        return found

    assert loop.run_until_complete(main()) == "127.0.0.3"


def test_a_local_address_that_cannot_be_bound_is_named(loop):
    with socket.create_server((LOCAL, 0)) as taken, pytest.raises(OSError, match="attempting to bind on address"):
        loop.run_until_complete(loop.create_connection(Witness, LOCAL, closed_port(), local_addr=taken.getsockname()))


def test_a_socket_that_is_connected_already_is_taken_over(loop, pair):
    ours, theirs = pair
    witness = Witness()

    async def main():
        transport, _ = await loop.create_connection(lambda: witness, sock=ours)
        theirs.send(b"x")
        await witness.until_data(1)
        transport.close()
        await witness.until("lost")

    loop.run_until_complete(main())

    assert ours.fileno() == -1


@pytest.mark.parametrize(
    "options, error, text",
    [
        ({}, ValueError, "host and port was not specified"),
        ({"host": LOCAL, "port": 1, "sock": True}, ValueError, "can not be specified at the same time"),
        ({"host": LOCAL, "port": 1, "server_hostname": "x"}, ValueError, "only meaningful with ssl"),
        ({"host": LOCAL, "port": 1, "ssl_handshake_timeout": 1}, ValueError, "only meaningful with ssl"),
    ],
)
def test_options_that_contradict_each_other_are_refused(loop, pair, options, error, text):
    if options.get("sock"):
        options = {**options, "sock": pair[0]}

    with pytest.raises(error, match=text):
        loop.run_until_complete(loop.create_connection(Witness, **options))


def test_a_socket_that_is_no_stream_is_refused(loop):
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        for make in (loop.create_connection, loop.connect_accepted_socket, loop.create_server):
            with pytest.raises(ValueError, match="Stream Socket"):
                loop.run_until_complete(make(Witness, sock=datagrams))


def test_a_protocol_factory_that_raises_closes_the_socket(loop, pair):
    ours, _ = pair

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(loop.create_connection(fail, sock=ours))

    assert ours.fileno() == -1


def test_cancelling_while_connecting_leaves_no_descriptor(loop, descriptors):
    before = descriptors()

    async def main():
        with socket.socket() as full:
            full.bind((LOCAL, 0))
            full.listen(0)
            tasks = [asyncio.create_task(loop.create_connection(Witness, *full.getsockname())) for _ in range(20)]
            await settle()
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            for result in results:
                if not isinstance(result, BaseException):
                    result[0].abort()
            await settle()
            return [isinstance(result, asyncio.CancelledError) for result in results]

    assert any(loop.run_until_complete(main()))
    assert descriptors() == before


@pytest.mark.parametrize("turns", range(6))
def test_cancelling_at_any_turn_of_connecting_leaves_no_descriptor(loop, descriptors, turns):
    before = descriptors()

    async def main():
        with socket.create_server((LOCAL, 0)) as listening:
            witness = Witness()
            task = asyncio.create_task(loop.create_connection(lambda: witness, *listening.getsockname()))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            try:
                transport, _ = await task
                transport.close()
            except asyncio.CancelledError:
                pass
            await settle()
            return witness.calls

    calls = loop.run_until_complete(main())

    assert calls in ([], ["made", "lost"])
    assert descriptors() == before


def test_cancelling_right_after_the_protocol_was_connected_ends_its_stream(loop, pair):
    ours, _ = pair
    witness = Witness()

    async def main():
        task = asyncio.create_task(loop.create_connection(lambda: witness, sock=ours))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settle()

    loop.run_until_complete(main())

    assert witness.calls == ["made", "lost"]
    assert ours.fileno() == -1


# -- serving


def test_a_server_listens_on_every_host_it_is_given(loop):
    accepted = [Witness(), Witness()]
    waiting = list(accepted)

    async def main():
        server = await loop.create_server(waiting.pop, [LOCAL, "127.0.0.2"], 0)
        hosts = [sock.getsockname()[0] for sock in server.sockets]
        connected = []
        for sock in server.sockets:
            witness = Witness()
            await loop.create_connection(lambda witness=witness: witness, *sock.getsockname())
            connected.append(witness)
        for witness in accepted:
            await witness.until("made")
        await close_all(server, *connected, *accepted)
        return hosts

    assert loop.run_until_complete(main()) == [LOCAL, "127.0.0.2"]


def test_a_host_that_is_named_twice_is_listened_on_once(loop):
    async def main():
        port = closed_port()
        server = await loop.create_server(Witness, [LOCAL, LOCAL], port)
        count = len(server.sockets)
        await close_all(server)
        return count

    assert loop.run_until_complete(main()) == 1


@pytest.mark.parametrize("host", [None, ""])
def test_no_host_means_every_interface(loop, host):
    async def main():
        server = await loop.create_server(Witness, host, closed_port())
        hosts = {sock.getsockname()[0] for sock in server.sockets}
        await close_all(server)
        return hosts

    assert "0.0.0.0" in loop.run_until_complete(main())


def test_ipv6_is_listened_on_beside_ipv4(loop):
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        return  # this machine has no IPv6

    async def main():
        accepted, connected = Witness(), Witness()
        server = await loop.create_server(lambda: accepted, "::1", 0)
        with socket.socket(socket.AF_INET6) as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, server.sockets[0].getsockname())
            await accepted.until("made")
        await accepted.until("lost")
        transport, _ = await loop.create_connection(lambda: connected, *address_of(server))
        peername = transport.get_extra_info("peername")
        await close_all(server, connected)
        return peername[0]

    assert loop.run_until_complete(main()) == "::1"


def test_a_port_in_use_is_named_and_nothing_is_left_open(loop, descriptors):
    with socket.create_server((LOCAL, 0)) as taken:
        before = descriptors()

        with pytest.raises(OSError, match=r"attempting to bind on address .*: address already in use") as caught:
            loop.run_until_complete(loop.create_server(Witness, ["127.0.0.2", LOCAL], taken.getsockname()[1]))

        assert str(taken.getsockname()) in str(caught.value)
        assert descriptors() == before


def test_a_socket_that_cannot_listen_after_all_leaves_nothing_open(loop, descriptors):
    """Two sockets may be bound to one port while neither listens (SO_REUSEADDR); the second to listen fails."""
    port = closed_port()

    async def main():
        first = await loop.create_server(Witness, LOCAL, port, start_serving=False)
        second = await loop.create_server(Witness, LOCAL, port, start_serving=False)
        await first.start_serving()
        with pytest.raises(OSError, match="in use"):
            await second.start_serving()
        second.close()
        await close_all(first)

    before = descriptors()
    loop.run_until_complete(main())

    assert descriptors() == before


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="this system has no SO_REUSEPORT")
def test_two_servers_share_a_port_if_both_want_to(loop):
    port = closed_port()

    async def main():
        servers = [await loop.create_server(Witness, LOCAL, port, reuse_port=True) for _ in range(2)]
        ports = [address_of(server)[1] for server in servers]
        for server in servers:
            await close_all(server)
        return ports

    assert loop.run_until_complete(main()) == [port, port]


def test_a_server_that_is_not_started_accepts_once_it_is(loop):
    accepted, connected = Witness(), Witness()

    async def main():
        server = await loop.create_server(lambda: accepted, LOCAL, 0, start_serving=False)
        serving = [server.is_serving()]
        address = address_of(server)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Witness, *address)
        await server.start_serving()
        await server.start_serving()
        serving.append(server.is_serving())
        await loop.create_connection(lambda: connected, *address)
        await accepted.until("made")
        await close_all(server, connected, accepted)
        serving.append(server.is_serving())
        return serving

    assert loop.run_until_complete(main()) == [False, True, False]


def test_a_listening_socket_can_be_given(loop):
    accepted, connected = Witness(), Witness()

    async def main():
        listening = socket.create_server((LOCAL, 0))
        server = await loop.create_server(lambda: accepted, sock=listening)
        await loop.create_connection(lambda: connected, *address_of(server))
        await accepted.until("made")
        await close_all(server, connected, accepted)
        return listening.fileno()

    assert loop.run_until_complete(main()) == -1


@pytest.mark.parametrize(
    "options, text",
    [({}, "Neither host/port nor sock"), ({"host": LOCAL, "port": 0, "sock": True}, "at the same time")],
)
def test_a_server_without_a_place_or_with_two_is_refused(loop, pair, options, text):
    if options.get("sock"):
        options = {**options, "sock": pair[0]}

    with pytest.raises(ValueError, match=text):
        loop.run_until_complete(loop.create_server(Witness, **options))


def test_a_closed_server_accepts_no_more_and_its_connections_live_on(loop):
    accepted, connected = Witness(), Witness()

    async def main():
        server = await loop.create_server(lambda: accepted, LOCAL, 0)
        address = address_of(server)
        transport, _ = await loop.create_connection(lambda: connected, *address)
        await accepted.until("made")
        server.close()
        server.close()
        sockets = server.sockets
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Witness, *address)
        transport.write(b"still here")
        await accepted.until_data(10)
        with pytest.raises(RuntimeError, match="closed"):
            await server.start_serving()
        await close_all(server, connected, accepted)
        return sockets

    assert loop.run_until_complete(main()) == ()


def test_wait_closed_that_began_before_the_end_waits_for_the_last_connection(loop):
    accepted, connected = Witness(), Witness()

    async def main():
        server = await loop.create_server(lambda: accepted, LOCAL, 0)
        await loop.create_connection(lambda: connected, *address_of(server))
        await accepted.until("made")
        waiting = asyncio.create_task(server.wait_closed())
        await settle()
        server.close()
        await settle()
        was_waiting = not waiting.done()
        accepted.transport.abort()
        await waiting
        await close_all(server, connected)
        return was_waiting

    assert loop.run_until_complete(main())


@pytest.mark.parametrize("verb", ["close_clients", "abort_clients"])
def test_a_server_can_end_its_connections(loop, verb):
    accepted, connected = [Witness(), Witness()], [Witness(), Witness()]
    waiting = list(accepted)

    async def main():
        server = await loop.create_server(waiting.pop, LOCAL, 0)
        for witness in connected:
            await loop.create_connection(lambda witness=witness: witness, *address_of(server))
        for witness in accepted:
            await witness.until("made")
        getattr(server, verb)()
        for witness in (*accepted, *connected):
            await witness.until("lost")
        await close_all(server)

    loop.run_until_complete(main())

    assert [witness.calls.count("lost") for witness in (*accepted, *connected)] == [1] * 4


def test_serve_forever_ends_when_it_is_cancelled_and_closes_the_server(loop):
    async def main():
        server = await loop.create_server(Witness, LOCAL, 0, start_serving=False)
        serving = asyncio.create_task(server.serve_forever())
        await settle()
        was_serving = server.is_serving()
        with pytest.raises(RuntimeError, match="already being awaited"):
            await server.serve_forever()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        return was_serving, server.is_serving(), server.sockets

    assert loop.run_until_complete(main()) == (True, False, ())


def test_serve_forever_ends_when_the_server_is_closed(loop):
    async def main():
        server = await loop.create_server(Witness, LOCAL, 0)
        serving = asyncio.create_task(server.serve_forever())
        await settle()
        server.close()
        with pytest.raises(asyncio.CancelledError):
            await serving

    loop.run_until_complete(main())


def test_a_server_as_a_context_is_closed_at_its_end(loop):
    async def main():
        async with await loop.create_server(Witness, LOCAL, 0) as server:
            inside = server.is_serving()
        return inside, server.is_serving(), server.get_loop() is loop

    assert loop.run_until_complete(main()) == (True, False, True)


def test_a_factory_that_raises_on_accept_is_reported_and_the_next_connection_is_served(loop, reported, descriptors):
    accepted = Witness()
    made = []

    def factory():
        made.append(1)
        if len(made) == 1:
            raise ZeroDivisionError("the first")
        return accepted

    async def main():
        server = await loop.create_server(factory, LOCAL, 0)
        refused, connected = Witness(), Witness()
        await loop.create_connection(lambda: refused, *address_of(server))
        await refused.until("lost")
        await loop.create_connection(lambda: connected, *address_of(server))
        await accepted.until("made")
        await close_all(server, connected, accepted)

    before = descriptors()
    loop.run_until_complete(main())

    assert str(reported.pop()["exception"]) == "the first"
    assert descriptors() == before


def test_many_connections_at_once_are_all_accepted(loop):
    count = 150

    class Answers(Witness):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.write(b"hello")
            transport.close()

    async def main():
        server = await loop.create_server(Answers, LOCAL, 0, backlog=count)
        witnesses = [Witness() for _ in range(count)]
        await asyncio.gather(
            *(loop.create_connection(lambda witness=witness: witness, *address_of(server)) for witness in witnesses)
        )
        for witness in witnesses:
            await witness.until("lost")
        await close_all(server)
        return {bytes(witness.data) for witness in witnesses}

    assert loop.run_until_complete(main()) == {b"hello"}


def test_each_accepted_connection_has_a_context_of_its_own(loop):
    import contextvars

    mark = contextvars.ContextVar("mark", default="default")
    seen = []

    class Marks(Witness):
        def connection_made(self, transport):
            super().connection_made(transport)
            seen.append(mark.get())
            mark.set("of another connection")

    async def main():
        mark.set("of the server")
        accepted = [Marks(), Marks()]
        waiting = list(accepted)
        server = await loop.create_server(waiting.pop, LOCAL, 0)
        connected = [Witness(), Witness()]
        for witness in connected:
            await loop.create_connection(lambda witness=witness: witness, *address_of(server))
        for witness in accepted:
            await witness.until("made")
        await close_all(server, *connected, *accepted)

    loop.run_until_complete(main())

    assert seen == ["of the server", "of the server"]


# -- what a connection that was accepted keeps of its socket


async def accepted(loop, family=socket.AF_INET, address="127.0.0.1"):
    """Return the server's transport of a new connection, the client's socket, and the server."""
    made = loop.create_future()

    class Keeping(asyncio.Protocol):
        def connection_made(self, transport):
            made.set_result(transport)

    server = await loop.create_server(Keeping, address, 0, family=family)
    client = socket.socket(family)
    client.setblocking(False)
    await loop.sock_connect(client, server.sockets[0].getsockname())
    return await made, client, server


@pytest.mark.parametrize(
    "family, address", [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["ipv4", "ipv6"]
)
def test_an_accepted_connection_knows_both_addresses_also_when_it_is_closed(loop, family, address):
    async def main():
        transport, client, server = await accepted(loop, family, address)
        with client:
            expected = client.getsockname(), client.getpeername()
            for _ in range(2):
                assert transport.get_extra_info("peername") == expected[0]
                assert transport.get_extra_info("sockname") == expected[1]
            transport.abort()
            await asyncio.sleep(0)
            assert transport.get_extra_info("peername") == expected[0]
            assert transport.get_extra_info("sockname") == expected[1]
        server.close()

    loop.run_until_complete(main())


def test_the_peer_s_address_is_known_after_a_reset(loop):
    async def main():
        transport, client, server = await accepted(loop)
        address = client.getsockname()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        while not transport.is_closing():
            await asyncio.sleep(0)
        assert transport.get_extra_info("peername") == address
        server.close()

    loop.run_until_complete(main())


def test_an_accepted_connection_shows_its_socket_and_closes_it(loop):
    async def main():
        transport, client, server = await accepted(loop)
        with client:
            shown = transport.get_extra_info("socket")
            assert (shown.family, shown.type) == (socket.AF_INET, socket.SOCK_STREAM)
            assert shown.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert shown.getpeername() == client.getsockname()
            assert transport.get_extra_info("socket") is shown
            transport.abort()
            await asyncio.sleep(0)
            assert shown.fileno() == -1
        server.close()

    loop.run_until_complete(main())


def test_an_accepted_channel_that_nobody_closes_says_so_and_gives_its_descriptor_back():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        acceptor = SocketAcceptor(listening)
        with socket.create_connection(listening.getsockname()) as client:
            channels = [acceptor.accept()]
            with pytest.warns(ResourceWarning, match="unclosed"):
                channels.clear()
            assert client.recv(1) == b""


def test_an_accepted_channel_in_a_cycle_with_its_shown_socket_closes_its_descriptor_once():
    class Holder:
        pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        acceptor = SocketAcceptor(listening)
        with socket.create_connection(listening.getsockname()) as client:
            holder = Holder()
            holder.itself = holder
            holder.shown = acceptor.accept().name("socket")
            assert holder.shown.getpeername() == client.getsockname()
            del holder
            with pytest.warns(ResourceWarning, match="unclosed") as told:
                gc.collect()
            assert len(told) == 1
            assert client.recv(1) == b""


def test_letting_go_of_the_shown_socket_keeps_the_connection_and_nothing_else(loop):
    async def main():
        transport, client, server = await accepted(loop)
        with client:
            shown = transport.get_extra_info("socket")
            witness = weakref.ref(shown)
            del shown
            assert witness() is None
            transport.write(b"still here")
            assert await loop.sock_recv(client, 100) == b"still here"
            assert transport.get_extra_info("socket").getpeername() == client.getsockname()
            transport.abort()
            await asyncio.sleep(0)
        server.close()

    loop.run_until_complete(main())


@pytest.mark.parametrize("side", ["accepted", "connected"])
def test_a_shown_socket_never_speaks_of_the_connection_that_has_its_number_now(loop, side):
    async def main():
        transport, client, server = await accepted(loop)
        with client:
            if side == "connected":
                client.setblocking(False)
                transport, _ = await loop.create_connection(Witness, sock=client)
            shown = transport.get_extra_info("socket")
            number = shown.fileno()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                transport.abort()
                await asyncio.sleep(0)
                os.dup2(other.fileno(), number)
                try:
                    assert shown.fileno() == -1
                    for ask in (shown.getpeername, shown.getsockname, shown.dup):
                        with pytest.raises(OSError, match="Bad file descriptor") as refused:
                            ask()
                        assert refused.value.errno == errno.EBADF
                    with pytest.raises(OSError, match="Bad file descriptor"):
                        shown.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                    assert transport.get_extra_info("socket") is shown
                    del shown
                    assert transport.get_extra_info("socket").fileno() == -1
                    gc.collect()
                    os.fstat(number)  # is still open
                finally:
                    os.close(number)
        server.close()

    loop.run_until_complete(main())


def test_a_copy_of_the_shown_socket_outlives_the_connection(loop):
    async def main():
        transport, client, server = await accepted(loop)
        with client:
            with transport.get_extra_info("socket").dup() as copy:
                assert copy.gettimeout() == 0
                assert select.select([], [copy], [], 0)[1] == [copy]
                transport.abort()
                await asyncio.sleep(0)
                copy.send(b"from the copy")
                assert await loop.sock_recv(client, 100) == b"from the copy"
            assert await loop.sock_recv(client, 100) == b""
        server.close()

    loop.run_until_complete(main())


def method_of_another(taken):
    class Taker:
        def take(self, data):
            taken.append(data)

    class Given(asyncio.Protocol):
        def __init__(self):
            self.data_received = Taker().take

    return Given


def static_method(taken):
    class Given(asyncio.Protocol):
        data_received = staticmethod(taken.append)

    return Given


def class_method(taken):
    class Given(asyncio.Protocol):
        @classmethod
        def data_received(cls, data):
            assert cls is Given
            taken.append(data)

    return Given


def other_method_of_its_own(taken):
    class Given(asyncio.Protocol):
        def __init__(self):
            self.data_received = self.take

        def take(self, data):
            assert type(self) is Given
            taken.append(data)

    return Given


def answer_to_any_name(taken):
    class Given:
        def connection_made(self, transport):
            pass

        def connection_lost(self, error):
            pass

        def __getattr__(self, name):
            return taken.append

    return Given


def method_of_a_builtin(taken):
    class Given(list):
        data_received = list.append

        def connection_made(self, transport):
            pass

        def connection_lost(self, error):
            taken.extend(self)

    return Given


@pytest.mark.parametrize(
    "kind",
    [
        method_of_another, static_method, class_method, other_method_of_its_own, answer_to_any_name,
        method_of_a_builtin,
    ],
)  # fmt: skip
def test_data_is_given_to_whatever_the_protocol_has_by_that_name(loop, kind):
    taken = []

    async def main():
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        with theirs:
            transport, _ = await loop.create_connection(kind(taken), sock=ours)
            await loop.sock_sendall(theirs, b"this")
            while transport.get_protocol() != [b"this"] and not taken:
                await asyncio.sleep(0)
            transport.abort()
            await settle()

    loop.run_until_complete(main())
    assert taken == [b"this"]
