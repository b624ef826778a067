"""TLS handshakes: whom to trust, which name and protocol, what goes wrong, and that nothing is left then."""

import asyncio
import socket
import ssl
import struct

import pytest

from .conftest import settle
from .fakes import Witness
from .tls_peer import VERSIONS, Peer, RaggedEndError, Timers, client_context, secured, server_context


async def listen(loop, context, factory=Witness, **options):
    """A TLS server of Weft's; returns it with its port."""
    server = await loop.create_server(factory, "127.0.0.1", 0, ssl=context, **options)
    return server, server.sockets[0].getsockname()[1]


async def connect(loop, port, context, hostname="localhost", **options):
    return await loop.create_connection(Witness, "127.0.0.1", port, ssl=context, server_hostname=hostname, **options)


async def stop(server):
    server.close()
    await server.wait_closed()
    await settle()


def test_an_untrusted_certificate_is_refused(loop):
    async def main():
        server, port = await listen(loop, server_context())

        with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
            await connect(loop, port, client_context(trusts="another"))

        await stop(server)

    loop.run_until_complete(main())


def test_a_certificate_for_another_name_is_refused(loop):
    async def main():
        server, port = await listen(loop, server_context("other.example"))

        with pytest.raises(ssl.SSLCertVerificationError, match="localhost"):
            await connect(loop, port, client_context())

        await stop(server)

    loop.run_until_complete(main())


def test_the_server_is_told_why_its_client_refused_it(loop, pair):
    async def main():
        ours, theirs = pair
        peer = Peer(loop, theirs, server_context())
        connecting = loop.create_connection(
            Witness, sock=ours, ssl=client_context(trusts="another"), server_hostname="localhost"
        )

        outcomes = await asyncio.gather(connecting, peer.handshake(), return_exceptions=True)

        assert isinstance(outcomes[0], ssl.SSLCertVerificationError)
        assert "UNKNOWN_CA" in str(outcomes[1])

    loop.run_until_complete(main())


@pytest.mark.parametrize("context", [True, None])
def test_python_s_default_context_trusts_no_certificate_of_ours(loop, context):
    async def main():
        server, port = await listen(loop, server_context())

        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(loop, port, context or ssl.create_default_context())

        await stop(server)

    loop.run_until_complete(main())


def test_the_name_of_the_host_is_checked_where_no_other_is_given(loop):
    async def main():
        server, port = await listen(loop, server_context("127.0.0.1"))

        transport, _ = await loop.create_connection(Witness, "127.0.0.1", port, ssl=client_context())

        transport.close()
        await stop(server)

    loop.run_until_complete(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_without_the_certificate_that_the_server_asks_for_is_refused(loop, version):
    async def main():
        context = server_context(asks_for=ssl.CERT_REQUIRED, version=version)
        served = []
        server, port = await listen(loop, context, lambda: served.append(Witness()) or served[-1])

        try:
            _, protocol = await connect(loop, port, client_context())
            await protocol.until("lost")  # in TLS 1.3 the client has agreed before the server refuses it
            error = protocol.error
        except OSError as raised:
            error = raised

        assert isinstance(error, ssl.SSLError)
        assert "ALERT" in str(error)
        await stop(server)
        assert [witness.calls for witness in served] == [[]]

    loop.run_until_complete(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_with_a_certificate_is_let_in(loop, version):
    async def main():
        context = server_context(asks_for=ssl.CERT_REQUIRED, version=version)
        server, port = await listen(loop, context)

        transport, protocol = await connect(loop, port, client_context(has_certificate=True))

        assert transport.get_extra_info("peercert")["subjectAltName"] == (("DNS", "localhost"),)
        transport.close()
        await protocol.until("lost")
        assert protocol.error is None
        await stop(server)

    loop.run_until_complete(main())


def test_the_two_sides_agree_on_an_application_protocol(loop):
    async def main():
        theirs, ours = server_context(), client_context()
        theirs.set_alpn_protocols(["h2", "http/1.1"])
        ours.set_alpn_protocols(["http/1.1", "spdy"])
        server, port = await listen(loop, theirs)

        transport, _ = await connect(loop, port, ours)

        assert transport.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        transport.close()
        await stop(server)

    loop.run_until_complete(main())


def test_a_server_has_a_certificate_for_each_name_that_clients_ask_for(loop):
    async def main():
        contexts = {name: server_context(name) for name in ("one.example", "two.example")}
        asked = []

        def choose(tls, name, context):
            asked.append(name)
            tls.context = contexts[name]

        default = server_context()
        default.sni_callback = choose
        server, port = await listen(loop, default)

        for name in contexts:
            transport, _ = await connect(loop, port, client_context(), name)
            assert transport.get_extra_info("peercert")["subjectAltName"] == (("DNS", name),)
            transport.close()

        assert asked == ["one.example", "two.example"]
        await stop(server)

    loop.run_until_complete(main())


def test_a_client_that_says_nothing_is_given_up_in_time(loop, reported):
    async def main():
        loop.set_debug(True)
        told = asyncio.Event()
        loop.set_exception_handler(lambda loop, context: (reported.append(context), told.set()))
        server, port = await listen(loop, server_context(), ssl_handshake_timeout=0.01)
        with socket.create_connection(("127.0.0.1", port)) as silent:
            silent.setblocking(False)

            await told.wait()

            assert "longer than 0.01 seconds" in str(reported.pop()["exception"])
            assert await loop.sock_recv(silent, 1) == b""
        await stop(server)

    loop.run_until_complete(main())


def test_a_server_that_says_nothing_is_given_up_in_time(loop):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ConnectionAbortedError, match="longer"):
            await connect(loop, silent.getsockname()[1], client_context(), ssl_handshake_timeout=0.01)
        await settle()

    loop.run_until_complete(main())


def test_a_peer_that_speaks_no_tls_is_refused(loop, pair):
    async def main():
        ours, theirs = pair
        connecting = asyncio.ensure_future(
            loop.create_connection(Witness, sock=ours, ssl=client_context(), server_hostname="localhost")
        )
        await loop.sock_sendall(theirs, b"HTTP/1.0 400 Bad Request\r\n\r\n")

        with pytest.raises(ssl.SSLError, match=r"(?i)wrong.version|record"):
            await connecting

    loop.run_until_complete(main())


def test_a_client_that_speaks_no_tls_is_reported_in_debug_mode_alone(loop, reported):
    async def main():
        server, port = await listen(loop, server_context())
        for debug, count in ((False, 0), (True, 1)):
            loop.set_debug(debug)
            with socket.create_connection(("127.0.0.1", port)) as plain:
                plain.setblocking(False)
                await loop.sock_sendall(plain, b"GET / HTTP/1.0\r\n\r\n")
                try:
                    while await loop.sock_recv(plain, 100):
                        pass
                except ConnectionResetError:
                    pass
            await settle()
            assert len(reported) == count
        assert isinstance(reported.pop()["exception"], ssl.SSLError)
        await stop(server)

    loop.run_until_complete(main())


@pytest.mark.parametrize("resets", [False, True], ids=["ends", "resets"])
@pytest.mark.parametrize("after", [0, 5, 300])
def test_a_peer_that_goes_during_the_handshake_is_an_error(loop, after, resets):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            connecting = asyncio.ensure_future(connect(loop, listening.getsockname()[1], client_context()))
            accepted, _ = await loop.sock_accept(listening)
            accepted.setblocking(False)
            await loop.sock_recv(accepted, 100)
            await loop.sock_sendall(accepted, b"\x16\x03\x03\x40\x00"[:after] + bytes(max(0, after - 5)))
            if resets:
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            accepted.close()

            with pytest.raises((ConnectionError, ssl.SSLError)):
                await connecting
        await settle()

    loop.run_until_complete(main())


def test_a_protocol_is_told_nothing_of_a_handshake_that_failed(loop, pair):
    async def main():
        ours, theirs = pair
        witness = Witness()
        accepting = asyncio.ensure_future(loop.connect_accepted_socket(lambda: witness, ours, ssl=server_context()))
        await loop.sock_sendall(theirs, b"no TLS at all")

        with pytest.raises(ssl.SSLError):
            await accepting

        assert witness.calls == []

    loop.run_until_complete(main())


def test_cancelling_a_connect_at_each_of_its_awaits_leaves_nothing(loop, descriptors):
    async def main():
        server, port = await listen(loop, server_context())
        before = descriptors()
        turns = 0
        while True:
            connecting = asyncio.ensure_future(connect(loop, port, client_context()))
            for _ in range(turns):
                await asyncio.sleep(0)
            if connecting.done():
                transport, protocol = connecting.result()
                transport.close()
                await protocol.until("lost")
                break
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            turns += 1
        assert turns > 2
        await stop(server)
        while descriptors() > before - 1:
            await asyncio.sleep(0)

    timers = Timers()
    loop.observer = timers
    loop.run_until_complete(main())
    assert all(timer.cancelled() for timer in timers.made)


def test_closing_a_server_s_clients_ends_their_handshakes_and_says_goodbye(loop):
    async def main():
        served = []
        server, port = await listen(loop, server_context(), lambda: served.append(Witness()) or served[-1])
        _, protocol = await connect(loop, port, client_context())
        with socket.create_connection(("127.0.0.1", port)) as silent:
            silent.setblocking(False)
            while len(served) < 2:
                await asyncio.sleep(0)
            server.close()

            server.close_clients()

            await server.wait_closed()
            await protocol.until("lost")
            assert protocol.calls == ["made", "eof", "lost"]
            assert protocol.error is None
            assert await loop.sock_recv(silent, 1) == b""
        await settle()

    loop.run_until_complete(main())


def test_aborting_a_server_s_clients_ends_them_at_once(loop):
    async def main():
        served = []
        server, port = await listen(loop, server_context(), lambda: served.append(Witness()) or served[-1])
        _, protocol = await connect(loop, port, client_context())
        await served[0].until("made")
        server.close()

        server.abort_clients()
        await protocol.until("lost")
        await settle()

        assert served[0].calls[-1] == "lost"
        assert served[0].error is None
        await server.wait_closed()

    loop.run_until_complete(main())


@pytest.mark.parametrize("option", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])
def test_a_time_out_must_be_positive_and_needs_tls(loop, option):
    async def main():
        for ssl_, value, message in ((None, 1.0, "only meaningful with ssl"), (server_context(), 0, "positive")):
            with pytest.raises(ValueError, match=message):
                await loop.create_server(Witness, "127.0.0.1", 0, ssl=ssl_, **{option: value})
            with pytest.raises(ValueError, match=message):
                await loop.create_connection(Witness, "127.0.0.1", 1, ssl=ssl_, **{option: value})

    loop.run_until_complete(main())


def test_options_that_do_not_fit_are_refused(loop, pair):
    async def main():
        with pytest.raises(ValueError, match="only meaningful with ssl"):
            await loop.create_connection(Witness, "127.0.0.1", 1, server_hostname="localhost")
        with pytest.raises(ValueError, match="without a host"):
            await loop.create_connection(Witness, sock=pair[0], ssl=client_context())
        for flag in (True, False):
            with pytest.raises(TypeError, match="SSLContext"):
                await loop.create_server(Witness, "127.0.0.1", 0, ssl=flag)
        with pytest.raises(TypeError, match="SSLContext"):
            await loop.create_connection(Witness, "127.0.0.1", 1, ssl="context")
        with pytest.raises(ValueError, match="certificate"):
            await loop.connect_accepted_socket(Witness, pair[0], ssl=True)

    loop.run_until_complete(main())


def test_a_socket_that_does_tls_by_itself_is_refused(loop, pair):
    async def main():
        with (
            client_context().wrap_socket(
                pair[0], server_hostname="localhost", do_handshake_on_connect=False
            ) as wrapped,
            pytest.raises(TypeError, match="SSLSocket"),
        ):
            await loop.create_connection(Witness, sock=wrapped)

    loop.run_until_complete(main())


def test_a_connection_made_that_raises_is_reported_once_and_ends_the_connection(loop, pair, reported):
    class Raiser(Witness):
        def connection_made(self, transport):
            super().connection_made(transport)
            raise RuntimeError("on purpose")

    async def main():
        witness = Raiser()
        try:
            _, peer = await secured(loop, pair, witness)
            with pytest.raises((RaggedEndError, ConnectionResetError)):
                await peer.recv()
        except RaggedEndError:
            pass  # before the peer had agreed
        await witness.until("lost")

        assert [str(context["exception"]) for context in reported] == ["on purpose"]
        assert isinstance(witness.error, RuntimeError)
        reported.clear()

    loop.run_until_complete(main())
