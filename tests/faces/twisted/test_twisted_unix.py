"""UNIX sockets for a Twisted program: what Twisted's own tests leave open."""

import array
import os
import resource
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import error
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IFileDescriptorReceiver, IPushProducer
from twisted.internet.protocol import (
    ClientFactory,
    ConnectedDatagramProtocol,
    DatagramProtocol,
    Factory,
    Protocol,
    ServerFactory,
)
from twisted.python.failure import Failure
from twisted.python.lockfile import isLocked
from zope.interface import implementer

from weft.faces.twisted import WeftReactor

from .conftest import Log, Until, turn


class Receiver(Protocol, Until):
    """Writes down what it is told."""

    def __init__(self) -> None:
        Until.__init__(self)
        self.told: list[Any] = []
        self.reason: Any = None

    def connectionMade(self) -> None:
        self.told.append("made")
        self.changed()

    def dataReceived(self, data: bytes) -> None:
        if self.told and isinstance(self.told[-1], bytes):
            data = self.told.pop() + data
        self.told.append(data)
        self.changed()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.reason = reason
        self.changed()

    async def made(self) -> None:
        await self.until(lambda: "made" in self.told)

    async def lost(self) -> Any:
        """Wait for the end, and return its reason."""
        await self.until(lambda: self.reason is not None)
        return self.reason.value

    @property
    def data(self) -> bytes:
        """All bytes that came."""
        return b"".join(one for one in self.told if isinstance(one, bytes))


@implementer(IFileDescriptorReceiver)
class Taker(Receiver):
    """Takes descriptors: what a read from each gives is written down, and it is closed."""

    def fileDescriptorReceived(self, descriptor: int) -> None:
        self.told.append(("descriptor", os.read(descriptor, 100)))
        os.close(descriptor)
        self.changed()

    @property
    def contents(self) -> list[bytes]:
        """What the descriptors that came were of."""
        return [one[1] for one in self.told if isinstance(one, tuple)]


class Once(Factory):
    """Makes one protocol, which is there already."""

    noisy = False

    def __init__(self, protocol: Any) -> None:
        self.made = protocol

    def buildProtocol(self, addr: Any) -> Any:
        self.address = addr
        return self.made


class Failing(ClientFactory):
    """Waits for a connection to fail."""

    noisy = False

    def __init__(self) -> None:
        self.failed: Deferred[None] = Deferred()

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:  # type: ignore[override]
        self.failed.errback(reason)


class Clients(ClientFactory, Once):
    """Makes one client's protocol."""


async def joined(reactor: WeftReactor, server: Any, client: Any, path: Any = "socket") -> Any:
    """Connect two protocols at a path; return the port."""
    port = reactor.listenUNIX(path, Once(server))
    reactor.connectUNIX(path, Clients(client))
    await server.made()
    await client.made()
    return port


async def against_socket(reactor: WeftReactor, protocol: Any) -> socket.socket:
    """Return a socket whose peer is a protocol's transport."""
    reactor.listenUNIX("socket", Once(protocol))
    sock = socket.socket(socket.AF_UNIX)
    sock.connect("socket")
    await protocol.made()
    return sock


class Content:
    """Descriptors of pipes that hold a content each; `close` gives them back."""

    def __init__(self, *contents: bytes) -> None:
        self.descriptors = []
        for content in contents:
            reading, writing = os.pipe()
            os.write(writing, content)
            os.close(writing)
            self.descriptors.append(reading)

    def __enter__(self) -> list[int]:
        return self.descriptors

    def __exit__(self, *exception: object) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


def send_rights(sock: socket.socket, data: bytes, descriptors: list[int]) -> None:
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's own folder is the current one: a UNIX socket's path may have 107 bytes only."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- bytes


def test_bytes_go_to_and_fro_and_everything_arrives(run: Any) -> None:
    class Echo(Receiver):
        def dataReceived(self, data: bytes) -> None:
            self.transport.write(data)

    sent = os.urandom(3_000_000)

    async def main(reactor: WeftReactor) -> None:
        echo, client = Echo(), Receiver()
        await joined(reactor, echo, client)
        client.transport.write(sent[:1000])
        client.transport.writeSequence([sent[1000:500_000], sent[500_000:]])
        await client.until(lambda: client.data == sent)
        client.transport.loseConnection()
        assert isinstance(await echo.lost(), error.ConnectionDone)
        assert isinstance(await client.lost(), error.ConnectionDone)

    run(main)


def test_both_sides_know_their_addresses(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        server, client = Receiver(), Receiver()
        port = await joined(reactor, server, client)

        assert port.getHost() == server.transport.getHost() == client.transport.getPeer() == UNIXAddress("socket")
        assert server.transport.getPeer() == client.transport.getHost() == UNIXAddress(None)
        assert repr(server.transport) == "<Receiver #0 on socket>"
        assert client.transport.logPrefix() == "Receiver,client"

    run(main)


def test_an_abstract_name_leaves_no_file(run: Any, folder: Path) -> None:
    async def main(reactor: WeftReactor) -> None:
        server, client = Receiver(), Receiver()
        port = await joined(reactor, server, client, f"\0weft {folder}")

        assert os.listdir() == []
        assert "weft" in repr(port)
        await port.stopListening()

    run(main)


# -- descriptors


def test_descriptors_come_in_order_each_before_its_byte(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        taker, sender = Taker(), Receiver()
        await joined(reactor, taker, sender)
        with Content(b"one", b"two", b"three") as descriptors:
            for descriptor in descriptors:
                sender.transport.sendFileDescriptor(descriptor)
            sender.transport.write(b"abcdef")
            await taker.until(lambda: taker.data == b"abcdef")

        assert taker.contents == [b"one", b"two", b"three"]
        assert taker.told[:5] == ["made", ("descriptor", b"one"), b"a", ("descriptor", b"two"), b"b"]
        assert taker.told[5:] == [("descriptor", b"three"), b"cdef"]

    run(main)


@pytest.mark.parametrize("size", [1, 65_536, 1_000_000])
def test_a_descriptor_may_follow_the_bytes_that_it_travels_with(run: Any, size: int) -> None:
    async def main(reactor: WeftReactor) -> None:
        taker, sender = Taker(), Receiver()
        await joined(reactor, taker, sender)
        with Content(b"cargo") as descriptors:
            sender.transport.write(b"x" * size)
            sender.transport.sendFileDescriptor(descriptors[0])
            await taker.until(lambda: len(taker.data) == size and taker.contents == [b"cargo"])

        assert sender.transport.connected

    run(main)


def test_many_descriptors_pass_and_pause_a_producer_meanwhile(run: Any) -> None:
    count = 1000

    @implementer(IPushProducer)
    class Producer:
        def __init__(self, transport: Any, descriptor: int) -> None:
            self.transport = transport
            self.descriptor = descriptor
            self.left = count
            self.pauses = 0
            self.is_paused = False

        def resumeProducing(self) -> None:
            self.is_paused = False
            while self.left and not self.is_paused:
                self.left -= 1
                self.transport.sendFileDescriptor(self.descriptor)
                self.transport.write(b"%d " % self.left)
            if not self.left:
                self.transport.unregisterProducer()

        def pauseProducing(self) -> None:
            self.is_paused = True
            self.pauses += 1

        def stopProducing(self) -> None:
            self.left = 0

    @implementer(IFileDescriptorReceiver)
    class Counter(Receiver):
        count = 0

        def fileDescriptorReceived(self, descriptor: int) -> None:
            os.close(descriptor)
            self.count += 1
            self.changed()

    async def main(reactor: WeftReactor) -> None:
        counter, sender = Counter(), Receiver()
        await joined(reactor, counter, sender)
        with Content(b"same") as descriptors:
            producer = Producer(sender.transport, descriptors[0])
            sender.transport.registerProducer(producer, True)
            producer.resumeProducing()
            expected = b"".join(b"%d " % number for number in reversed(range(count)))
            await counter.until(lambda: counter.count == count and counter.data == expected)

        assert producer.pauses > 1

    run(main)


def test_what_waits_behind_descriptors_is_read_too(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        taker = Taker()
        sock = await against_socket(reactor, taker)
        with sock, Content(b"one", b"two") as descriptors:
            send_rights(sock, b"a", descriptors[:1])
            sock.send(b"bc")
            send_rights(sock, b"d", descriptors[1:])
            sock.send(b"ef")
            await taker.until(lambda: taker.data == b"abcdef")

        assert taker.contents == [b"one", b"two"]
        assert isinstance(await taker.lost(), error.ConnectionDone)

    run(main)


def test_several_descriptors_come_with_one_message(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        taker = Taker()
        sock = await against_socket(reactor, taker)
        with sock, Content(b"one", b"two", b"three") as descriptors:
            send_rights(sock, b"all", descriptors)
            await taker.until(lambda: taker.data == b"all")

        assert taker.told == ["made", *(("descriptor", one) for one in (b"one", b"two", b"three")), b"all"]

    run(main)


def test_descriptors_that_nobody_takes_are_closed(run: Any, logged: Log, descriptors: Callable[[], int]) -> None:
    async def main(reactor: WeftReactor) -> None:
        deaf = Receiver()
        sock = await against_socket(reactor, deaf)
        with sock:
            before = descriptors()
            with Content(b"one", b"two") as cargo:
                send_rights(sock, b"unwanted", cargo)
                await deaf.until(lambda: deaf.data == b"unwanted")
            assert descriptors() == before
        assert sum("does not provide IFileDescriptorReceiver" in message for message in logged.messages()) == 1

    run(main)


@pytest.mark.parametrize("raised", [LookupError, SystemExit])
def test_a_protocol_that_raises_at_a_descriptor_leaks_none(
    run: Any, logged: Log, descriptors: Callable[[], int], raised: Any
) -> None:
    @implementer(IFileDescriptorReceiver)
    class Sore(Receiver):
        def fileDescriptorReceived(self, descriptor: int) -> None:
            os.close(descriptor)
            raise raised("no")

    async def main(reactor: WeftReactor) -> None:
        sore = Sore()
        sock = await against_socket(reactor, sore)
        with sock:
            before = descriptors()
            with Content(b"one", b"two", b"three") as cargo:
                send_rights(sock, b"never", cargo)
                reason = await sore.lost()
            await turn(reactor)

            assert isinstance(reason, raised)
            assert descriptors() == before - 1
            assert sore.told == ["made"]

    run(main)
    assert [failure.args for failure in logged.take(raised)] == [("no",)]


def test_descriptors_for_which_there_is_no_room_are_logged(run: Any, logged: Log) -> None:
    async def main(reactor: WeftReactor) -> None:
        taker = Taker()
        sock = await against_socket(reactor, taker)
        with sock, Content(b"one", b"two") as cargo:
            send_rights(sock, b"too many", cargo)
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            with socket.socket() as highest:
                resource.setrlimit(resource.RLIMIT_NOFILE, (highest.fileno() + 1, limits[1]))
            try:
                await taker.until(lambda: taker.data == b"too many")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)

        assert taker.contents == [b"one"]
        assert sum("lost file descriptors" in message for message in logged.messages()) == 1

    run(main)


def test_a_descriptor_that_is_closed_before_it_leaves_ends_the_connection(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        taker, sender = Taker(), Receiver()
        await joined(reactor, taker, sender)
        with Content(b"gone") as cargo:
            sender.transport.sendFileDescriptor(cargo[0])
        sender.transport.write(b"x")

        assert isinstance(await sender.lost(), error.ConnectionLost)
        sender.transport.sendFileDescriptor(0)  # does nothing any more

    run(main)


def test_more_descriptors_than_bytes_end_the_connection(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        taker, sender = Taker(), Receiver()
        await joined(reactor, taker, sender)
        with Content(b"one", b"two") as cargo:
            for descriptor in cargo:
                sender.transport.sendFileDescriptor(descriptor)
            sender.transport.write(b"x")
            assert isinstance(await sender.lost(), error.FileDescriptorOverrun)

    run(main)


# -- the file and its lock


def test_a_port_removes_its_file_and_its_lock(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        port = reactor.listenUNIX("socket", ServerFactory(), mode=0o600, wantPID=True)
        assert sorted(os.listdir()) == ["socket", "socket.lock"]
        assert stat.S_IMODE(os.stat("socket").st_mode) == 0o600
        assert isLocked("socket.lock")  # type: ignore[no-untyped-call]
        await port.stopListening()

        assert os.listdir() == []
        port.startListening()
        assert sorted(os.listdir()) == ["socket", "socket.lock"]

    run(main)
    assert os.listdir() == [], "the reactor stopped with its ports"


def test_a_port_whose_file_and_lock_are_gone_stops_all_the_same(run: Any, logged: Log) -> None:
    async def main(reactor: WeftReactor) -> None:
        port = reactor.listenUNIX("socket", ServerFactory(), wantPID=True)
        os.unlink("socket")
        os.unlink("socket.lock")
        await port.stopListening()

        assert port.fileno() == -1

    run(main)
    assert len(logged.take(FileNotFoundError)) == 1, "the lock's: somebody else may believe to have it"


def test_what_a_dead_process_left_is_replaced(run: Any) -> None:
    program = """
import os, weft.faces.twisted
from twisted.internet.protocol import ServerFactory
reactor = weft.faces.twisted.WeftReactor()
reactor.listenUNIX("socket", ServerFactory(), wantPID=True)
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=20)
    assert sorted(os.listdir()) == ["socket", "socket.lock"]

    async def main(reactor: WeftReactor) -> None:
        with pytest.raises(error.CannotListenError):
            reactor.listenUNIX("socket", ServerFactory())
        server, client = Receiver(), Receiver()
        port = reactor.listenUNIX("socket", Once(server), wantPID=True)
        reactor.connectUNIX("socket", Clients(client), checkPID=True)
        await client.made()
        await port.stopListening()

    run(main)


def test_a_lock_does_not_remove_a_file_that_is_no_socket(run: Any) -> None:
    Path("socket").write_text("precious")
    os.symlink("999999999", "socket.lock")

    async def main(reactor: WeftReactor) -> None:
        with pytest.raises(error.CannotListenError):
            reactor.listenUNIX("socket", ServerFactory(), wantPID=True)

    run(main)
    assert Path("socket").read_text() == "precious"
    assert not os.path.lexists("socket.lock"), "a port that does not listen keeps no lock"


def test_a_port_whose_factory_does_not_start_leaves_nothing(run: Any, descriptors: Callable[[], int]) -> None:
    class Sore(ServerFactory):
        def doStart(self) -> None:
            raise LookupError("not today")

    async def main(reactor: WeftReactor) -> None:
        before = descriptors()
        with pytest.raises(LookupError, match="not today"):
            reactor.listenUNIX("socket", Sore(), wantPID=True)

        assert os.listdir() == []
        assert descriptors() == before

    run(main)


def test_a_path_that_is_locked_is_refused(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        reactor.listenUNIX("socket", ServerFactory(), wantPID=True)
        with pytest.raises(error.CannotListenError, match="Cannot acquire lock"):
            reactor.listenUNIX("socket", ServerFactory(), wantPID=True)
        assert sorted(os.listdir()) == ["socket", "socket.lock"]

    run(main)


# -- connecting


def test_connecting_where_nobody_listens_fails(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        missing, unlocked = Failing(), Failing()
        reactor.connectUNIX("nowhere", missing)
        reactor.connectUNIX("nowhere", unlocked, checkPID=True)

        with pytest.raises(error.ConnectError):
            await missing.failed
        with pytest.raises(error.BadFileError):
            await unlocked.failed

    run(main)


def test_clients_wait_where_the_backlog_is_full(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        servers: list[Receiver] = []

        class Servers(Factory):
            noisy = False

            def buildProtocol(self, addr: Any) -> Any:
                servers.append(Receiver())
                return servers[-1]

        port = reactor.listenUNIX("socket", Servers(), backlog=1)
        port.stopReading()
        clients = [Receiver() for _ in range(10)]
        for client in clients:
            reactor.connectUNIX("socket", Clients(client))
        await clients[0].made()
        await turn(reactor)
        assert not all(client.told for client in clients)
        port.startReading()
        for client in clients:
            await client.made()

    run(main)


def test_a_client_gives_up_in_time_and_its_socket_is_closed(run: Any, descriptors: Callable[[], int]) -> None:
    async def main(reactor: WeftReactor) -> None:
        with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as first:
            full.bind("socket")
            full.listen(0)
            first.connect("socket")
            before = descriptors()
            late = Failing()
            reactor.connectUNIX("socket", late, timeout=0.01)
            with pytest.raises(error.TimeoutError):
                await late.failed

            assert descriptors() == before

    run(main)


def test_a_stopping_reactor_ends_connections_and_attempts(run: Any) -> None:
    server, client = Receiver(), Receiver()
    late = Failing()

    async def main(reactor: WeftReactor) -> None:
        await joined(reactor, server, client)
        full = socket.socket(socket.AF_UNIX)
        full.bind("full")
        full.listen(0)
        reactor.connectUNIX("full", Clients(Receiver()))
        await turn(reactor)
        reactor.connectUNIX("full", late, timeout=None)
        await turn(reactor)
        full.close()

    run(main)
    for protocol in (server, client):
        assert isinstance(protocol.reason.value, error.ConnectionLost)
    failures: list[Failure] = []
    late.failed.addErrback(failures.append)
    assert len(failures) == 1


# -- datagrams


class Mailbox(DatagramProtocol, Until):
    """Writes down the datagrams that come."""

    noisy = False

    def __init__(self) -> None:
        Until.__init__(self)
        self.datagrams: list[tuple[bytes, Any]] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.datagrams.append((datagram, addr))
        self.changed()


class Letters(ConnectedDatagramProtocol, Until):
    """Writes down the datagrams that come from its one peer."""

    noisy = False

    def __init__(self) -> None:
        Until.__init__(self)
        self.datagrams: list[bytes] = []
        self.refusals = 0
        self.failure: Any = None

    def datagramReceived(self, datagram: bytes) -> None:  # type: ignore[override]
        self.datagrams.append(datagram)
        self.changed()

    def connectionRefused(self) -> None:
        self.refusals += 1

    def connectionFailed(self, failure: Failure) -> None:  # type: ignore[override]
        self.failure = failure


def test_datagrams_go_to_a_path_and_come_from_one(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        box, letters, stranger = Mailbox(), Letters(), Letters()
        port = reactor.listenUNIXDatagram("box", box, maxPacketSize=100)
        reactor.connectUNIXDatagram("box", letters, bindAddress="letters")
        reactor.connectUNIXDatagram("box", stranger)
        for datagram in (b"one", b"", b"x" * 1000):
            letters.transport.write(datagram)
        stranger.transport.write(b"who am I?")
        port.write(b"answer", "letters")
        await box.until(lambda: len(box.datagrams) == 4)
        await letters.until(lambda: letters.datagrams == [b"answer"])

        sent = [(b"one", "letters"), (b"", "letters"), (b"x" * 100, "letters"), (b"who am I?", None)]
        assert box.datagrams == sent
        assert letters.transport.getPeer() == port.getHost() == UNIXAddress("box")
        assert letters.transport.getHost() == UNIXAddress("letters")

    run(main)


def test_datagrams_for_a_slow_receiver_wait_in_order_and_too_many_are_dropped(run: Any, logged: Log) -> None:
    async def main(reactor: WeftReactor) -> None:
        letters = Letters()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as slow:
            slow.bind("slow")
            slow.setblocking(False)
            port = reactor.connectUNIXDatagram("slow", letters)
            sent = 0
            while port.get_write_buffer_size() <= 65536:
                port.write(b"%d " % sent + b"x" * 1000)
                sent += 1
            port.write(b"dropped")
            came = []
            while len(came) < sent or port.get_write_buffer_size():
                try:
                    came.append(int(slow.recv(2000).split()[0]))
                except BlockingIOError:
                    await turn(reactor)

            assert came == list(range(sent))
            assert sum("bytes wait" in message for message in logged.messages()) == 1
            port.write(b"goes on")
            assert slow.recv(100) == b"goes on"

    run(main)


def test_a_port_does_not_wait_for_a_deaf_receiver_as_it_ends(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
            deaf.bind("deaf")
            port = reactor.listenUNIXDatagram("box", Mailbox())
            while not port.get_write_buffer_size():
                port.write(b"?", "deaf")
            await port.stopListening()

        assert port.fileno() == -1

    run(main)


def test_a_receiver_that_is_gone_is_told_of_as_it_is_written_to(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        letters = Letters()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as gone:
            gone.bind("gone")
            one = reactor.connectUNIXDatagram("gone", letters)
        any_other = reactor.listenUNIXDatagram("box", Mailbox())
        one.write(b"?")

        assert letters.refusals == 1
        with pytest.raises(ConnectionRefusedError):
            any_other.write(b"?", "gone")
        with pytest.raises(FileNotFoundError):
            any_other.write(b"?", "nowhere")
        with pytest.raises(error.MessageLengthError):
            any_other.write(b"x" * 5_000_000, "box")

    run(main)


def test_connecting_datagrams_to_nowhere_is_told_to_the_protocol(run: Any) -> None:
    async def main(reactor: WeftReactor) -> None:
        for bind_address in (None, "nowhere/either"):
            letters = Letters()
            port = reactor.connectUNIXDatagram("nowhere", letters, bindAddress=bind_address)

            assert letters.failure.check(FileNotFoundError, error.CannotListenError)
            assert not port.connected
            assert port.stopListening() is None
        with pytest.raises(AssertionError, match="ConnectedDatagramProtocol"):
            reactor.connectUNIXDatagram("nowhere", Mailbox())

    run(main)
