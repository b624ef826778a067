"""TCP: ports, hosts, protocols, the open port's life."""

import asyncio
import errno
import socket

import pytest

import weft
from weft.endpoints import Port, TcpClient, TcpServer
from weft.errors import EndpointError

from .conftest import ask, shout


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Collect(asyncio.Protocol):
    def __init__(self):
        self.came = b""
        self.ended = asyncio.get_running_loop().create_future()

    def data_received(self, data):
        self.came += data

    def connection_lost(self, error):
        self.ended.set_result(error)


def test_a_protocol_that_connects_speaks_with_one_that_listens(run):
    async def main():
        async with await weft.listen("tcp:0:interface=127.0.0.1", Echo) as port:
            transport, protocol = await weft.connect(TcpClient(*port.addresses[0]), Collect)
            transport.write(b"hello")
            transport.write_eof()
            error = await protocol.ended
            return type(protocol), protocol.came, error

    assert run(main()) == (Collect, b"hello", None)


@pytest.mark.parametrize(
    "string, host", [("tcp:0", "127.0.0.1"), ("tcp6:0", "::1"), (r"tcp:0:interface=\:\:1", "::1")]
)
def test_each_kind_listens_on_its_own_family(run, string, host):
    async def main():
        async with await weft.serve_streams(string, shout) as port:
            number = port.addresses[0][1]
            family = {sock.family for sock in port.sockets}
            return await ask(TcpClient(host, number)), family

    assert run(main()) == (b"HELLO", {socket.AF_INET6 if ":" in host else socket.AF_INET})


def test_tcp6_connects_by_ipv6_alone(run):
    async def main():
        async with await weft.serve_streams("tcp6:0", shout) as port:
            number = port.addresses[0][1]
            answer = await ask(rf"tcp6:\:\:1:{number}")
        async with await weft.serve_streams("tcp:0", shout) as port:
            with pytest.raises(socket.gaierror):
                await ask(f"tcp6:127.0.0.1:{port.addresses[0][1]}")
        return answer

    assert run(main()) == b"HELLO"


def test_a_port_in_use_is_refused(run):
    async def main():
        async with await weft.listen("tcp:0:interface=127.0.0.1", Echo) as port:
            with pytest.raises(OSError, match="in use") as raised:
                await weft.listen(f"tcp:{port.addresses[0][1]}:interface=127.0.0.1", Echo)
            return raised.value.errno

    assert run(main()) == errno.EADDRINUSE


def test_several_may_share_a_port_that_both_say_is_to_be_shared(run):
    async def main():
        async with (
            await weft.listen("tcp:0:interface=127.0.0.1:reuse_port=yes", Echo) as one,
            await weft.listen(f"tcp:{one.addresses[0][1]}:interface=127.0.0.1:reuse_port=yes", Echo) as other,
        ):
            return one.addresses == other.addresses

    assert run(main())


def test_a_closed_port_accepts_no_more_and_its_connections_live_on(run):
    async def main():
        port = await weft.serve_streams("tcp:0:interface=127.0.0.1", shout)
        reader, writer = await weft.open_stream(TcpClient(*port.addresses[0]))
        writer.write(b"before\n")
        before = await reader.readline()

        await port.close()
        await port.close()

        with pytest.raises(ConnectionRefusedError):
            await weft.open_stream(TcpClient(*port.addresses[0]))
        writer.write(b"after\n")
        after = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return before, after, port.is_open(), port.sockets, len(port.addresses)

    assert run(main()) == (b"BEFORE\n", b"AFTER\n", False, (), 1)


def test_wait_closed_ends_when_somebody_closes(run):
    async def main():
        port = await weft.listen("tcp:0:interface=127.0.0.1", Echo)
        waiting = [asyncio.create_task(port.wait_closed()) for _ in range(3)]
        waiting[0].cancel()
        await asyncio.sleep(0)
        still_open = [task.done() for task in waiting[1:]]
        await port.close()
        await asyncio.gather(*waiting[1:])
        await port.wait_closed()
        return still_open

    assert run(main()) == [False, False]


def test_a_port_says_where_it_listens(run):
    async def main():
        async with await weft.listen("tcp:0:interface=127.0.0.1", Echo) as port:
            shown = repr(port)
        return shown, repr(port), port.addresses[0]

    shown, closed, address = run(main())

    assert shown == f"<weft.endpoints.Port open at {address}>"
    assert closed == f"<weft.endpoints.Port closed at {address}>"


def test_closing_undoes_the_rest_when_one_thing_fails(run):
    async def main():
        undone = []
        port = Port(addresses=["nowhere"])
        port.on_close(lambda: undone.append("last"))
        port.on_close(lambda: 1 / 0)
        port.on_close(lambda: undone.append("first"))
        with pytest.raises(ZeroDivisionError):
            await port.close()
        await port.close()
        return undone

    assert run(main()) == ["first", "last"]


@pytest.fixture
def deaf():
    """A host and a port where nobody answers: a listening socket with a full queue."""
    with socket.create_server(("127.0.0.2", 0), backlog=0) as listening:
        callers = []
        for _ in range(3):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(listening.getsockname())
            callers.append(caller)
        yield listening.getsockname()
        for caller in callers:
            caller.close()


def test_connecting_gives_up_after_its_timeout(run, deaf):
    async def main():
        with pytest.raises(TimeoutError, match=rf"127.0.0.2 port {deaf[1]} did not answer within 0.05 s"):
            await weft.connect(TcpClient(*deaf, timeout_s=0.05), Echo)

    run(main())


def test_a_host_whose_first_address_is_deaf_is_reached_by_the_next(run, deaf, monkeypatch):
    def look_up(host, port, family=0, kind=0, proto=0, flags=0):
        if host != "two.example" or flags & socket.AI_NUMERICHOST:
            return actual(host, port, family, kind, proto, flags)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port)))
            for address in ("127.0.0.2", "127.0.0.1")
        ]

    actual = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def main():
        async with await weft.serve_streams(TcpServer(deaf[1], "127.0.0.1"), shout):
            return await ask(f"tcp:two.example:{deaf[1]}:happy_eyeballs_delay=0.01")

    assert run(main()) == b"HELLO"


def test_a_client_connects_from_the_address_that_it_is_told(run):
    async def main():
        async def say_who(reader, writer):
            writer.write(writer.get_extra_info("peername")[0].encode() + b"\n")

        async with await weft.serve_streams("tcp:0:interface=127.0.0.1", say_who) as port:
            return await ask(TcpClient(*port.addresses[0], bind_address="127.0.0.3"))

    assert run(main()) == b"127.0.0.3"


def test_an_endpoint_can_be_used_again_and_compared_and_hashed(run):
    endpoint = TcpServer(0, "127.0.0.1")

    async def main():
        async with await weft.listen(endpoint, Echo) as one, await weft.listen(endpoint, Echo) as other:
            return one.addresses != other.addresses

    assert run(main())
    assert len({endpoint, TcpServer(0, "127.0.0.1"), TcpServer(1)}) == 2


def test_a_conversation_that_returns_closes_its_connection_after_all_is_sent(run):
    async def main():
        async def talk(reader, writer):
            writer.write(b"x" * 1_000_000)

        async with await weft.serve_streams("tcp:0:interface=127.0.0.1", talk) as port:
            reader, writer = await weft.open_stream(TcpClient(*port.addresses[0]))
            came = await reader.read()
            writer.close()
            await writer.wait_closed()
            return len(came)

    assert run(main()) == 1_000_000


def test_a_conversation_that_fails_is_reported_and_its_connection_cut(run, reported):
    async def main():
        async def fail(reader, writer):
            raise LookupError("on purpose")

        async with await weft.serve_streams("tcp:0:interface=127.0.0.1", fail) as port:
            reader, writer = await weft.open_stream(TcpClient(*port.addresses[0]))
            came = await reader.read()
            writer.close()
            return came

    assert run(main()) == b""
    report = reported.pop()
    assert isinstance(report["exception"], LookupError)
    assert "conversation with ('127.0.0.1'" in report["message"]


def test_conversations_are_cancelled_with_their_loop_and_nobody_complains(run):
    async def main():
        begun = asyncio.Event()

        async def wait(reader, writer):
            begun.set()
            await asyncio.Event().wait()

        async with await weft.serve_streams("tcp:0:interface=127.0.0.1", wait) as port:
            _, writer = await weft.open_stream(TcpClient(*port.addresses[0]))
            await begun.wait()
            writer.transport.abort()

    run(main())


def test_a_stream_refuses_a_line_beyond_its_limit(run):
    async def main():
        async def endless(reader, writer):
            writer.write(b"x" * 5000)
            await reader.read()

        async with await weft.serve_streams("tcp:0:interface=127.0.0.1", endless) as port:
            reader, writer = await weft.open_stream(TcpClient(*port.addresses[0]), limit_bytes=1000)
            with pytest.raises(ValueError, match="limit"):
                await reader.readline()
            writer.close()
            await writer.wait_closed()

    run(main())


def test_what_is_no_endpoint_and_what_is_no_factory_is_said(run):
    async def main():
        with pytest.raises(EndpointError, match=r"is no endpoint to listen with.*Right: weft\.listen"):
            await weft.listen(TcpClient("localhost", 1), Echo)
        with pytest.raises(EndpointError, match=r"8080 is no endpoint to connect with.*Right: weft\.connect"):
            await weft.connect(8080, Echo)
        with pytest.raises(EndpointError, match="the class or a function, not an instance"):
            await weft.listen("tcp:0", Echo())

    run(main())
