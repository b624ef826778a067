import asyncio
import os
import socket

import pytest

import weft
from weft import ServerService, endpoints
from weft.errors import ServiceStartError

LOCAL = "tcp:0:interface=127.0.0.1"


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class OwnBuffer(asyncio.BufferedProtocol):
    def connection_made(self, transport):
        self.transport = transport
        self.buffer = bytearray(100)

    def get_buffer(self, size):
        return self.buffer

    def buffer_updated(self, count):
        self.transport.write(self.buffer[:count])


async def shout(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()


def at(server):
    return "tcp:{}:{}".format(*server.addresses[0])


async def asked(stream, line):
    reader, writer = stream
    writer.write(line)
    return await reader.readline()


async def closed(*streams):
    for _, writer in streams:
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            pass


@pytest.mark.parametrize("factory", [Echo, OwnBuffer, shout, lambda: Echo()])
def test_a_server_serves_a_protocol_or_a_handler_and_counts_its_connections(run_real, factory):
    async def main():
        async with ServerService(LOCAL, factory, name="web") as server:
            streams = [await weft.open_stream(at(server)) for _ in range(3)]
            answers = [await asked(stream, b"HELLO\n") for stream in streams]
            assert answers == [b"HELLO\n"] * 3
            assert server.connections == 3
            assert server.note == f"127.0.0.1:{server.addresses[0][1]}: 3 connections open, 3 in all"
            await closed(*streams)
        assert server.connections == 0
        assert server.addresses == ()

    run_real(main())


def test_a_draining_server_accepts_no_more_and_lets_connections_finish(run_real):
    async def main():
        server = ServerService(LOCAL, Echo)
        await server.start_tree()
        where = at(server)
        stream = await weft.open_stream(where)
        assert await asked(stream, b"one\n") == b"one\n"
        stopping = asyncio.create_task(server.stop_tree(30))
        while server.state is not weft.services.State.DRAINING:
            await asyncio.sleep(0)

        assert await asked(stream, b"two\n") == b"two\n"
        await closed(stream)
        await stopping
        with pytest.raises(ConnectionRefusedError):
            await weft.open_stream(where)

    run_real(main())


def test_who_has_connected_when_the_draining_begins_is_served(run_real):
    async def main():
        server = ServerService(LOCAL, shout)
        await server.start_tree()
        address = server.addresses[0]
        waiting = [socket.create_connection(address) for _ in range(50)]  # in the kernel's queue: no turn has passed
        for sock in waiting:
            sock.sendall(b"late\n")
            sock.shutdown(socket.SHUT_WR)
        await server.stop_tree(30)
        answers = []
        for sock in waiting:
            answers.append(sock.recv(100))
            sock.close()
        return answers

    assert run_real(main()) == [b"LATE\n"] * 50


def test_finish_is_told_to_each_open_connection(run_real):
    class Polite(Echo):
        def finish(self):
            self.transport.write(b"bye\n")
            self.transport.close()

    async def main():
        server = ServerService(LOCAL, Polite, finish=Polite.finish)
        await server.start_tree()
        streams = [await weft.open_stream(at(server)) for _ in range(2)]
        for stream in streams:
            assert await asked(stream, b"hello\n") == b"hello\n"
        await server.stop_tree(30)
        answers = [await stream[0].read() for stream in streams]
        await closed(*streams)
        return answers

    assert run_real(main()) == [b"bye\n"] * 2


def test_finish_is_given_the_writer_where_a_coroutine_function_serves(run_real):
    def say_bye(writer):
        writer.write(b"bye\n")
        writer.close()

    async def main():
        server = ServerService(LOCAL, shout, finish=say_bye)
        await server.start_tree()
        streams = [await weft.open_stream(at(server)) for _ in range(2)]
        for stream in streams:
            assert await asked(stream, b"hello\n") == b"HELLO\n"
        await server.stop_tree(30)
        answers = [await stream[0].read() for stream in streams]
        await closed(*streams)
        return answers

    assert run_real(main()) == [b"bye\n"] * 2


def test_a_conversation_that_ends_before_its_first_step_keeps_nobody_waiting(run_real, caplog):
    class Broken(weft.Service):
        def __init__(self, server):
            super().__init__()
            self.server = server

        async def start(self):
            with socket.create_connection(self.server.addresses[0]):
                await asyncio.sleep(0)  # in this turn the server accepts, and the task of its coroutine is made
                raise LookupError("nothing works")

    async def main():
        server = ServerService(LOCAL, shout)
        with pytest.raises(ServiceStartError, match="nothing works"):
            await weft.Service(server, Broken(server)).start_tree()
        assert server.connections == 0

    run_real(main())
    assert "could not stop" not in caplog.text


@pytest.mark.parametrize("factory", [Echo, shout])
def test_what_is_left_at_the_deadline_is_cut_off(run_real, caplog, factory):
    async def main():
        server = ServerService(LOCAL, factory, name="web")
        await server.start_tree()
        stream = await weft.open_stream(at(server))
        assert await asked(stream, b"HELLO\n") == b"HELLO\n"
        await server.stop_tree(0)
        assert await stream[0].read() == b""
        await closed(stream)

    run_real(main())

    assert "web cuts 1 connection off" in caplog.text


def test_a_connection_that_went_over_to_another_protocol_is_waited_for(run_real):
    class Upgrading(Echo):
        def data_received(self, data):
            other = Echo()
            other.connection_made(self.transport)
            self.transport.set_protocol(other)
            self.transport.write(b"upgraded\n")

    async def main():
        server = ServerService(LOCAL, Upgrading)
        await server.start_tree()
        stream = await weft.open_stream(at(server))
        assert await asked(stream, b"go\n") == b"upgraded\n"
        stopping = asyncio.create_task(server.stop_tree(30))
        assert await asked(stream, b"and on\n") == b"and on\n"
        assert not stopping.done()
        await closed(stream)
        await stopping

    run_real(main())


def test_a_handler_that_raises_is_reported_and_its_connection_is_cut(run_real):
    async def broken(reader, writer):
        raise KeyError("poem")

    reports = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, report: reports.append(report))
        async with ServerService(LOCAL, broken, name="web") as server:
            stream = await weft.open_stream(at(server))
            assert await stream[0].read() == b""
            await closed(stream)

    run_real(main())

    assert [report["message"] for report in reports] == ["web failed while it served a connection"]


def test_a_unix_server_leaves_no_file_behind(run_real, tmp_path):
    path = str(tmp_path / "app.sock")

    async def main():
        async with ServerService(endpoints.UnixServer(path), shout):
            stream = await weft.open_stream(f"unix:{path}")
            assert await asked(stream, b"hello\n") == b"HELLO\n"
            await closed(stream)

    run_real(main())

    assert not os.path.exists(path)


def test_a_port_that_is_taken_or_a_wrong_string_fails_the_start(run_real):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as taken:
            server = ServerService(f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1", Echo, name="web")
            with pytest.raises(ServiceStartError, match=r"web could not start: OSError.* address already in use"):
                await server.start_tree()
        with pytest.raises(ServiceStartError, match="there is no kind of endpoint called 'tpc': did you mean tcp"):
            await ServerService("tpc:80", Echo).start_tree()

    run_real(main())


def test_a_server_can_be_started_again(run_real):
    async def main():
        server = ServerService(LOCAL, shout)
        for _ in range(2):
            async with server:
                stream = await weft.open_stream(at(server))
                assert await asked(stream, b"hello\n") == b"HELLO\n"
                await closed(stream)

    run_real(main())
