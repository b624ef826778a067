"""TLS over what is no plain TCP: UNIX sockets, pipes of a child, connections behind a proxy."""

import asyncio
import socket
import ssl
import sys

import pytest

import weft
from weft.endpoints import (
    Descriptor,
    HaproxyServer,
    Process,
    TcpServer,
    TlsClient,
    TlsServer,
    UnixClient,
    UnixServer,
)

from .conftest import ask, shout

HEADER = b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n"

FORWARD = """
import os, socket, sys, threading
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
def send():
    while data := os.read(0, 65536):
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
while data := peer.recv(65536):
    os.write(1, data)
"""


async def tell_peer(reader, writer):
    host, number = writer.get_extra_info("peername")
    writer.write(f"{host} {number}\n".encode())
    await shout(reader, writer)


def caller(port, first=b""):
    """A connected socket that has sent something already; a descriptor for the taking."""
    sock = socket.create_connection(port.addresses[0])
    sock.sendall(first)
    return sock.detach()


def test_tls_runs_over_a_unix_socket(run, authority):
    site = authority.issue("site.pem", "localhost")
    path = authority.folder / "s"
    string = rf"over=unix\:{path}"

    async def main():
        async with await weft.serve_streams(f"tls:certificate={site}:{string}", shout):
            return await ask(f"tls:{string}:hostname=localhost:trust_roots={authority.roots}")

    assert run(main()) == b"HELLO"


def test_tls_runs_over_a_childs_pipes(run, authority):
    site = authority.issue("site.pem", "localhost")
    path = str(authority.folder / "s")
    child = Process((sys.executable, "-c", FORWARD, path))

    async def main():
        async with await weft.serve_streams(TlsServer(UnixServer(path), str(site)), shout):
            client = TlsClient(child, "localhost", str(authority.roots))
            return await ask(client), await ask(client, b"x" * 60_000)

    assert run(main()) == (b"HELLO", b"X" * 60_000)


def test_a_child_that_speaks_no_tls_is_an_error(run):
    async def main():
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await weft.open_stream(TlsClient(Process((sys.executable, "-c", "print('no')")), "localhost"))

    run(main())


@pytest.mark.parametrize("order", ["haproxy over tls", "tls over haproxy"])
def test_a_proxys_header_comes_before_tls(run, authority, order):
    site = str(authority.issue("site.pem", "localhost"))
    tcp = TcpServer(0, "127.0.0.1")
    server = (
        HaproxyServer(TlsServer(tcp, site)) if order == "haproxy over tls" else TlsServer(HaproxyServer(tcp), site)
    )

    async def main():
        async with await weft.serve_streams(server, tell_peer) as port:
            client = TlsClient(Descriptor(caller(port, HEADER)), "localhost", str(authority.roots))
            reader, writer = await weft.open_stream(client)
            peer = await reader.readline()
            writer.write(b"x" * 60_000 + b"\n")
            line = await reader.readline()
            writer.close()
            return peer, len(line)

    assert run(main()) == (b"192.0.2.1 4711\n", 60_001)


def test_behind_a_proxy_certificates_are_reloaded_too(run, authority):
    site = authority.issue("site.pem", "old.example.org")

    async def main():
        async with await weft.serve_streams(f"haproxy:tls:0:interface=127.0.0.1:certificate={site}", shout) as port:
            authority.issue("site.pem.new", "new.example.org").replace(site)
            port.reload()
            return await ask(TlsClient(Descriptor(caller(port, HEADER)), "new.example.org", str(authority.roots)))

    assert run(main()) == b"HELLO"


def flight(authority, port, early, *, is_last=False):
    """Shake hands by hand, and send our last part of it together with `early`; return the socket and TLS on it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.roots)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    sock = socket.create_connection(port.addresses[0])
    sock.sendall(HEADER)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(65536))
    tls.write(early)
    if is_last:
        with pytest.raises(ssl.SSLWantReadError):
            tls.unwrap()
    sock.sendall(outgoing.read())
    return sock


@pytest.mark.parametrize("is_last", [False, True], ids=["more may come", "all in one"])
def test_what_comes_with_the_end_of_the_handshake_is_not_lost(run, authority, is_last):
    site = authority.issue("site.pem", "localhost")

    async def main():
        came = asyncio.get_running_loop().create_future()

        async def take(reader, writer):
            came.set_result(await reader.readline())

        async with await weft.serve_streams(f"haproxy:tls:0:interface=127.0.0.1:certificate={site}", take) as port:
            sock = await asyncio.to_thread(flight, authority, port, b"early\n", is_last=is_last)
            if is_last:
                sock.close()
            line = await came
            sock.close()
            return line

    assert run(main()) == b"early\n"


def test_what_comes_with_the_end_of_the_handshake_waits_for_a_protocol_that_does_not_read_yet(run, authority):
    site = authority.issue("site.pem", "localhost")

    class Late(asyncio.Protocol):
        def __init__(self):
            self.events = []
            self.begun = asyncio.get_running_loop().create_future()
            self.ended = asyncio.get_running_loop().create_future()

        def connection_made(self, transport):
            self.transport = transport
            transport.pause_reading()
            self.begun.set_result(None)

        def data_received(self, data):
            self.events.append(data)

        def eof_received(self):
            self.events.append("eof")

        def connection_lost(self, error):
            self.ended.set_result(error)

    async def main():
        made = []

        def factory():
            made.append(Late())
            return made[-1]

        async with await weft.listen(f"haproxy:tls:0:interface=127.0.0.1:certificate={site}", factory) as port:
            sock = await asyncio.to_thread(flight, authority, port, b"early")
            await poll(lambda: made)
            await made[0].begun
            paused = list(made[0].events)
            made[0].transport.resume_reading()
            sock.close()
            await made[0].ended
            return paused, made[0].events[0]

    assert run(main()) == ([], b"early")


async def poll(condition):
    """Let the loop turn until something is so."""
    while not condition():
        await asyncio.sleep(0)


def test_a_client_that_says_no_tls_after_its_header_is_cut(run, authority):
    site = authority.issue("site.pem", "localhost")

    async def main():
        async with await weft.serve_streams(f"haproxy:tls:0:interface=127.0.0.1:certificate={site}", shout) as port:
            reader, writer = await weft.open_stream(Descriptor(caller(port, HEADER + b"hello\n" * 10)))
            came = await reader.read()
            writer.close()
            return came

    assert b"HELLO" not in run(main())


def test_a_client_that_leaves_during_the_handshake_leaves_nothing(run, authority):
    site = authority.issue("site.pem", "localhost")

    async def main():
        async with await weft.serve_streams(f"haproxy:tls:0:interface=127.0.0.1:certificate={site}", shout) as port:
            for first in (b"", HEADER, HEADER + b"\x16\x03"):
                socket.socket(fileno=caller(port, first)).close()
            return await ask(TlsClient(Descriptor(caller(port, HEADER)), "localhost", str(authority.roots)))

    assert run(main()) == b"HELLO"


def test_connecting_over_a_carrier_can_be_cancelled(run, tmp_path):
    path = str(tmp_path / "s")

    async def main():
        begun = asyncio.Event()
        ended = asyncio.Event()

        async def wait(reader, writer):
            await reader.read(1)
            begun.set()
            await reader.read()
            ended.set()

        async with await weft.serve_streams(UnixServer(path), wait):
            for over in (Process((sys.executable, "-c", FORWARD, path)), UnixClient(path)):
                begun.clear()
                ended.clear()
                connecting = asyncio.create_task(weft.open_stream(TlsClient(over, "localhost")))
                await begun.wait()
                connecting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await connecting
                await ended.wait()

    run(main())
