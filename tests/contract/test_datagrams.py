"""Datagrams: endpoints over UDP and UNIX sockets, what their protocols are told, and flow control."""

import asyncio
import contextvars
import errno
import itertools
import socket
from asyncio import trsock
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import weft
from weft.ports import Observer

from .conftest import settle


class Listener(asyncio.DatagramProtocol):
    """Writes down what it is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.datagrams: list[tuple[bytes, Any]] = []
        self.errors: list[Any] = []
        self.lost: list[BaseException | None] = []
        self.transport: Any = None
        self.changed = asyncio.Event()

    def note(self, call: str) -> None:
        self.calls.append(call)
        self.changed.set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.note("made")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.datagrams.append((data, addr))
        self.note("datagram")

    def error_received(self, exc: BaseException) -> None:
        self.errors.append(exc)
        self.note("error")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost.append(exc)
        self.note("lost")

    def pause_writing(self) -> None:
        self.note("pause")

    def resume_writing(self) -> None:
        self.note("resume")

    async def until(self, call: str) -> None:
        while call not in self.calls:
            self.changed.clear()
            await self.changed.wait()

    async def until_count(self, count: int) -> list[tuple[bytes, Any]]:
        """Wait until `count` datagrams have come, and return them."""
        while len(self.datagrams) < count:
            self.changed.clear()
            await self.changed.wait()
        return self.datagrams

    async def next(self) -> tuple[bytes, Any]:
        """Take the next datagram out."""
        return (await self.until_count(1)).pop(0)


class Echo(Listener):
    """Sends back what comes."""

    def datagram_received(self, data: bytes, addr: Any) -> None:
        super().datagram_received(data, addr)
        self.transport.sendto(data, addr)


Make = Callable[..., Awaitable[tuple[Any, Any]]]


class Place:
    """Makes endpoints of one family on this machine, and closes them."""

    def __init__(self, loop: weft.Loop, family: socket.AddressFamily, folder: Path) -> None:
        self.loop = loop
        self.family = family
        self.folder = folder
        self.made: list[Any] = []

    def address(self) -> Any:
        """Return an address to bind to."""
        if self.family == socket.AF_UNIX:
            return str(self.folder / f"s{len(self.made)}")
        return ("127.0.0.1" if self.family == socket.AF_INET else "::1", 0)

    async def bound(self, factory: Any = Listener, **options: Any) -> tuple[Any, Any, Any]:
        """Return an endpoint's transport, protocol and address."""
        transport, protocol = await self.endpoint(factory, local_addr=self.address(), **options)
        return transport, protocol, transport.get_extra_info("sockname")

    async def connected(self, remote: Any, factory: Any = Listener) -> tuple[Any, Any]:
        """Return an endpoint that has one peer."""
        if self.family == socket.AF_UNIX:
            return await self.endpoint(factory, local_addr=self.address(), remote_addr=remote)
        return await self.endpoint(factory, remote_addr=remote[:2])

    async def endpoint(self, factory: Any = Listener, **options: Any) -> tuple[Any, Any]:
        if "sock" not in options:
            options.setdefault("family", self.family)
        transport, protocol = await self.loop.create_datagram_endpoint(factory, **options)
        self.made.append((transport, protocol))
        return transport, protocol

    def run(self, main: Awaitable[Any]) -> None:
        async def whole() -> None:
            try:
                await main
            finally:
                for transport, _ in self.made:
                    transport.abort()
                await settle()

        self.loop.run_until_complete(whole())


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6, socket.AF_UNIX], ids=["ipv4", "ipv6", "unix"])
def place(request: pytest.FixtureRequest, loop: weft.Loop, tmp_path: Path) -> Place:
    return Place(loop, request.param, tmp_path)


@pytest.fixture
def ipv4(loop: weft.Loop, tmp_path: Path) -> Place:
    return Place(loop, socket.AF_INET, tmp_path)


@pytest.fixture
def unix(loop: weft.Loop, tmp_path: Path) -> Place:
    return Place(loop, socket.AF_UNIX, tmp_path)


# -- to and fro


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_datagram_goes_to_and_fro(place: Place, kind: Callable[[bytes], Any]) -> None:
    async def main() -> None:
        _, echo, address = await place.bound(Echo)
        transport, listener = await place.connected(address)
        transport.sendto(kind(b"hello"))
        answer = await listener.next()

        assert answer == (b"hello", address)
        assert echo.datagrams == [(b"hello", transport.get_extra_info("sockname"))]

    place.run(main())


def test_an_empty_datagram_is_sent_and_delivered(place: Place) -> None:
    async def main() -> None:
        _, _, address = await place.bound(Echo)
        transport, listener = await place.connected(address)
        for data in (b"", b"after", b""):
            transport.sendto(data)
        answers = [await listener.next() for _ in range(3)]

        assert answers == [(b"", address), (b"after", address), (b"", address)]

    place.run(main())


def test_endpoints_without_a_peer_name_one_for_each_datagram(place: Place) -> None:
    async def main() -> None:
        _, _, first = await place.bound(Echo)
        _, _, second = await place.bound(Echo)
        transport, listener, _ = await place.bound()
        transport.sendto(b"one", first)
        transport.sendto(b"two", second)
        await listener.until_count(2)

        assert sorted(listener.datagrams, key=lambda each: each[0]) == [(b"one", first), (b"two", second)]

    place.run(main())


def test_datagrams_keep_their_order_and_their_borders(place: Place) -> None:
    sent = [b"%d" % number * (number % 7) for number in range(150)]

    async def main() -> None:
        _, echo, address = await place.bound(Listener)
        transport, _ = await place.connected(address)
        for data in sent:
            transport.sendto(data)
        received = await echo.until_count(len(sent))

        assert [data for data, _ in received] == sent

    place.run(main())


def test_each_of_many_peers_gets_its_own_answer(ipv4: Place) -> None:
    async def main() -> None:
        _, _, address = await ipv4.bound(Echo)
        peers = [await ipv4.connected(address) for _ in range(300)]
        for turn in range(3):
            for first in range(0, 300, 50):  # as many as the server's buffer has room for
                some = peers[first : first + 50]
                for number, (transport, _) in enumerate(some):
                    transport.sendto(b"%d of %d" % (number, turn))
                answers = [(await listener.next())[0] for _, listener in some]

                assert answers == [b"%d of %d" % (number, turn) for number in range(50)]

    ipv4.run(main())


def test_an_answer_goes_where_it_is_sent_whoever_was_heard_last(place: Place) -> None:
    class Crossing(Listener):
        """Answers each peer's datagram to the one before."""

        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            if len(self.datagrams) > 1:
                self.transport.sendto(data, self.datagrams[-2][1])
                self.transport.sendto(b"own", addr)

    async def main() -> None:
        _, _, address = await place.bound(Crossing)
        peers = [await place.connected(address) for _ in range(3)]
        for number, (transport, _) in enumerate(peers):
            transport.sendto(b"%d" % number)
        answers = [
            [data for data, _ in await listener.until_count(count)]
            for (_, listener), count in zip(peers, (1, 2, 1), strict=True)
        ]

        assert answers == [[b"1"], [b"own", b"2"], [b"own"]]

    place.run(main())


def test_the_largest_datagrams_come_whole(place: Place) -> None:
    size = {socket.AF_INET: 65507, socket.AF_INET6: 65507, socket.AF_UNIX: 150_000}[place.family]
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    async def main() -> None:
        _, _, address = await place.bound(Echo)
        transport, listener = await place.connected(address)
        transport.sendto(data)
        answer, _ = await listener.next()

        assert answer == data

    place.run(main())


def test_a_sender_without_a_name_is_none(unix: Place) -> None:
    async def main() -> None:
        _, listener, address = await unix.bound()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"hello", address)

        assert await listener.next() == (b"hello", None)

    unix.run(main())


def test_a_pair_of_unix_sockets_makes_two_endpoints(unix: Place) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

    async def main() -> None:
        transport, _ = await unix.endpoint(sock=ours)
        _, listener = await unix.endpoint(sock=theirs)
        transport.sendto(b"hello")

        assert await listener.next() == (b"hello", None)

    unix.run(main())


def test_an_abstract_name_is_an_address(unix: Place) -> None:
    async def main() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.bind("")  # the system gives it an abstract name
            sender.setblocking(False)
            _, _, address = await unix.bound(Echo)
            sender.sendto(b"hello", address)
            answer = await unix.loop.sock_recvfrom(sender, 100)

        assert answer == (b"hello", address)

    unix.run(main())


def test_a_hosts_name_is_looked_up(ipv4: Place) -> None:
    async def main() -> None:
        _, _, (_, port) = await ipv4.bound(Echo)
        transport, listener, _ = await ipv4.bound()
        transport.sendto(b"hello", ("localhost", port))

        assert await listener.next() == (b"hello", ("127.0.0.1", port))

    ipv4.run(main())


def test_a_broadcasting_endpoint_sends_to_its_remote_address_and_hears_from_anyone(ipv4: Place) -> None:
    async def main() -> None:
        _, _, first = await ipv4.bound(Echo)
        stranger, _, _ = await ipv4.bound()
        transport, listener = await ipv4.endpoint(remote_addr=first, allow_broadcast=True)
        transport.sendto(b"one")
        answer = await listener.next()
        stranger.sendto(b"two", ("127.0.0.1", transport.get_extra_info("sockname")[1]))
        other = await listener.next()
        allowed = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)

        assert answer == (b"one", first)
        assert other == (b"two", stranger.get_extra_info("sockname"))
        assert transport.get_extra_info("peername") is None
        assert allowed

    ipv4.run(main())


def test_endpoints_can_share_a_port(ipv4: Place) -> None:
    async def main() -> None:
        _, _, address = await ipv4.bound(reuse_port=True)
        _, _ = await ipv4.endpoint(local_addr=address, reuse_port=True)
        with pytest.raises(OSError, match="in use"):
            await ipv4.endpoint(local_addr=address)

    ipv4.run(main())


def test_one_busy_endpoint_does_not_starve_the_loop(ipv4: Place) -> None:
    counts = [0]

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            receiver.bind(("127.0.0.1", 0))
            for _ in range(250):
                sender.sendto(b"hello", receiver.getsockname())
        _, listener = await ipv4.endpoint(sock=receiver)
        while len(listener.datagrams) < 250:
            counts.append(len(listener.datagrams))
            await asyncio.sleep(0)

        assert max(after - before for before, after in itertools.pairwise(counts)) <= 64

    ipv4.run(main())


# -- addresses that make no sense


def test_an_endpoint_that_is_paused_gets_what_came_meanwhile_when_it_is_resumed(place: Place) -> None:
    async def main() -> None:
        transport, listener, address = await place.bound()
        sender, _ = await place.connected(address)
        assert transport.is_reading()
        transport.pause_reading()
        transport.pause_reading()
        for number in range(3):
            sender.sendto(b"%d" % number)
        await settle()

        assert not transport.is_reading()
        assert listener.datagrams == []
        transport.resume_reading()
        transport.resume_reading()
        assert [data for data, _ in await listener.until_count(3)] == [b"0", b"1", b"2"]
        sender.sendto(b"after")
        assert (await listener.until_count(4))[3][0] == b"after"
        transport.pause_reading()
        transport.close()
        transport.resume_reading()
        assert not transport.is_reading()
        await listener.until("lost")

    place.run(main())


def test_an_endpoint_with_a_peer_takes_no_other_address(ipv4: Place) -> None:
    async def main() -> None:
        _, _, address = await ipv4.bound(Echo)
        transport, listener = await ipv4.connected(address)
        with pytest.raises(ValueError, match="Invalid address: must be None or"):
            transport.sendto(b"hello", ("127.0.0.1", 1))
        transport.sendto(b"hello", address)

        assert await listener.next() == (b"hello", address)

    ipv4.run(main())


def test_only_bytes_can_be_sent(ipv4: Place) -> None:
    async def main() -> None:
        transport, listener, _ = await ipv4.bound()
        for wrong in ("text", None, 5, [b"x"]):
            with pytest.raises(TypeError, match="data argument must be a bytes-like object"):
                transport.sendto(wrong, ("127.0.0.1", 1))

        assert listener.calls == ["made"]

    ipv4.run(main())


@pytest.mark.parametrize(
    "address, error",
    [(("127.0.0.1",), TypeError), (("127.0.0.1", 70000), OverflowError), (("127.0.0.1", "x"), TypeError)],
    ids=["no port", "large port", "no number"],
)
def test_an_address_that_is_none_ends_the_endpoint_as_in_asyncio(
    ipv4: Place, reported: list[dict[str, Any]], address: Any, error: type[BaseException]
) -> None:
    async def main() -> None:
        transport, listener, _ = await ipv4.bound()
        transport.sendto(b"hello", address)
        await listener.until("lost")
        context = reported.pop()

        assert listener.calls == ["made", "lost"]
        assert isinstance(listener.lost[0], error)
        assert context["exception"] is listener.lost[0]
        assert context["transport"] is transport

    ipv4.run(main())


# -- errors of the system's


def test_a_refused_datagram_is_an_error_and_not_the_end(ipv4: Place) -> None:
    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            address = nobody.getsockname()
        transport, listener = await ipv4.connected(address)
        transport.sendto(b"hello")
        await listener.until("error")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
            somebody.bind(address)
            somebody.sendto(b"now", transport.get_extra_info("sockname"))
            answer = await listener.next()

        assert isinstance(listener.errors[0], ConnectionRefusedError)
        assert answer == (b"now", address)
        assert listener.lost == []

    ipv4.run(main())


def test_a_datagram_that_is_too_long_is_an_error_and_not_the_end(ipv4: Place) -> None:
    async def main() -> None:
        _, _, address = await ipv4.bound(Echo)
        transport, listener = await ipv4.connected(address)
        transport.sendto(b"x" * 70000)
        transport.sendto(b"short")
        answer = await listener.next()

        assert [error.errno for error in listener.errors] == [errno.EMSGSIZE]
        assert answer == (b"short", address)

    ipv4.run(main())


def test_a_host_of_another_family_is_an_error_and_not_the_end(ipv4: Place) -> None:
    async def main() -> None:
        transport, listener, _ = await ipv4.bound()
        transport.sendto(b"hello", ("::1", 9))

        assert isinstance(listener.errors[0], socket.gaierror)
        assert not transport.is_closing()

    ipv4.run(main())


def test_a_missing_address_is_an_error_and_not_the_end(place: Place) -> None:
    async def main() -> None:
        transport, listener, address = await place.bound()
        transport.sendto(b"to nobody")
        transport.sendto(b"hello", address)
        answer = await listener.next()

        assert answer == (b"hello", address)
        assert [type(error) for error in listener.errors] == [OSError]

    place.run(main())


def test_a_stranger_without_an_address_does_not_end_an_echo_server(unix: Place) -> None:
    async def main() -> None:
        _, echo, address = await unix.bound(Echo)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"answer me", address)
            await echo.until("error")
        transport, listener = await unix.connected(address)
        transport.sendto(b"hello")

        assert await listener.next() == (b"hello", address)

    unix.run(main())


# -- protocols that raise


def test_what_a_protocol_raises_is_reported_and_the_next_datagrams_come(
    ipv4: Place, reported: list[dict[str, Any]]
) -> None:
    class Fussy(Listener):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            if data == b"2":
                raise LookupError("not this one")

    async def main() -> None:
        _, fussy, address = await ipv4.bound(Fussy)
        transport, _ = await ipv4.connected(address)
        for data in (b"1", b"2", b"3"):
            transport.sendto(data)
        received = await fussy.until_count(3)
        context = reported.pop()

        assert [data for data, _ in received] == [b"1", b"2", b"3"]
        assert context["message"] == "protocol.datagram_received() failed"
        assert context["protocol"] is fussy
        assert isinstance(context["exception"], LookupError)

    ipv4.run(main())


def test_what_interrupts_the_loop_does_not_lose_datagrams(ipv4: Place) -> None:
    class Leaving(Listener):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            if data == b"2":
                raise SystemExit(3)

    async def main() -> None:
        _, leaving, address = await ipv4.bound(Leaving)
        transport, _ = await ipv4.connected(address)
        for data in (b"1", b"2", b"3", b"4"):
            transport.sendto(data)
        await leaving.until_count(4)

    task = ipv4.loop.create_task(main())
    with pytest.raises(SystemExit):
        ipv4.loop.run_until_complete(task)
    ipv4.run(task)

    assert [data for data, _ in ipv4.made[0][1].datagrams] == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("method", ["connection_made", "error_received"])
def test_what_other_callbacks_raise_is_reported_and_the_endpoint_goes_on(
    ipv4: Place, reported: list[dict[str, Any]], method: str
) -> None:
    def fail(self: Any, argument: Any) -> None:
        getattr(Listener, method)(self, argument)
        raise LookupError("not this one")

    fussy = type("Fussy", (Listener,), {method: fail})

    async def main() -> None:
        transport, listener, address = await ipv4.bound(fussy)
        transport.sendto(b"x" * 70000, address)
        transport.sendto(b"hello", address)
        answer = await listener.next()
        context = reported.pop()

        assert answer == (b"hello", address)
        assert context["message"] == f"protocol.{method}() failed"

    ipv4.run(main())


def test_callbacks_run_in_the_context_in_which_the_endpoint_was_made(ipv4: Place) -> None:
    where = contextvars.ContextVar("where", default="outside")

    class Curious(Listener):
        def note(self, call: str) -> None:
            super().note(f"{call} {where.get()}")

    async def make() -> Any:
        where.set("inside")
        return await ipv4.bound(Curious)

    async def main() -> None:
        transport, curious, address = await asyncio.create_task(make())
        sender, _, _ = await ipv4.bound()
        sender.sendto(b"hello", address)
        await curious.until_count(1)
        transport.close()
        await curious.until("lost inside")

        assert curious.calls == ["made inside", "datagram inside", "lost inside"]

    ipv4.run(main())


def test_an_error_of_a_send_is_told_in_the_senders_context(ipv4: Place) -> None:
    where = contextvars.ContextVar("where", default="outside")

    class Curious(Listener):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            where.set("sender")
            self.transport.sendto(b"x" * 70000, addr)

        def error_received(self, exc: BaseException) -> None:
            super().error_received(exc)
            self.note(where.get())

    async def main() -> None:
        transport, curious, address = await ipv4.bound(Curious)
        transport.sendto(b"hello", address)
        await curious.until("error")

        assert curious.calls == ["made", "error", "sender"]

    ipv4.run(main())


# -- flow control: a UNIX receiver that does not read makes its senders wait


class Deaf:
    """A bound UNIX socket that reads when it is told to."""

    def __init__(self, place: Place) -> None:
        self.loop = place.loop
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.address = str(place.folder / "deaf")
        self.sock.bind(self.address)
        self.sock.setblocking(False)

    async def read(self, count: int) -> list[bytes]:
        return [await self.loop.sock_recv(self.sock, 10000) for _ in range(count)]


async def flood(place: Place, deaf: Deaf, is_connected: bool) -> tuple[Any, Any, list[bytes]]:
    """Return an endpoint that was asked to pause, its protocol and what it was given to send."""
    if is_connected:
        transport, listener = await place.connected(deaf.address)
    else:
        transport, listener, _ = await place.bound()
    sent: list[bytes] = []
    while "pause" not in listener.calls:
        sent.append(b"%d" % len(sent) + b"x" * 1000)
        transport.sendto(sent[-1], None if is_connected else deaf.address)
    return transport, listener, sent


@pytest.fixture(params=[True, False], ids=["connected", "unconnected"])
def is_connected(request: pytest.FixtureRequest) -> bool:
    found: bool = request.param
    return found


def test_a_slow_receiver_pauses_the_protocol_and_gets_everything_in_order(unix: Place, is_connected: bool) -> None:
    async def main() -> None:
        deaf = Deaf(unix)
        transport, listener, sent = await flood(unix, deaf, is_connected)
        size = transport.get_write_buffer_size()
        received = await deaf.read(len(sent))
        await listener.until("resume")
        transport.sendto(b"last", deaf.address)
        received += await deaf.read(1)
        deaf.sock.close()

        assert size > transport.get_write_buffer_limits()[1]
        assert transport.get_write_buffer_size() == 0
        assert received == [*sent, b"last"]
        assert listener.calls == ["made", "pause", "resume"]

    unix.run(main())


def test_a_protocol_may_send_more_when_it_resumes(unix: Place, is_connected: bool) -> None:
    class Eager(Listener):
        def resume_writing(self) -> None:
            super().resume_writing()
            self.transport.sendto(b"more", None if is_connected else deaf.address)

    deaf = Deaf(unix)

    async def main() -> None:
        options = {"remote_addr": deaf.address} if is_connected else {"local_addr": unix.address()}
        transport, eager = await unix.endpoint(Eager, **options)
        transport.set_write_buffer_limits(high=0)
        count = 0
        while "pause" not in eager.calls:
            transport.sendto(b"x", deaf.address)
            count += 1
        received = await deaf.read(count + 1)
        deaf.sock.close()

        assert received == [b"x"] * count + [b"more"]

    unix.run(main())


def test_closing_sends_what_waits_first(unix: Place, is_connected: bool) -> None:
    async def main() -> None:
        deaf = Deaf(unix)
        transport, listener, sent = await flood(unix, deaf, is_connected)
        transport.close()
        transport.close()
        await settle()
        was_lost = "lost" in listener.calls
        received = await deaf.read(len(sent))
        await listener.until("lost")
        deaf.sock.close()

        assert not was_lost
        assert transport.is_closing()
        assert received == sent
        assert listener.lost == [None]

    unix.run(main())


def test_aborting_drops_what_waits(unix: Place, is_connected: bool) -> None:
    async def main() -> None:
        deaf = Deaf(unix)
        transport, listener, _ = await flood(unix, deaf, is_connected)
        transport.abort()
        size = transport.get_write_buffer_size()
        transport.abort()
        transport.close()
        await listener.until("lost")
        await settle()
        deaf.sock.close()

        assert size == 0
        assert listener.calls == ["made", "pause", "lost"]
        assert listener.lost == [None]

    unix.run(main())


def test_what_waits_for_a_receiver_that_goes_away_is_an_error(unix: Place, is_connected: bool) -> None:
    async def main() -> None:
        deaf = Deaf(unix)
        transport, listener, _ = await flood(unix, deaf, is_connected)
        deaf.sock.close()
        await listener.until("resume")
        transport.close()
        await listener.until("lost")

        expected = {errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOTCONN}

        assert listener.errors
        assert {error.errno for error in listener.errors} <= expected
        assert listener.lost == [None]

    unix.run(main())


def test_a_datagram_that_waits_is_a_copy(unix: Place) -> None:
    async def main() -> None:
        deaf = Deaf(unix)
        transport, _, sent = await flood(unix, deaf, True)
        data = bytearray(b"before")
        transport.sendto(data)
        data[:] = b"after!"
        received = await deaf.read(len(sent) + 1)
        deaf.sock.close()

        assert received[-1] == b"before"

    unix.run(main())


def test_empty_datagrams_that_wait_count_too(unix: Place) -> None:
    async def main() -> None:
        deaf = Deaf(unix)
        transport, listener = await unix.connected(deaf.address)
        transport.set_write_buffer_limits(high=64)
        count = 0
        while "pause" not in listener.calls:
            transport.sendto(b"")
            count += 1
        received = await deaf.read(count)
        deaf.sock.close()

        assert received == [b""] * count

    unix.run(main())


def test_the_watermarks_can_be_set(ipv4: Place) -> None:
    async def main() -> None:
        transport, _, _ = await ipv4.bound()
        limits = [transport.get_write_buffer_limits()]
        for options in ({"high": 100}, {"low": 100}, {"high": 7, "low": 7}, {"high": 0}, {}):
            transport.set_write_buffer_limits(**options)
            limits.append(transport.get_write_buffer_limits())
        with pytest.raises(ValueError, match="must be >= low"):
            transport.set_write_buffer_limits(high=1, low=2)

        assert limits == [(16384, 65536), (25, 100), (100, 400), (7, 7), (0, 0), (16384, 65536)]
        assert transport.get_write_buffer_size() == 0

    ipv4.run(main())


# -- the end


def test_the_end_comes_once_and_nothing_after_it(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        _, _, address = await place.bound(Echo)
        transport, listener = await place.connected(address)
        transport.sendto(b"hello")
        transport.close()
        for _ in range(10):
            transport.sendto(b"hello")
        await listener.until("lost")
        transport.close()
        transport.abort()
        await settle()

        assert listener.calls == ["made", "lost"]
        assert [record.message for record in caplog.records if "were dropped" in record.message][1:] == []
        assert "5 datagrams after its end were dropped" in caplog.text

    place.run(main())


def test_an_endpoint_can_close_itself_among_datagrams(ipv4: Place) -> None:
    class Leaving(Listener):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.transport.close()

    async def main() -> None:
        _, leaving, address = await ipv4.bound(Leaving)
        transport, _, _ = await ipv4.bound()
        for data in (b"1", b"2", b"3"):
            transport.sendto(data, address)
        await leaving.until("lost")

        assert leaving.calls == ["made", "datagram", "lost"]

    ipv4.run(main())


# -- what it is


def test_a_transport_is_asyncios_and_knows_its_names(place: Place) -> None:
    async def main() -> None:
        _, _, address = await place.bound()
        transport, listener = await place.connected(address)
        names = [transport.get_extra_info(name) for name in ("socket", "sockname", "peername")]
        transport.close()
        await listener.until("lost")

        assert isinstance(transport, asyncio.DatagramTransport)
        assert isinstance(transport, asyncio.Transport)
        assert isinstance(names[0], trsock.TransportSocket)
        assert transport.get_extra_info("socket") is names[0]
        assert names[0].family == place.family
        assert names[1] == transport.get_extra_info("sockname") != address
        assert names[2] == transport.get_extra_info("peername") == address
        assert transport.get_extra_info("anything else", "default") == "default"
        assert "DatagramEndpoint" in repr(transport)
        assert "closed" in repr(transport)

    place.run(main())


def test_a_transport_can_change_its_protocol(ipv4: Place) -> None:
    async def main() -> None:
        transport, first, address = await ipv4.bound()
        second = Listener()
        transport.set_protocol(second)
        transport.sendto(b"hello", address)
        answer = await second.next()

        assert answer == (b"hello", address)
        assert transport.get_protocol() is second
        assert first.calls == ["made"]

    ipv4.run(main())


def test_an_observer_is_told(ipv4: Place) -> None:
    told: list[tuple[Any, ...]] = []

    class Witness(Observer):
        def channel_opened(self, number: int, owner: Any, name: Any) -> None:
            told.append(("opened", number))

        def data_begin(self, number: int, size_bytes: int) -> None:
            told.append(("begin", number, size_bytes))

        def data_end(self, number: int) -> None:
            told.append(("end", number))

        def data_sent(self, number: int, size_bytes: int) -> None:
            told.append(("sent", number, size_bytes))

        def channel_closed(self, number: int, owner: Any, error: BaseException | None) -> None:
            told.append(("closed", number, error))

    async def main() -> None:
        ipv4.loop.observer = Witness()
        transport, listener, address = await ipv4.bound()
        transport.sendto(b"hello", address)
        await listener.next()
        transport.close()
        await listener.until("lost")
        ipv4.loop.observer = None

        assert told == [("opened", 1), ("sent", 1, 5), ("begin", 1, 5), ("end", 1), ("closed", 1, None)]

    ipv4.run(main())


# -- making endpoints


def test_an_endpoint_needs_no_address_if_it_has_a_family(place: Place) -> None:
    async def main() -> None:
        _, _, address = await place.bound()
        transport, _ = await place.endpoint()
        transport.sendto(b"hello", address)
        await place.made[0][1].until_count(1)

        assert transport.get_extra_info("peername") is None

    place.run(main())


def test_an_endpoint_can_have_both_addresses(ipv4: Place) -> None:
    async def main() -> None:
        _, _, address = await ipv4.bound(Echo)
        transport, listener = await ipv4.endpoint(local_addr=("127.0.0.1", 0), remote_addr=address, family=0)
        transport.sendto(b"hello")

        assert await listener.next() == (b"hello", address)
        assert transport.get_extra_info("sockname")[0] == "127.0.0.1"

    ipv4.run(main())


def test_an_endpoint_replaces_the_socket_file_of_one_before(unix: Place) -> None:
    path = unix.address()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as before:
        before.bind(path)

    async def main() -> None:
        _, echo = await unix.endpoint(Echo, local_addr=path)
        transport, listener = await unix.connected(path)
        transport.sendto(b"hello")

        assert await listener.next() == (b"hello", path)
        assert echo.calls == ["made", "datagram"]

    unix.run(main())


def test_an_address_that_is_taken_is_refused(ipv4: Place) -> None:
    async def main() -> None:
        _, _, address = await ipv4.bound()
        with pytest.raises(OSError, match="in use"):
            await ipv4.endpoint(local_addr=address)

    ipv4.run(main())


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({}, ValueError, "unexpected address family"),
        ({"local_addr": "127.0.0.1"}, TypeError, "2-tuple is expected"),
        ({"remote_addr": ("127.0.0.1", 1, 2)}, TypeError, "2-tuple is expected"),
        ({"local_addr": ("127.0.0.1", 0), "family": socket.AF_UNIX}, TypeError, "string is expected"),
        ({"local_addr": ("127.0.0.1", 0), "remote_addr": ("::1", 1)}, ValueError, "can not get address information"),
    ],
    ids=["nothing", "host alone", "triple", "unix pair", "two families"],
)
def test_addresses_that_make_no_sense_are_refused(
    loop: weft.Loop, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        loop.run_until_complete(loop.create_datagram_endpoint(Listener, **options))


def test_a_stream_socket_is_refused(loop: weft.Loop) -> None:
    with socket.socket() as sock, pytest.raises(ValueError, match=r"A (datagram|UDP) [sS]ocket was expected"):
        loop.run_until_complete(loop.create_datagram_endpoint(Listener, sock=sock))


@pytest.mark.parametrize(
    "option",
    [
        {"local_addr": ("127.0.0.1", 0)},
        {"remote_addr": ("127.0.0.1", 0)},
        {"family": 1},
        {"proto": 1},
        {"flags": 1},
        {"reuse_port": True},
        {"allow_broadcast": True},
    ],
    ids=lambda option: next(iter(option)),
)
def test_a_socket_goes_with_no_option_that_makes_one(loop: weft.Loop, option: dict[str, Any]) -> None:
    message = rf"when sock is specified. \({next(iter(option))}="
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(ValueError, match=message):
        loop.run_until_complete(loop.create_datagram_endpoint(Listener, sock=sock, **option))


def test_a_socket_is_closed_if_the_factory_raises(loop: weft.Loop) -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def refuse() -> asyncio.DatagramProtocol:
        raise LookupError("no protocol today")

    with pytest.raises(LookupError, match="no protocol today"):
        loop.run_until_complete(loop.create_datagram_endpoint(refuse, sock=sock))

    assert sock.fileno() == -1


def test_an_endpoint_whose_maker_is_cancelled_is_closed(loop: weft.Loop) -> None:
    listener = Listener()

    async def main() -> None:
        making = asyncio.create_task(
            loop.create_datagram_endpoint(lambda: listener, local_addr=("127.0.0.1", 0), family=socket.AF_INET)
        )
        await listener.until("made")
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        await listener.until("lost")

        assert listener.lost == [None]

    loop.run_until_complete(main())


# -- sockets of the user's own


@pytest.fixture
def sockets() -> Any:
    first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for sock in (first, second):
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
    yield first, second
    first.close()
    second.close()


def test_a_socket_waits_for_a_datagram(loop: weft.Loop, sockets: Any) -> None:
    ours, theirs = sockets

    async def main() -> None:
        receiving = asyncio.create_task(loop.sock_recvfrom(ours, 100))
        await asyncio.sleep(0)
        was_waiting = not receiving.done()
        sent = await loop.sock_sendto(theirs, b"hello", ours.getsockname())
        received = await receiving

        assert was_waiting
        assert sent == 5
        assert received == (b"hello", theirs.getsockname())

    loop.run_until_complete(main())


@pytest.mark.parametrize("size", [0, 3])
def test_a_datagram_is_received_into_a_buffer(loop: weft.Loop, sockets: Any, size: int) -> None:
    ours, theirs = sockets
    buffer = bytearray(10)

    async def main() -> None:
        await loop.sock_sendto(theirs, b"hello", ours.getsockname())
        count, address = await loop.sock_recvfrom_into(ours, buffer, size)

        assert bytes(buffer[:count]) == b"hello"[: size or 5]
        assert address == theirs.getsockname()

    loop.run_until_complete(main())


def test_a_socket_waits_until_a_datagram_can_be_sent(unix: Place) -> None:
    async def main() -> None:
        deaf = Deaf(unix)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(deaf.address)  # so that the system tells when there is room
            count = 0
            sending = asyncio.create_task(unix.loop.sock_sendto(sock, b"x", deaf.address))
            while await asyncio.wait([sending], timeout=0) != (set(), {sending}):
                count += 1
                sending = asyncio.create_task(unix.loop.sock_sendto(sock, b"x", deaf.address))
            received = await deaf.read(count)
            sent = await sending
            received += await deaf.read(1)
            deaf.sock.close()

        assert sent == 1
        assert received == [b"x"] * (count + 1)

    unix.run(main())


def test_waiting_for_a_datagram_can_be_cancelled(loop: weft.Loop, sockets: Any) -> None:
    ours, theirs = sockets

    async def main() -> None:
        receiving = asyncio.create_task(loop.sock_recvfrom(ours, 100))
        await asyncio.sleep(0)
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        await loop.sock_sendto(theirs, b"hello", ours.getsockname())

        assert await loop.sock_recvfrom(ours, 100) == (b"hello", theirs.getsockname())

    loop.run_until_complete(main())


def test_a_blocking_socket_is_refused_in_debug_mode(loop: weft.Loop) -> None:
    loop.set_debug(True)

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for attempt in (
                loop.sock_recvfrom(sock, 1),
                loop.sock_recvfrom_into(sock, bytearray(1)),
                loop.sock_sendto(sock, b"x", ("127.0.0.1", 1)),
            ):
                with pytest.raises(ValueError, match="the socket must be non-blocking"):
                    await attempt

    loop.run_until_complete(main())
