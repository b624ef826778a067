"""start_tls: a plain connection becomes an encrypted one, and an encrypted one an encrypted one within it."""

import asyncio
import socket
import ssl
import sys

import pytest

from .conftest import settle
from .fakes import Witness
from .tls_peer import Peer, client_context, server_context


async def plain(loop, sock, protocol):
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock)
    return transport


async def upgrade(loop, pair, witness, **options):
    """A plain connection, upgraded as the server's side; the other end is a Peer."""
    ours, theirs = pair
    transport = await plain(loop, ours, witness)
    peer = Peer(loop, theirs, client_context())
    upgraded, _ = await asyncio.gather(
        loop.start_tls(transport, witness, server_context(), server_side=True, **options), peer.handshake()
    )
    return transport, upgraded, peer


def test_a_server_s_side_is_upgraded(loop, pair):
    async def main():
        witness = Witness()
        transport, upgraded, peer = await upgrade(loop, pair, witness)

        upgraded.write(b"to the client")
        await peer.send(b"to the server")

        assert await peer.recv_exactly(13) == b"to the client"
        assert await witness.until_data(13) == b"to the server"
        assert upgraded is not transport
        assert witness.calls == ["made", "data"]
        upgraded.abort()
        await witness.until("lost")
        assert witness.calls == ["made", "data", "lost"]

    loop.run_until_complete(main())


def test_a_client_s_side_is_upgraded_after_words_in_plain(loop, pair):
    async def main():
        ours, theirs = pair
        witness = Witness()
        transport = await plain(loop, ours, witness)
        peer = Peer(loop, theirs, server_context())

        transport.write(b"STARTTLS")
        assert await loop.sock_recv(theirs, 8) == b"STARTTLS"
        upgraded, _ = await asyncio.gather(
            loop.start_tls(transport, witness, client_context(), server_hostname="localhost"), peer.handshake()
        )
        upgraded.write(b"secret")

        assert await peer.recv_exactly(6) == b"secret"
        assert upgraded.get_extra_info("peercert") is not None
        upgraded.close()
        await peer.recv()
        await peer.close_notify()
        await witness.until("lost")
        assert witness.error is None

    loop.run_until_complete(main())


def test_tls_runs_within_tls(loop, pair):
    async def main():
        witness, other = Witness(), Witness()
        transports = [await plain(loop, sock, end) for sock, end in zip(pair, (witness, other), strict=True)]

        for _ in range(3):
            transports = await asyncio.gather(
                loop.start_tls(transports[0], witness, server_context(), server_side=True),
                loop.start_tls(transports[1], other, client_context(), server_hostname="localhost"),
            )
        transports[0].write(b"x" * 1_000_000)
        transports[1].write(b"y" * 1_000_000)

        assert await other.until_data(1_000_000) == b"x" * 1_000_000
        assert await witness.until_data(1_000_000) == b"y" * 1_000_000
        transports[0].close()
        await witness.until("lost")
        await other.until("lost")
        assert witness.error is None
        assert other.error is None
        assert other.calls[-2:] == ["eof", "lost"]

    loop.run_until_complete(main())


def test_streams_are_upgraded_in_both_roles(loop):
    async def main():
        served = loop.create_future()

        async def serve(reader, writer):
            assert await reader.readline() == b"STARTTLS\n"
            writer.write(b"ready\n")
            if sys.version_info >= (3, 12):
                await writer.start_tls(server_context())
            else:  # StreamWriter.start_tls took the client's side only
                transport = await loop.start_tls(
                    writer.transport, writer.transport.get_protocol(), server_context(), server_side=True
                )
                writer._transport = transport
            writer.write(b"secret " + await reader.readline())
            await writer.drain()
            writer.close()
            served.set_result(None)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"ready\n"

        await writer.start_tls(client_context(), server_hostname="localhost")
        writer.write(b"word\n")

        assert await reader.read() == b"secret word\n"
        await served
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


def test_a_server_closes_its_upgraded_clients_in_good_order(loop):
    async def main():
        witness = Witness()
        server = await loop.create_server(lambda: witness, "127.0.0.1", 0)
        theirs = socket.create_connection(server.sockets[0].getsockname())
        theirs.setblocking(False)
        await witness.until("made")
        peer = Peer(loop, theirs, client_context())
        await asyncio.gather(
            loop.start_tls(witness.transport, witness, server_context(), server_side=True), peer.handshake()
        )

        server.close()
        server.close_clients()

        assert await peer.recv() == b""
        await peer.close_notify()
        await server.wait_closed()
        await witness.until("lost")
        assert witness.calls == ["made", "lost"]
        theirs.close()

    loop.run_until_complete(main())


def test_a_failed_upgrade_raises_and_ends_the_connection(loop, pair):
    async def main():
        ours, theirs = pair
        witness = Witness()
        transport = await plain(loop, ours, witness)
        upgrading = asyncio.ensure_future(loop.start_tls(transport, witness, server_context(), server_side=True))
        await settle()
        await loop.sock_sendall(theirs, b"no TLS at all")

        with pytest.raises(ssl.SSLError):
            await upgrading

        assert witness.calls == ["made", "lost"]
        assert isinstance(witness.error, ssl.SSLError)

    loop.run_until_complete(main())


def test_an_upgrade_is_given_up_in_time(loop, pair):
    async def main():
        witness = Witness()
        transport = await plain(loop, pair[0], witness)

        with pytest.raises(ConnectionAbortedError, match=r"longer than 0\.01 seconds"):
            await loop.start_tls(transport, witness, server_context(), server_side=True, ssl_handshake_timeout=0.01)

        assert witness.calls == ["made", "lost"]

    loop.run_until_complete(main())


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_an_upgrade_that_is_cancelled_ends_the_connection(loop, pair, turns):
    async def main():
        witness = Witness()
        transport = await plain(loop, pair[0], witness)
        upgrading = asyncio.ensure_future(loop.start_tls(transport, witness, server_context(), server_side=True))
        for _ in range(turns):
            await asyncio.sleep(0)

        upgrading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upgrading

        transport.abort()
        await witness.until("lost")
        await settle()
        assert witness.calls == ["made", "lost"]

    loop.run_until_complete(main())


def test_a_connection_lost_before_the_upgrade_began_is_an_error(loop, pair):
    async def main():
        witness = Witness()
        transport = await plain(loop, pair[0], witness)
        upgrading = asyncio.ensure_future(loop.start_tls(transport, witness, server_context(), server_side=True))
        await asyncio.sleep(0)

        transport.abort()

        with pytest.raises(ConnectionError):
            await upgrading
        assert witness.calls == ["made", "lost"]

    loop.run_until_complete(main())


def test_what_cannot_be_upgraded_is_refused(loop, pair):
    async def main():
        witness = Witness()
        transport = await plain(loop, pair[0], witness)

        with pytest.raises(TypeError, match="SSLContext"):
            await loop.start_tls(transport, witness, None)
        with pytest.raises(TypeError, match="SSLContext"):
            await loop.start_tls(transport, witness, True)
        with pytest.raises(TypeError, match="not supported"):
            await loop.start_tls(object(), witness, client_context())
        with pytest.raises(ValueError, match="positive"):
            await loop.start_tls(transport, witness, client_context(), ssl_handshake_timeout=-1)
        transport.close()
        with pytest.raises(ConnectionResetError, match="has ended"):
            await loop.start_tls(transport, witness, client_context(), server_hostname="localhost")

        await witness.until("lost")

    loop.run_until_complete(main())
