"""Behind HAProxy, without TLS; test_carried_tls.py has it with."""

import asyncio
import socket

import pytest

import weft
from weft.endpoints import Descriptor, HaproxyServer, TcpServer
from weft.protocols import ProxyHeader

from .conftest import shout


async def tell_peer(reader, writer):
    writer.write(f"{writer.get_extra_info('peername')} {writer.get_extra_info('proxy_header').version}\n".encode())
    await shout(reader, writer)


async def through(port, first):
    """Return all that comes back of a connection that begins with `first` and says no more."""
    sock = socket.create_connection(port.addresses[0])
    reader, writer = await weft.open_stream(Descriptor(sock.detach()))
    writer.write(first)
    writer.write_eof()
    try:
        return await reader.read()
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.close()


@pytest.mark.parametrize("version", [1, 2])
def test_protocols_see_the_client_behind_the_proxy(run, version):
    client = ("192.0.2.1", 4711)
    header = ProxyHeader.between(client, ("192.0.2.2", 80), version=version).encode()

    async def main():
        async with await weft.serve_streams("haproxy:tcp:0:interface=127.0.0.1", tell_peer) as port:
            return await through(port, header + b"hello\n")

    assert run(main()) == f"{client} {version}\n".encode() + b"HELLO\n"


def test_a_connection_without_a_header_gets_nothing(run, caplog):
    async def main():
        async with await weft.serve_streams("haproxy:tcp:0:interface=127.0.0.1", tell_peer) as port:
            return await through(port, b"GET / HTTP/1.1\r\n\r\n")

    assert run(main()) in (b"", b"reset")
    assert "was cut" in caplog.text


def test_a_peer_that_is_not_trusted_gets_nothing(run, caplog):
    async def main():
        server = HaproxyServer(TcpServer(0, "127.0.0.1"), trusts=lambda peer: peer[0] == "192.0.2.9")
        async with await weft.serve_streams(server, tell_peer) as port:
            return await through(port, b"PROXY UNKNOWN\r\nhello\n")

    assert run(main()) in (b"", b"reset")
    assert "not trusted" in caplog.text


def test_a_header_that_does_not_come_is_not_waited_for(run, caplog):
    async def main():
        server = HaproxyServer(TcpServer(0, "127.0.0.1"), header_timeout_s=0.05)
        async with await weft.listen(server, asyncio.Protocol) as port:
            reader, writer = await asyncio.open_connection(*port.addresses[0])
            came = await reader.read()
            writer.close()
            return came

    assert run(main()) == b""
    assert "did not come within 0.05 s" in caplog.text
