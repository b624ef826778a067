"""Files sent through streams and sockets: by the system where it can, by reading and writing where it cannot."""

import asyncio
import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import weft
from weft.ports import Observer

from .fakes import Witness
from .tls_peer import client_context, server_context

SIZE = 1_500_000

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(scope="module")
def content() -> bytes:
    return b"".join(b"%07d\n" % line for line in range(SIZE // 8))


@pytest.fixture
def path(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(content)
    return path


@pytest.fixture
def file(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        yield file


@pytest.fixture
def memory(content: bytes) -> Any:
    """A file that the system knows nothing of."""
    return io.BytesIO(content)


@pytest.fixture
def pair(pair: Pair) -> Pair:
    """The pair with buffers that hold only a small part of the file."""
    for sock in pair:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    return pair


async def connect(loop: weft.Loop, ours: socket.socket, factory: Any = Witness) -> tuple[Any, Any]:
    return await loop.connect_accepted_socket(factory, ours)


async def receive(loop: weft.Loop, theirs: socket.socket, size: int) -> bytes:
    """Return `size` bytes, read by the peer; fewer if the stream ends before."""
    received = bytearray()
    while len(received) < size:
        data = await loop.sock_recv(theirs, 65536)
        if not data:
            break
        received += data
    return bytes(received)


async def end(transport: Any, witness: Any) -> None:
    transport.close()
    await witness.until("lost")


# -- through a stream


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_whole_file_is_sent(loop: weft.Loop, pair: Pair, content: bytes, kind: str, request: Any) -> None:
    source = request.getfixturevalue(kind)

    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        receiving = asyncio.create_task(receive(loop, pair[1], len(content)))
        sent = await loop.sendfile(transport, source)
        received = await receiving
        await end(transport, witness)

        assert sent == len(content)
        assert received == content
        assert source.tell() == len(content)
        assert witness.calls[0] == "made"
        assert witness.calls.count("pause") == witness.calls.count("resume")

    loop.run_until_complete(main())


@pytest.mark.parametrize("kind", ["file", "memory"])
@pytest.mark.parametrize(
    "offset, count, expected",
    [(1000, None, SIZE - 1000), (0, 100, 100), (1000, 200_000, 200_000), (SIZE - 5, 100, 5), (SIZE, None, 0)],
)
def test_a_part_of_a_file_is_sent(
    loop: weft.Loop,
    pair: Pair,
    content: bytes,
    kind: str,
    request: Any,
    offset: int,
    count: int | None,
    expected: int,
) -> None:
    source = request.getfixturevalue(kind)

    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        receiving = asyncio.create_task(receive(loop, pair[1], expected))
        sent = await loop.sendfile(transport, source, offset, count)
        received = await receiving
        await end(transport, witness)

        assert sent == expected
        assert received == content[offset : offset + expected]
        if expected:
            assert source.tell() == offset + expected

    loop.run_until_complete(main())


def test_an_empty_file_is_sent_at_once(loop: weft.Loop, pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        with (tmp_path / "empty").open("rb") as empty:
            sent = await loop.sendfile(transport, empty)
        await end(transport, witness)

        assert sent == 0

    loop.run_until_complete(main())


@pytest.mark.parametrize("kind", ["file", "memory"])
@pytest.mark.parametrize("size", [10, 1_000_000])
def test_what_was_written_before_and_after_keeps_its_place(
    loop: weft.Loop, pair: Pair, content: bytes, kind: str, request: Any, size: int
) -> None:
    source = request.getfixturevalue(kind)
    before, after = b"b" * size, b"a" * size

    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        receiving = asyncio.create_task(receive(loop, pair[1], len(content) + 2 * size))
        transport.write(before)
        await loop.sendfile(transport, source)
        transport.write(after)
        received = await receiving
        await end(transport, witness)

        assert received == before + content + after
        assert witness.calls.count("pause") == witness.calls.count("resume")

    loop.run_until_complete(main())


def test_nothing_can_be_written_while_the_system_sends_a_file(
    loop: weft.Loop, pair: Pair, file: Any, content: bytes
) -> None:
    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        sending = asyncio.create_task(loop.sendfile(transport, file))
        await asyncio.sleep(0)
        for attempt in (lambda: transport.write(b"x"), transport.write_eof, lambda: transport.writelines([b"x"])):
            with pytest.raises(RuntimeError, match="sendfile is in progress"):
                attempt()
        with pytest.raises(RuntimeError, match="sendfile is in progress"):
            await loop.sendfile(transport, file)
        received = await receive(loop, pair[1], len(content))
        await sending
        transport.write(b"now")
        received += await receive(loop, pair[1], 3)
        await end(transport, witness)

        assert received == content + b"now"

    loop.run_until_complete(main())


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_reading_pauses_and_a_peer_that_has_ended_still_gets_the_file(
    loop: weft.Loop, pair: Pair, content: bytes, kind: str, request: Any
) -> None:
    source = request.getfixturevalue(kind)

    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        sending = asyncio.create_task(loop.sendfile(transport, source))
        await asyncio.sleep(0)
        was_reading = transport.is_reading()
        pair[1].send(b"that is all")
        pair[1].shutdown(socket.SHUT_WR)
        received = await receive(loop, pair[1], len(content))
        sent = await sending
        await witness.until("lost")

        assert not was_reading
        assert sent == len(content)
        assert received == content
        assert bytes(witness.data) == b"that is all"
        assert witness.error is None

    loop.run_until_complete(main())


def test_a_pause_of_the_users_outlives_the_file(loop: weft.Loop, pair: Pair, file: Any) -> None:
    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        transport.pause_reading()
        await loop.sendfile(transport, file, 0, 100)

        assert not transport.is_reading()
        await end(transport, witness)

    loop.run_until_complete(main())


def test_a_protocol_that_was_asked_to_pause_hears_when_it_may_go_on(
    loop: weft.Loop, pair: Pair, memory: Any, content: bytes
) -> None:
    size = 4_000_000

    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        transport.write(b"x" * size)
        was_paused = "pause" in witness.calls
        sending = asyncio.create_task(loop.sendfile(transport, memory))
        received = await receive(loop, pair[1], size + len(content))
        await sending
        await witness.until("resume")
        await end(transport, witness)

        assert was_paused
        assert received == b"x" * size + content
        assert [call for call in witness.calls if call in ("pause", "resume")] == ["pause", "resume"]

    loop.run_until_complete(main())


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_sending_fails_where_the_peer_goes_away(loop: weft.Loop, pair: Pair, kind: str, request: Any) -> None:
    source = request.getfixturevalue(kind)

    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        sending = asyncio.create_task(loop.sendfile(transport, source))
        await receive(loop, pair[1], 1000)
        pair[1].close()
        with pytest.raises(ConnectionError):
            await sending
        await witness.until("lost")

        assert 1000 <= source.tell() < SIZE
        assert transport.is_closing()

    loop.run_until_complete(main())


@pytest.mark.parametrize("kind", ["file", "memory"])
@pytest.mark.parametrize("method", ["close", "abort"])
def test_sending_fails_where_the_transport_is_closed(
    loop: weft.Loop, pair: Pair, kind: str, method: str, request: Any
) -> None:
    source = request.getfixturevalue(kind)

    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        sending = asyncio.create_task(loop.sendfile(transport, source))
        await receive(loop, pair[1], 1000)
        getattr(transport, method)()
        draining = asyncio.create_task(receive(loop, pair[1], SIZE))
        with pytest.raises(ConnectionError):
            await sending
        await witness.until("lost")
        rest = await draining

        assert source.tell() >= 1000
        assert len(rest) < SIZE - 1000
        assert witness.calls[-1] == "lost"
        assert witness.calls.count("lost") == 1

    loop.run_until_complete(main())


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_sending_can_be_cancelled_and_the_stream_goes_on(
    loop: weft.Loop, pair: Pair, content: bytes, kind: str, request: Any
) -> None:
    source = request.getfixturevalue(kind)

    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        sending = asyncio.create_task(loop.sendfile(transport, source))
        received = await receive(loop, pair[1], 1000)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        sent = source.tell()
        transport.write(b"after")
        received += await receive(loop, pair[1], sent + 5 - len(received))
        await end(transport, witness)

        assert received == content[:sent] + b"after"
        assert sent < SIZE

    loop.run_until_complete(main())


def test_a_closing_transport_is_refused(loop: weft.Loop, pair: Pair, file: Any) -> None:
    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        transport.close()
        with pytest.raises(RuntimeError, match="Transport is closing"):
            await loop.sendfile(transport, file)
        await witness.until("lost")

        assert file.tell() == 0

    loop.run_until_complete(main())


def test_a_half_closed_transport_is_refused(loop: weft.Loop, pair: Pair, file: Any) -> None:
    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        transport.write_eof()
        with pytest.raises(RuntimeError, match="half-closed by us"):
            await loop.sendfile(transport, file)
        await end(transport, witness)

        assert file.tell() == 0

    loop.run_until_complete(main())


def test_a_transport_of_another_kind_is_refused(loop: weft.Loop, file: Any) -> None:
    class Quiet(asyncio.DatagramProtocol):
        pass

    async def main() -> None:
        transport, _ = await loop.create_datagram_endpoint(Quiet, local_addr=("127.0.0.1", 0))
        with pytest.raises(RuntimeError, match="sendfile is not supported for transport"):
            await loop.sendfile(transport, file)
        transport.close()
        await asyncio.sleep(0)

    loop.run_until_complete(main())


def test_a_file_in_memory_is_refused_if_it_is_not_to_be_read(loop: weft.Loop, pair: Pair, memory: Any) -> None:
    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        with pytest.raises(asyncio.SendfileNotAvailableError, match="not a regular file"):
            await loop.sendfile(transport, memory, fallback=False)
        with pytest.raises(asyncio.SendfileNotAvailableError, match="not a regular file"):
            await loop.sock_sendfile(pair[1], memory, fallback=False)
        await end(transport, witness)

        assert memory.tell() == 0

    loop.run_until_complete(main())


def test_a_file_that_the_system_cannot_send_is_read(loop: weft.Loop, pair: Pair, tmp_path: Path) -> None:
    def pipe() -> Any:
        reading, writing = os.pipe()
        os.write(writing, b"from a pipe")
        os.close(writing)
        return os.fdopen(reading, "rb", buffering=0)

    async def main() -> None:
        transport, witness = await connect(loop, pair[0])
        with pipe() as source, pytest.raises(asyncio.SendfileNotAvailableError, match=r"os\.sendfile call failed"):
            await loop.sendfile(transport, source, fallback=False)
        with pipe() as source:
            sent = await loop.sendfile(transport, source)
        received = await receive(loop, pair[1], sent)
        await end(transport, witness)

        assert received == b"from a pipe"

    loop.run_until_complete(main())


def test_an_observer_is_told_of_what_was_sent(loop: weft.Loop, pair: Pair, file: Any, content: bytes) -> None:
    counts: list[int] = []

    class Counter(Observer):
        def data_sent(self, number: int, size_bytes: int) -> None:
            counts.append(size_bytes)

    async def main() -> None:
        loop.observer = Counter()
        transport, witness = await connect(loop, pair[0])
        receiving = asyncio.create_task(receive(loop, pair[1], len(content)))
        await loop.sendfile(transport, file)
        await receiving
        await end(transport, witness)
        loop.observer = None

        assert sum(counts) == len(content)

    loop.run_until_complete(main())


def test_others_have_their_turn_while_a_file_is_sent(loop: weft.Loop, pair: Pair, path: Path) -> None:
    os.truncate(path, 50_000_000)
    turns = 0

    async def main() -> None:
        nonlocal turns
        transport, witness = await connect(loop, pair[0])
        receiving = asyncio.create_task(receive(loop, pair[1], 50_000_000))
        with path.open("rb") as file:
            sending = asyncio.create_task(loop.sendfile(transport, file))
            while not sending.done():
                turns += 1
                await asyncio.sleep(0)
        received = await receiving
        await end(transport, witness)

        assert await sending == len(received) == 50_000_000
        assert turns > 10

    loop.run_until_complete(main())


# -- through TLS


async def connect_over_tls(loop: weft.Loop) -> tuple[Any, Any, Any, Any]:
    """Return a server, its connection's protocol, and the client's transport and protocol."""
    accepted: asyncio.Future[Witness] = loop.create_future()

    class Accepted(Witness):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            accepted.set_result(self)

    server = await loop.create_server(Accepted, "127.0.0.1", 0, ssl=server_context())
    port = server.sockets[0].getsockname()[1]
    transport, witness = await loop.create_connection(
        Witness, "127.0.0.1", port, ssl=client_context(), server_hostname="localhost"
    )
    return server, await accepted, transport, witness


def test_a_file_is_read_and_encrypted_over_tls(loop: weft.Loop, file: Any, content: bytes) -> None:
    async def main() -> None:
        server, peer, transport, witness = await connect_over_tls(loop)
        transport.write(b"before")
        sent = await loop.sendfile(transport, file)
        transport.write(b"after")
        received = await peer.until_data(len(content) + 11)
        await end(transport, witness)
        await peer.until("lost")
        server.close()
        await server.wait_closed()

        assert sent == len(content) == file.tell()
        assert received == b"before" + content + b"after"
        assert witness.calls.count("pause") == witness.calls.count("resume")

    loop.run_until_complete(main())


def test_a_file_is_refused_over_tls_if_it_is_not_to_be_read(loop: weft.Loop, file: Any) -> None:
    async def main() -> None:
        server, peer, transport, witness = await connect_over_tls(loop)
        with pytest.raises(RuntimeError, match="fallback is disabled"):
            await loop.sendfile(transport, file, fallback=False)
        await end(transport, witness)
        await peer.until("lost")
        server.close()
        await server.wait_closed()

        assert file.tell() == 0

    loop.run_until_complete(main())


# -- through a socket of the user's


@pytest.mark.parametrize("kind", ["file", "memory"])
@pytest.mark.parametrize("offset, count", [(0, None), (1000, 200_000)])
def test_a_file_is_sent_through_a_socket(
    loop: weft.Loop, pair: Pair, content: bytes, kind: str, request: Any, offset: int, count: int | None
) -> None:
    source = request.getfixturevalue(kind)
    expected = content[offset : offset + (count or SIZE)]

    async def main() -> None:
        receiving = asyncio.create_task(receive(loop, pair[1], len(expected)))
        sent = await loop.sock_sendfile(pair[0], source, offset, count)
        received = await receiving

        assert sent == len(expected)
        assert received == expected
        assert source.tell() == offset + len(expected)

    loop.run_until_complete(main())


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_sending_through_a_socket_can_be_cancelled(
    loop: weft.Loop, pair: Pair, content: bytes, kind: str, request: Any
) -> None:
    source = request.getfixturevalue(kind)

    async def main() -> None:
        sending = asyncio.create_task(loop.sock_sendfile(pair[0], source))
        received = await receive(loop, pair[1], 1000)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        sent = source.tell()
        pair[0].close()
        received += await receive(loop, pair[1], SIZE)

        assert received == content[:sent]
        assert sent < SIZE

    loop.run_until_complete(main())


def test_sending_through_a_socket_fails_where_the_peer_goes_away(loop: weft.Loop, pair: Pair, file: Any) -> None:
    async def main() -> None:
        sending = asyncio.create_task(loop.sock_sendfile(pair[0], file))
        await receive(loop, pair[1], 1000)
        pair[1].close()
        with pytest.raises(ConnectionError):
            await sending

        assert 1000 <= file.tell() < SIZE

    loop.run_until_complete(main())


@pytest.mark.parametrize(
    "offset, count, error, message",
    [
        (-1, None, ValueError, "offset must be a non-negative integer"),
        (1.5, None, TypeError, "offset must be a non-negative integer"),
        (0, 0, ValueError, "count must be a positive integer"),
        (0, -1, ValueError, "count must be a positive integer"),
        (0, 1.5, TypeError, "count must be a positive integer"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    loop: weft.Loop, pair: Pair, file: Any, offset: Any, count: Any, error: type[Exception], message: str
) -> None:
    async def main() -> None:
        with pytest.raises(error, match=message):
            await loop.sock_sendfile(pair[0], file, offset, count)
        transport, witness = await connect(loop, pair[0])
        with pytest.raises(error, match=message):
            await loop.sendfile(transport, file, offset, count)
        await end(transport, witness)

    loop.run_until_complete(main())


def test_a_file_that_is_open_as_text_is_refused(loop: weft.Loop, pair: Pair, path: Path) -> None:
    with path.open() as file, pytest.raises(ValueError, match="file should be opened in binary mode"):
        loop.run_until_complete(loop.sock_sendfile(pair[0], file))


def test_a_datagram_socket_is_refused(loop: weft.Loop, file: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        with pytest.raises(ValueError, match="only SOCK_STREAM type sockets are supported"):
            loop.run_until_complete(loop.sock_sendfile(sock, file))


def test_a_blocking_socket_is_refused_in_debug_mode(loop: weft.Loop, pair: Pair, file: Any) -> None:
    loop.set_debug(True)
    pair[0].setblocking(True)

    with pytest.raises(ValueError, match="the socket must be non-blocking"):
        loop.run_until_complete(loop.sock_sendfile(pair[0], file))
