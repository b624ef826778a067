"""Sockets that a program hands to the reactor (IReactorSocket): what Twisted's own tests leave open."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import error
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.protocol import Factory, Protocol

from weft.faces.twisted import WeftReactor

from .conftest import Log, turn
from .test_twisted_udp import Echo
from .test_twisted_unix import Clients, Once, Receiver

HERE = "127.0.0.1"


class Listening:
    """A socket that listens, and how to connect there."""

    def __init__(self, family: socket.AddressFamily, folder: Path) -> None:
        self.family = family
        self.path = folder / "socket"
        self.sock = socket.socket(family)
        self.sock.bind(str(self.path) if family == socket.AF_UNIX else (HERE, 0))
        self.sock.listen()
        self.sock.setblocking(False)

    def connect(self, reactor: WeftReactor, protocol: Any) -> None:
        if self.family == socket.AF_UNIX:
            reactor.connectUNIX(str(self.path), Clients(protocol))
        else:
            reactor.connectTCP(*self.sock.getsockname(), Clients(protocol))


@pytest.fixture(params=[socket.AF_INET, socket.AF_UNIX], ids=["tcp", "unix"])
def listening(request: pytest.FixtureRequest, descriptors: object, tmp_path: Path) -> Iterator[Listening]:
    made = Listening(request.param, tmp_path)
    yield made
    made.sock.close()


@pytest.fixture(params=[socket.AF_INET, socket.AF_UNIX], ids=["tcp", "unix"])
def pair(request: pytest.FixtureRequest, descriptors: object) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets that are connected, the first of them not blocking."""
    if request.param == socket.AF_UNIX:
        ours, theirs = socket.socketpair()
    else:
        with socket.create_server((HERE, 0)) as server:
            theirs = socket.create_connection(server.getsockname())
            ours, _ = server.accept()
    ours.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_a_port_accepts_at_a_socket_that_it_was_given(run: Any, listening: Listening) -> None:
    async def main(reactor: WeftReactor) -> None:
        server, client = Receiver(), Receiver()
        port = reactor.adoptStreamPort(listening.sock.fileno(), listening.family, Once(server))
        assert port.fileno() != listening.sock.fileno()
        listening.connect(reactor, client)
        await server.made()
        await client.made()
        client.transport.write(b"hello")
        await server.until(lambda: server.data == b"hello")
        await port.stopListening()

        with pytest.raises(BlockingIOError):  # it listens still: whoever else has it goes on
            listening.sock.accept()

    run(main)


def test_a_given_ports_file_keeps_its_mode(run: Any, tmp_path: Path) -> None:
    listening = Listening(socket.AF_UNIX, tmp_path)
    listening.path.chmod(0o600)

    async def main(reactor: WeftReactor) -> None:
        reactor.adoptStreamPort(listening.sock.fileno(), socket.AF_UNIX, Factory())
        assert listening.path.stat().st_mode & 0o777 == 0o600

    with listening.sock:
        run(main)
    assert not listening.path.exists(), "as with Twisted, the port's file goes when the port does"


def test_a_connection_that_was_given_goes_on(run: Any, pair: Any) -> None:
    ours, theirs = pair

    async def main(reactor: WeftReactor) -> None:
        server = Receiver()
        factory = Once(server)
        theirs.send(b"sent before")
        transport = reactor.adoptStreamConnection(ours.fileno(), ours.family, factory)
        assert server.transport is transport
        assert isinstance(factory.address, UNIXAddress if ours.family == socket.AF_UNIX else IPv4Address)
        await server.until(lambda: server.data == b"sent before")
        transport.write(b"answer")
        await turn(reactor)

        assert theirs.recv(100) == b"answer"
        transport.loseConnection()
        assert isinstance(await server.lost(), error.ConnectionDone)
        assert theirs.recv(100) == b""
        ours.fileno()

    run(main)


def test_a_connection_without_a_protocol_is_left_as_it_is(
    run: Any, pair: Any, descriptors: Callable[[], int]
) -> None:
    ours, theirs = pair

    class Sore(Factory):
        def buildProtocol(self, addr: Any) -> Any:
            raise LookupError("none today")

    async def main(reactor: WeftReactor) -> None:
        before = descriptors()

        assert reactor.adoptStreamConnection(ours.fileno(), ours.family, Once(None)) is None
        with pytest.raises(LookupError, match="none today"):
            reactor.adoptStreamConnection(ours.fileno(), ours.family, Sore())
        assert descriptors() == before
        ours.send(b"still there")
        assert theirs.recv(100) == b"still there"

    run(main)


def test_a_protocol_that_raises_as_it_begins_is_logged_and_its_connection_ends(
    run: Any, pair: Any, logged: Log
) -> None:
    ours, theirs = pair

    class Sore(Receiver):
        def connectionMade(self) -> None:
            raise LookupError("at once")

    async def main(reactor: WeftReactor) -> None:
        sore = Sore()
        reactor.adoptStreamConnection(ours.fileno(), ours.family, Once(sore))

        assert isinstance(await sore.lost(), LookupError)
        assert theirs.recv(100) == b""

    run(main)
    assert [failure.args for failure in logged.take(LookupError)] == [("at once",)]


def test_a_connection_can_be_taken_out_of_the_reactor_and_handed_to_it_again(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        first, second, client = Receiver(), Receiver(), Receiver()
        port = reactor.listenTCP(0, Once(first), interface=HERE)
        reactor.connectTCP(HERE, port.getHost().port, Clients(client))
        await first.made()
        await client.made()
        reactor.removeReader(first.transport)
        reactor.removeWriter(first.transport)
        client.transport.write(b"for the second")
        await turn(reactor)
        reactor.adoptStreamConnection(first.transport.fileno(), socket.AF_INET, Once(second))
        await second.until(lambda: second.data == b"for the second")

        assert first.data == b""

    run(main)


def test_datagrams_come_at_a_socket_that_the_port_was_given(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        echo = Echo()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.bind((HERE, 0))
            ours.setblocking(False)
            port = reactor.adoptDatagramPort(ours.fileno(), socket.AF_INET, echo, maxPacketSize=5)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"hello there", ours.getsockname())
                await echo.received(1)
                await turn(reactor)
                assert client.recv(100) == b"hello"
                await port.stopListening()
                client.sendto(b"for whoever has it", ours.getsockname())
                assert ours.recv(100) == b"for whoever has it"

    run(main)


def test_what_is_no_socket_or_of_another_family_is_refused(run: Any, descriptors: Callable[[], int]) -> None:
    async def main(reactor: WeftReactor) -> None:
        reading, writing = os.pipe()
        before = descriptors()
        for adopt in (reactor.adoptStreamPort, reactor.adoptStreamConnection, reactor.adoptDatagramPort):
            with pytest.raises(OSError, match="non-socket"):
                adopt(reading, socket.AF_INET, Once(Protocol()))
            with pytest.raises(error.UnsupportedAddressFamily):
                adopt(reading, 4711, Once(Protocol()))
        with pytest.raises(error.UnsupportedAddressFamily):
            reactor.adoptDatagramPort(reading, socket.AF_UNIX, Echo())
        with socket.socket() as unconnected, pytest.raises(OSError, match="not connected"):
            reactor.adoptStreamConnection(unconnected.fileno(), socket.AF_INET, Once(Protocol()))

        assert descriptors() == before
        os.close(reading)
        os.close(writing)

    run(main)
