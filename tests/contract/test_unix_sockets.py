"""UNIX sockets: connections and servers by path, by abstract name, by socket; and the files that they leave."""

import asyncio
import errno
import os
import socket
import ssl
import stat
import sys
from asyncio import trsock
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import weft

from .fakes import Witness

needs_abstract_names = pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")


class Echo(asyncio.Protocol):
    """Sends back what comes."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def ask(loop: weft.Loop, data: bytes, path: Any = None, **options: Any) -> bytes:
    """Connect, send, and return the answer once it has come whole."""
    transport, witness = await loop.create_unix_connection(Witness, path, **options)
    transport.write(data)
    answer: bytes = await witness.until_data(len(data))
    transport.close()
    await witness.until("lost")
    return answer


async def end(server: Any) -> None:
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_a_client_and_a_server_meet_at_a_path(loop: weft.Loop, tmp_path: Path, kind: Callable[[Any], Any]) -> None:
    path = kind(tmp_path / "s")

    async def main() -> None:
        server = await loop.create_unix_server(Echo, path)
        answer = await ask(loop, b"hello" * 50000, path)
        await end(server)

        assert answer == b"hello" * 50000

    loop.run_until_complete(main())


@needs_abstract_names
@pytest.mark.parametrize("kind", [str, os.fsencode])
def test_a_client_and_a_server_meet_at_an_abstract_name(loop: weft.Loop, kind: Callable[[str], Any]) -> None:
    name = kind(f"\0weft-contract-{os.getpid()}")

    async def main() -> None:
        server = await loop.create_unix_server(Echo, name)
        sockname = server.sockets[0].getsockname()
        answer = await ask(loop, b"hello", name)
        await end(server)

        assert answer == b"hello"
        assert sockname == os.fsencode(name)

    loop.run_until_complete(main())


def test_a_client_and_a_server_take_sockets_of_the_callers(loop: weft.Loop, tmp_path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    connected = socket.socket(socket.AF_UNIX)

    async def main() -> None:
        server = await loop.create_unix_server(Echo, sock=listening)
        connected.connect(str(tmp_path / "s"))
        answer = await ask(loop, b"hello", sock=connected)
        await end(server)

        assert answer == b"hello"
        assert listening.fileno() == connected.fileno() == -1

    loop.run_until_complete(main())


def test_a_connection_knows_its_socket_and_names(loop: weft.Loop, tmp_path: Path) -> None:
    path = str(tmp_path / "s")

    async def main() -> None:
        server = await loop.create_unix_server(Echo, path)
        transport, witness = await loop.create_unix_connection(Witness, path)
        found = [transport.get_extra_info(name) for name in ("socket", "sockname", "peername")]
        transport.close()
        await witness.until("lost")
        await end(server)

        assert isinstance(found[0], trsock.TransportSocket)
        assert found[0].family == socket.AF_UNIX
        assert found[1:] == ["", path] or found[1:] == [None, path]

    loop.run_until_complete(main())


# -- files


def test_a_server_replaces_the_socket_file_of_one_before(loop: weft.Loop, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as before:
        before.bind(str(path))

    async def main() -> None:
        server = await loop.create_unix_server(Echo, path)
        answer = await ask(loop, b"hello", path)
        await end(server)

        assert answer == b"hello"

    loop.run_until_complete(main())


def test_a_server_does_not_replace_any_other_file(loop: weft.Loop, tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")

    with pytest.raises(OSError, match=f"Address '{path}' is already in use") as caught:
        loop.run_until_complete(loop.create_unix_server(Echo, path))

    assert caught.value.errno == errno.EADDRINUSE
    assert path.read_text() == "precious"


def test_a_server_in_a_folder_that_is_not_there_fails(loop: weft.Loop, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        loop.run_until_complete(loop.create_unix_server(Echo, tmp_path / "nowhere" / "s"))


def test_a_path_that_is_too_long_is_refused(loop: weft.Loop, tmp_path: Path) -> None:
    path = str(tmp_path / ("s" * 200))

    for call in (loop.create_unix_server, loop.create_unix_connection):
        with pytest.raises(OSError, match="path too long"):
            loop.run_until_complete(call(Echo, path))


@pytest.mark.parametrize("starts", [True, False])
def test_a_server_takes_its_file_with_it_if_asked_to(loop: weft.Loop, tmp_path: Path, starts: bool) -> None:
    path = tmp_path / "s"

    async def main() -> None:
        server = await loop.create_unix_server(Echo, path, cleanup_socket=True, start_serving=starts)
        was_there = stat.S_ISSOCK(path.stat().st_mode)
        await end(server)
        server.close()

        assert was_there
        assert not path.exists()

    loop.run_until_complete(main())


def test_a_server_leaves_its_file_if_asked_to(loop: weft.Loop, tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def main() -> None:
        await end(await loop.create_unix_server(Echo, path, cleanup_socket=False))

    loop.run_until_complete(main())

    assert path.exists()


def test_a_server_that_is_not_told_does_with_its_file_as_asyncio_does(loop: weft.Loop, tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def main() -> None:
        await end(await loop.create_unix_server(Echo, path))

    loop.run_until_complete(main())

    assert path.exists() == (sys.version_info < (3, 13))


def test_a_server_leaves_a_file_that_took_the_place_of_its_own(loop: weft.Loop, tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def main() -> None:
        first = await loop.create_unix_server(Echo, path, cleanup_socket=True)
        second = await loop.create_unix_server(Echo, path, cleanup_socket=True)
        await end(first)
        answer = await ask(loop, b"hello", path)
        await end(second)

        assert answer == b"hello"
        assert not path.exists()

    loop.run_until_complete(main())


def test_a_server_does_not_mind_that_its_file_is_gone(loop: weft.Loop, tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def main() -> None:
        server = await loop.create_unix_server(Echo, path, cleanup_socket=True)
        path.unlink()
        await end(server)

    loop.run_until_complete(main())


# -- beginning


def test_a_server_listens_only_when_it_starts(loop: weft.Loop, tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def main() -> None:
        server = await loop.create_unix_server(Echo, path, start_serving=False)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_unix_connection(Witness, path)
        await server.start_serving()
        answer = await ask(loop, b"hello", path)
        await end(server)

        assert answer == b"hello"

    loop.run_until_complete(main())


def test_a_client_whom_nobody_hears_is_told_so(loop: weft.Loop, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        loop.run_until_complete(loop.create_unix_connection(Witness, tmp_path / "s"))


def full_backlog(path: Path) -> tuple[socket.socket, list[socket.socket]]:
    """Return a listening socket that takes no more connections, and those that wait there."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen(0)
    waiting = []
    while True:
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        waiting.append(client)
        if client.connect_ex(str(path)) == errno.EAGAIN:
            return listening, waiting


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full backlog refuses")
def test_a_client_waits_where_the_backlog_is_full(loop: weft.Loop, tmp_path: Path) -> None:
    listening, waiting = full_backlog(tmp_path / "s")

    async def main() -> None:
        connecting = asyncio.create_task(loop.create_unix_connection(Witness, tmp_path / "s"))
        await asyncio.sleep(0)
        was_waiting = not connecting.done()
        accepted = [listening.accept()[0] for _ in waiting[:-1]]
        transport, witness = await connecting
        accepted.append(listening.accept()[0])
        accepted[-1].send(b"hello")
        data = await witness.until_data(5)
        transport.close()
        await witness.until("lost")
        for sock in (listening, *waiting, *accepted):
            sock.close()

        assert was_waiting
        assert data == b"hello"

    loop.run_until_complete(main())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full backlog refuses")
def test_a_client_that_is_cancelled_while_it_waits_leaves_nothing(loop: weft.Loop, tmp_path: Path) -> None:
    listening, waiting = full_backlog(tmp_path / "s")

    async def main() -> None:
        connecting = asyncio.create_task(loop.create_unix_connection(Witness, tmp_path / "s"))
        await asyncio.sleep(0)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting

    loop.run_until_complete(main())
    for sock in (listening, *waiting):
        sock.close()


def test_a_socket_is_closed_if_the_factory_raises(loop: weft.Loop, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()

    def refuse() -> asyncio.Protocol:
        raise LookupError("no protocol today")

    with pytest.raises(LookupError, match="no protocol today"):
        loop.run_until_complete(loop.create_unix_connection(refuse, sock=ours))

    assert ours.fileno() == -1
    theirs.close()


# -- arguments that make no sense


@pytest.mark.parametrize("method", ["create_unix_connection", "create_unix_server"])
def test_a_path_and_a_socket_do_not_go_together(loop: weft.Loop, tmp_path: Path, method: str) -> None:
    message = "path and sock can not be specified at the same time"
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(ValueError, match=message):
        loop.run_until_complete(getattr(loop, method)(Echo, tmp_path / "s", sock=sock))


@pytest.mark.parametrize("method", ["create_unix_connection", "create_unix_server"])
def test_a_path_or_a_socket_is_needed(loop: weft.Loop, method: str) -> None:
    with pytest.raises(ValueError, match="sock"):
        loop.run_until_complete(getattr(loop, method)(Echo))


@pytest.mark.parametrize("method", ["create_unix_connection", "create_unix_server"])
@pytest.mark.parametrize(
    "family, kind", [(socket.AF_INET, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_DGRAM)], ids=["inet", "dgram"]
)
def test_a_socket_of_another_kind_is_refused(loop: weft.Loop, method: str, family: int, kind: int) -> None:
    message = "A UNIX Domain Stream Socket was expected"
    with socket.socket(family, kind) as sock, pytest.raises(ValueError, match=message):
        loop.run_until_complete(getattr(loop, method)(Echo, sock=sock))


@pytest.mark.parametrize("option", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])
@pytest.mark.parametrize("method", ["create_unix_connection", "create_unix_server"])
def test_options_of_tls_need_tls(loop: weft.Loop, tmp_path: Path, method: str, option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} is only meaningful with ssl"):
        loop.run_until_complete(getattr(loop, method)(Echo, tmp_path / "s", **{option: 1.0}))


def test_a_servers_name_needs_tls_and_tls_needs_a_servers_name(loop: weft.Loop, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="server_hostname is only meaningful with ssl"):
        loop.run_until_complete(loop.create_unix_connection(Echo, tmp_path / "s", server_hostname="here"))
    context = ssl.create_default_context()
    with pytest.raises(ValueError, match="you have to pass server_hostname when using ssl"):
        loop.run_until_complete(loop.create_unix_connection(Echo, tmp_path / "s", ssl=context))


def test_a_server_with_tls_needs_a_context(loop: weft.Loop, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="ssl argument must be an SSLContext or None"):
        loop.run_until_complete(loop.create_unix_server(Echo, tmp_path / "s", ssl=True))
