"""Connections in the recording: opened, read, written, closed, and named even when their opening was overwritten."""

import asyncio
import re
import socket

import pytest

import weft
from weft.record import Record, Recorder, Recording, events

CONNECTION = range(events.CHANNEL_OPENED, events.CHANNEL_CLOSED + 1)


class Server(asyncio.Protocol):
    """Answers with as many bytes again and one more; ends when told to."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data == b"bye":
            self.transport.close()
        else:
            self.transport.write(data + b"!")


def talk(recorder: Recorder, *, says_bye: bool = True, turns: int = 1) -> Recording:
    """Record a server to which one client, a plain socket that is not recorded, says hello `turns` times."""

    async def main() -> Recording:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Server, "127.0.0.1", 0)
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, server.sockets[0].getsockname())
            for _ in range(turns):
                await loop.sock_sendall(client, b"hello")
                assert await loop.sock_recv(client, 100) == b"hello!"
            if says_bye:
                await loop.sock_sendall(client, b"bye")
                assert await loop.sock_recv(client, 100) == b""
            recording = recorder.take()
            server.close()
        return recording

    return weft.run(main(), recorder=recorder)


def without_port(text: str) -> str:
    return re.sub(r"127\.0\.0\.1:\d+", "HOST:PORT", text)


def told(recording: Recording) -> list[Record]:
    return [record for record in recording if record.kind in CONNECTION]


def test_a_connection_is_recorded_from_its_opening_to_its_orderly_end() -> None:
    recording = talk(Recorder())

    happened = [(record.kind, record.number, record.value, without_port(record.name)) for record in told(recording)]
    assert [entry for entry in happened if entry[0] != events.DATA_END] == [
        (events.CHANNEL_OPENED, 1, 0, "Server HOST:PORT"),
        (events.DATA_BEGIN, 1, 5, ""),
        (events.DATA_SENT, 1, 6, ""),
        (events.DATA_BEGIN, 1, 3, ""),
        (events.CHANNEL_CLOSED, 1, 0, "Server HOST:PORT"),
    ]
    kinds = [entry[0] for entry in happened]
    assert kinds.count(events.DATA_BEGIN) == kinds.count(events.DATA_END)


def test_a_tcp_connection_is_named_after_its_protocol_and_its_peer() -> None:
    recorder = Recorder()
    names = []

    async def main() -> None:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        names.append(f"StreamReaderProtocol {host}:{port}")
        names.append("StreamReaderProtocol {}:{}".format(*writer.get_extra_info("sockname")))
        await reader.read()
        writer.close()
        await writer.wait_closed()
        server.close()

    weft.run(main(), recorder=recorder)

    opened = {record.name for record in recorder.take() if record.kind == events.CHANNEL_OPENED}
    assert opened == set(names)


def test_a_connection_that_is_aborted_by_an_error_says_so() -> None:
    recorder = Recorder()
    is_lost: list[object] = []

    class Faulty(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            raise ValueError("on purpose")

        def connection_lost(self, error: Exception | None) -> None:
            is_lost.append(error)
            gone.set_result(None)

    async def main() -> None:
        nonlocal gone
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: None)
        gone = loop.create_future()
        server = await loop.create_server(Faulty, "127.0.0.1", 0)
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, server.sockets[0].getsockname())
            await loop.sock_sendall(client, b"x")
            await gone
        server.close()

    gone: asyncio.Future[None]
    weft.run(main(), recorder=recorder)

    closed = [record for record in recorder.take() if record.kind == events.CHANNEL_CLOSED]
    assert isinstance(is_lost[0], ValueError)
    assert [record.value for record in closed] == [1]


def test_bytes_that_come_in_hold_the_thread_under_the_connections_name() -> None:
    timeline = talk(Recorder()).timeline()

    labels = [without_port(piece.label) for piece in timeline.slices]
    assert "Server HOST:PORT: 5 bytes" in labels
    assert "Server HOST:PORT: 3 bytes" in labels


@pytest.mark.parametrize("says_bye", [True, False], ids=["closed", "still open"])
def test_a_connection_keeps_its_name_when_its_opening_was_overwritten(says_bye: bool) -> None:
    recording = talk(Recorder(capacity=64, sample_interval_s=None), turns=50, says_bye=says_bye)

    kinds = [record.kind for record in recording]
    labels = {without_port(piece.label) for piece in recording.timeline().slices if "bytes" in piece.label}
    assert recording.lost
    assert events.CHANNEL_OPENED not in kinds
    assert (events.CHANNEL_CLOSED in kinds) is says_bye
    assert labels == {"Server HOST:PORT: 5 bytes"} | ({"Server HOST:PORT: 3 bytes"} if says_bye else set())
