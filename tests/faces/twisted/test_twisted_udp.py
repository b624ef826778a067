"""UDP for a Twisted program: what Twisted's own tests leave open."""

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import error
from twisted.internet.protocol import DatagramProtocol

from weft.faces.twisted import WeftReactor, udp
from weft.ports import Observer

from .conftest import Log, Until, turn

HERE = "127.0.0.1"


class Receiver(DatagramProtocol, Until):
    """Writes down what it is told."""

    noisy = False

    def __init__(self) -> None:
        Until.__init__(self)
        self.datagrams: list[tuple[bytes, Any]] = []
        self.refusals = 0
        self.calls: list[str] = []

    def startProtocol(self) -> None:
        self.calls.append("start")

    def stopProtocol(self) -> None:
        self.calls.append("stop")
        self.changed()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.datagrams.append((datagram, addr))
        self.changed()

    def connectionRefused(self) -> None:
        self.refusals += 1
        self.changed()

    async def received(self, count: int) -> list[bytes]:
        """Wait for so many datagrams, and return them."""
        await self.until(lambda: len(self.datagrams) >= count)
        return [datagram for datagram, _ in self.datagrams]


class Echo(Receiver):
    """Sends back what comes."""

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        super().datagramReceived(datagram, addr)
        self.transport.write(datagram, addr)


class Faulty(Receiver):
    """Raises at some datagrams."""

    raises: type[BaseException] = LookupError

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        super().datagramReceived(datagram, addr)
        if datagram.startswith(b"bad"):
            raise self.raises(datagram)


def listen(reactor: WeftReactor, protocol: Any, interface: str = HERE, **options: Any) -> tuple[Any, Any]:
    """Return a port and its address."""
    port = reactor.listenUDP(0, protocol, interface=interface, **options)
    host = port.getHost()
    return port, (host.host, host.port)


def nobodys_address() -> tuple[str, int]:
    """Return an address at which nobody receives."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HERE, 0))
        found: tuple[str, int] = sock.getsockname()
        return found


# -- receiving


@pytest.mark.parametrize("interface", [HERE, "::1"], ids=["ipv4", "ipv6"])
def test_datagrams_under_load_keep_their_order_and_their_borders(run: Any, interface: str) -> None:
    count = 3000
    sent = [b"%d " % number * (number % 200) for number in range(count)]

    class Client(Receiver):
        def datagramReceived(self, datagram: bytes, addr: Any) -> None:
            super().datagramReceived(datagram, addr)
            self.send()

        def send(self) -> None:
            while self.at < count and self.at < len(self.datagrams) + 40:  # what fits into the socket's buffers
                self.transport.write(sent[self.at], self.peer)
                self.at += 1

    async def main(reactor: WeftReactor) -> None:
        echo, client = Echo(), Client()
        _, client.peer = listen(reactor, echo, interface)
        _, own = listen(reactor, client, interface)
        client.at = 0
        client.send()
        answers = await client.received(count)

        assert answers == sent
        assert [datagram for datagram, _ in echo.datagrams] == sent
        assert {addr for _, addr in echo.datagrams} == {own}, "host and port, whatever else the family has"

    run(main)


def test_each_of_many_peers_is_told_apart(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        _, address = listen(reactor, Echo())
        clients = [Receiver() for _ in range(30)]
        for number, client in enumerate(clients):
            listen(reactor, client)
            client.transport.write(b"%d" % number, address)

        assert [await client.received(1) for client in clients] == [[b"%d" % number] for number in range(30)]

    run(main)


@pytest.mark.parametrize("raised", [LookupError, SystemExit])
def test_what_a_protocol_raises_is_logged_and_the_port_lives_on(run: Any, logged: Log, raised: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        faulty = Faulty()
        faulty.raises = raised
        port, address = listen(reactor, faulty)
        for datagram in (b"bad 1", b"good", b"bad 2", b"better"):
            port.write(datagram, address)
        await faulty.received(4)
        port.write(b"best", address)

        assert await faulty.received(5) == [b"bad 1", b"good", b"bad 2", b"better", b"best"]
        assert [event["system"] for event in logged.events if event["isError"]] == ["Faulty (UDP)"] * 2

    run(main)
    assert [failure.args for failure in logged.take(raised)] == [(b"bad 1",), (b"bad 2",)]


def test_a_long_datagram_is_cut_to_the_size_that_the_port_accepts(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        receiver = Receiver()
        port, address = listen(reactor, receiver, maxPacketSize=10)
        for size in (9, 10, 11, 5000):
            port.write(b"x" * size, address)

        assert [len(datagram) for datagram in await receiver.received(4)] == [9, 10, 10, 10]

    run(main)


def test_the_protocol_is_whatever_the_port_has_now(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        first, second = Receiver(), Receiver()
        port, address = listen(reactor, first)
        second.makeConnection(port)
        port.protocol = second
        port.write(b"to the second", address)

        assert await second.received(1) == [b"to the second"]
        assert first.datagrams == []

    run(main)


def test_a_port_that_is_paused_receives_nothing_until_it_is_resumed(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        paused, other = Receiver(), Echo()
        port, address = listen(reactor, paused)
        _, others = listen(reactor, other)
        port.pauseProducing()
        port.write(b"1", address)
        port.write(b"2", address)
        port.write(b"to the other", others)
        await other.received(1)  # and its answer is there, behind what is in the buffer already

        assert paused.datagrams == []
        assert port not in reactor.getReaders()
        port.resumeProducing()
        assert await paused.received(3) == [b"1", b"2", b"to the other"]
        assert port in reactor.getReaders()

    run(main)


def test_a_reactor_that_no_longer_reads_a_port_pauses_it(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        receiver = Receiver()
        port, address = listen(reactor, receiver)
        reactor.removeReader(port)
        port.write(b"1", address)
        await turn(reactor)
        await turn(reactor)

        assert receiver.datagrams == []
        reactor.addReader(port)
        assert await receiver.received(1) == [b"1"]

    run(main)


def test_an_observer_is_told_of_a_ports_datagrams(run: Any) -> None:
    class Notes(Observer):
        def __init__(self) -> None:
            self.notes: list[Any] = []

        def channel_opened(self, number: int, owner: Any, name: Any) -> None:
            self.notes.append(("opened", owner))

        def data_begin(self, number: int, size_bytes: int) -> None:
            self.notes.append(("begin", size_bytes))

        def data_end(self, number: int) -> None:
            self.notes.append("end")

        def data_sent(self, number: int, size_bytes: int) -> None:
            self.notes.append(("sent", size_bytes))

        def channel_closed(self, number: int, owner: Any, error: BaseException | None) -> None:
            self.notes.append(("closed", owner))

    observer = Notes()

    async def main(reactor: WeftReactor) -> Any:
        receiver = Receiver()
        reactor.loop.observer = observer
        port, address = listen(reactor, receiver)
        port.write(b"seven..", address)
        await receiver.received(1)
        await port.stopListening()
        reactor.loop.observer = None
        return receiver

    receiver = run(main)
    assert observer.notes == [("opened", receiver), ("sent", 7), ("begin", 7), "end", ("closed", receiver)]


# -- sending


def test_what_the_system_says_of_a_datagram_is_raised_to_its_writer(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        port, (_, number) = listen(reactor, Receiver(), interface="")

        with pytest.raises(error.MessageLengthError):
            port.write(b"x" * 70000, (HERE, number))
        with pytest.raises(PermissionError):
            port.write(b"", ("<broadcast>", number))
        with pytest.raises(TypeError):
            port.write("text", (HERE, number))
        with pytest.raises(OverflowError):
            port.write(b"", (HERE, 65536))
        assert port.connected

    run(main)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_anything_like_bytes_can_be_sent(run: Any, kind: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        receiver = Receiver()
        port, address = listen(reactor, receiver)
        port.write(kind(b"bytes"), address)
        port.write(kind(b""), address)

        assert await receiver.received(2) == [b"bytes", b""]

    run(main)


def test_hosts_are_checked_anew_when_many_were(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        receiver = Receiver()
        port, (_, number) = listen(reactor, receiver, interface="0.0.0.0")
        for host in range(1500):
            port.write(b"", (f"127.0.{host // 200}.{host % 200 + 1}", number))
            await receiver.received(host + 1)
        with pytest.raises(error.InvalidAddressError):
            port.write(b"", ("example.invalid", number))

    run(main)


def test_only_a_connected_port_can_do_without_an_address(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        echo, client = Echo(), Receiver()
        _, address = listen(reactor, echo)
        port, _ = listen(reactor, client)
        with pytest.raises(AssertionError, match="only a connected port knows"):
            port.write(b"to whom?")
        port.connect(*address)
        port.write(b"1")
        port.write(b"2", address)
        with pytest.raises(AssertionError, match="the peer"):
            port.write(b"3", (HERE, address[1] + 1))

        assert await client.received(2) == [b"1", b"2"]

    run(main)


def test_a_failed_connect_leaves_a_port_unconnected(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        port, address = listen(reactor, receiver := Receiver())
        with pytest.raises(socket.gaierror):
            port.connect("::1", 9)
        port.write(b"still", address)

        assert await receiver.received(1) == [b"still"]

    run(main)


def test_a_refusal_is_told_without_another_write(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        receiver = Receiver()
        port, _ = listen(reactor, receiver)
        port.connect(*nobodys_address())
        port.write(b"anybody?")
        await receiver.until(lambda: receiver.refusals == 1)

        assert port.connected

    run(main)


def test_a_refusal_is_told_by_the_next_write(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        receiver = Receiver()
        port, _ = listen(reactor, receiver)
        port.connect(*nobodys_address())
        port.stopReading()
        port.write(b"anybody?")
        port.write(b"really nobody?")

        assert receiver.refusals == 1

    run(main)


class Pipe(udp.Port):
    """A port on a pair of sockets whose other end is `far`: unlike UDP's, they can be full."""

    far: socket.socket

    def startListening(self) -> None:
        near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        near.setblocking(False)
        self.far.setblocking(False)
        self.begin(near)
        self.connected_address = (HERE, 1)

    def drain(self) -> list[bytes]:
        """Take what has arrived at the far end."""
        taken = []
        try:
            while True:
                taken.append(self.far.recv(100000))
        except BlockingIOError:
            return taken


def fill(port: Pipe, size: int = 1000) -> list[bytes]:
    """Write until no more is taken; return what was."""
    written = []
    try:
        while True:
            datagram = b"%d " % len(written) + b"x" * size
            port.write(datagram)
            written.append(datagram)
    except BlockingIOError:
        return written


def test_what_the_system_does_not_take_waits_and_too_much_is_refused(run: Any, logged: Log) -> None:
    async def main(reactor: WeftReactor) -> None:
        port = Pipe(0, Receiver(), reactor=reactor)
        port.startListening()
        with port.far:
            written = fill(port)
            assert port.get_write_buffer_size() > 65536
            with pytest.raises(BlockingIOError, match="bytes wait to be sent"):
                port.write(b"another")
            assert sum("bytes wait" in message for message in logged.messages()) == 1
            arrived: list[bytes] = []
            while len(arrived) < len(written):
                arrived += port.drain()
                await turn(reactor)
            port.write(b"goes on")
            arrived += port.drain()

            assert arrived == [*written, b"goes on"]

    run(main)


def test_what_waits_is_sent_before_a_port_is_closed(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        protocol = Receiver()
        port = Pipe(0, protocol, reactor=reactor)
        port.startListening()
        with port.far:
            written = fill(port)
            over = port.stopListening()
            await turn(reactor)
            assert protocol.calls == ["start"]
            arrived: list[bytes] = []
            while not over.called:
                arrived += port.drain()
                await turn(reactor)
            arrived += port.drain()

            assert arrived == written
            assert protocol.calls == ["start", "stop"]

    run(main)


def test_what_is_said_of_a_datagram_that_waited_is_logged(run: Any, logged: Log) -> None:
    async def main(reactor: WeftReactor) -> None:
        protocol = Receiver()
        port = Pipe(0, protocol, reactor=reactor)
        port.startListening()
        fill(port)
        port.far.close()
        await protocol.until(lambda: protocol.refusals == 1)
        while port.get_write_buffer_size() > 0:
            await turn(reactor)

        assert port.connected

    run(main)
    assert {failure.errno for failure in logged.take(OSError)} == {errno.ENOTCONN}  # type: ignore[attr-defined]


# -- ending


def test_a_port_that_is_stopped_is_closed_when_its_deferreds_fire(run: Any, logged: Log) -> None:
    async def main(reactor: WeftReactor) -> None:
        protocol = Receiver()
        port, (_, number) = listen(reactor, protocol)
        first, second = port.stopListening(), port.stopListening()
        assert protocol.calls == ["start"], "not within the call"
        await first
        await second

        assert protocol.calls == ["start", "stop"]
        assert protocol.transport is None
        assert (port.fileno(), port.getHandle(), port.connected, port.disconnected) == (-1, None, False, True)
        assert port.stopListening() is None
        assert f"(UDP Port {number} Closed)" in logged.messages()
        with pytest.raises(RuntimeError, match="does not listen"):
            port.write(b"too late", (HERE, number))

    run(main)


def test_a_port_can_listen_again(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        protocol = Receiver()
        port, _ = listen(reactor, protocol)
        port.connect(*nobodys_address())
        await port.stopListening()
        port.startListening()
        port.write(b"again", (HERE, port.getHost().port))

        assert await protocol.received(1) == [b"again"]
        assert protocol.calls == ["start", "stop", "start"]

    run(main)


def test_a_protocol_can_say_farewell_as_it_stops(run: Any) -> None:
    class Polite(Receiver):
        def startProtocol(self) -> None:
            self.port = self.transport

        def stopProtocol(self) -> None:
            self.port.write(b"farewell", self.peer)

    async def main(reactor: WeftReactor) -> None:
        receiver, polite = Receiver(), Polite()
        _, polite.peer = listen(reactor, receiver)
        port, _ = listen(reactor, polite)
        await port.stopListening()

        assert await receiver.received(1) == [b"farewell"]

    run(main)


def test_what_a_protocol_raises_as_it_stops_is_logged_and_the_port_is_closed(run: Any, logged: Log) -> None:
    class Sore(Receiver):
        def stopProtocol(self) -> None:
            raise LookupError("as it stops")

    async def main(reactor: WeftReactor) -> None:
        port, _ = listen(reactor, Sore())
        await port.stopListening()

        assert port.fileno() == -1

    run(main)
    assert [failure.args for failure in logged.take(LookupError)] == [("as it stops",)]


def test_what_a_protocol_raises_as_it_starts_is_raised_and_the_port_is_closed(run: Any) -> None:
    class Sore(Receiver):
        def startProtocol(self) -> None:
            raise LookupError("as it starts")

    async def main(reactor: WeftReactor) -> None:
        with pytest.raises(LookupError, match="as it starts"):
            listen(reactor, Sore())

        assert not reactor.transports

    run(main)


def test_a_stopping_reactor_stops_its_ports(run: Any) -> None:
    protocols = [Receiver(), Receiver()]

    async def main(reactor: WeftReactor) -> None:
        for protocol in protocols:
            listen(reactor, protocol)

    run(main)
    assert [protocol.calls for protocol in protocols] == [["start", "stop"]] * 2


def test_a_descriptor_that_breaks_ends_its_port_and_is_logged(run: Any, logged: Log) -> None:
    async def main(reactor: WeftReactor) -> None:
        protocol = Receiver()
        port, _ = listen(reactor, protocol)
        port.stopReading()
        reading, writing = os.pipe()
        os.dup2(reading, port.fileno())
        os.close(reading)
        os.close(writing)
        port.startReading()
        await protocol.until(lambda: protocol.calls == ["start", "stop"])

        assert not port.connected

    run(main)
    assert [failure.errno for failure in logged.take(OSError)] == [errno.ENOTSOCK]  # type: ignore[attr-defined]


def test_an_old_name_of_stop_listening_warns(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        protocol = Receiver()
        port, _ = listen(reactor, protocol)
        with pytest.warns(DeprecationWarning, match="stopListening"):
            port.loseConnection()
        await protocol.until(lambda: "stop" in protocol.calls)

    run(main)


# -- options


def test_an_address_that_is_taken_is_refused(run: Any, descriptors: Callable[[], int]) -> None:
    async def main(reactor: WeftReactor) -> None:
        _, (_, number) = listen(reactor, Receiver())
        before = descriptors()

        with pytest.raises(error.CannotListenError):
            reactor.listenUDP(number, Receiver(), interface=HERE)
        assert descriptors() == before

    run(main)


def test_broadcasting_can_be_allowed(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        port, _ = listen(reactor, Receiver())

        assert port.getBroadcastAllowed() is False
        port.setBroadcastAllowed(True)
        assert port.getBroadcastAllowed() is True

    run(main)


def test_a_multicast_port_hears_its_group_and_shares_its_number(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        one, two = Receiver(), Receiver()
        first = reactor.listenMulticast(0, one, listenMultiple=True)
        number = first.getHost().port
        second = reactor.listenMulticast(number, two, listenMultiple=True)
        for port in (first, second):
            await port.joinGroup("225.0.0.250", HERE)
        await first.setOutgoingInterface(HERE)
        first.write(b"to all", ("225.0.0.250", number))

        assert await one.received(1) == [b"to all"]
        assert await two.received(1) == [b"to all"]
        await second.leaveGroup("225.0.0.250", HERE)
        with pytest.raises(error.MulticastJoinError):
            await second.joinGroup(HERE)

    run(main)
