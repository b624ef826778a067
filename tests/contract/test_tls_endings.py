"""How TLS connections end: in good order, without it, at once, late, and by what a protocol raises."""

import asyncio
import gc
import logging
import socket
import ssl
import struct
import weakref

import pytest

from .conftest import settle
from .fakes import Witness
from .tls_peer import VERSIONS, RaggedEndError, Timers, secured, server_context

LARGE = 5_000_000


async def read_to_end(peer):
    data = b""
    while more := await peer.recv():
        data += more
    return data


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_written_before_close_arrives_and_close_notify_after_it(loop, pair, version):
    async def main():
        witness = Witness()
        transport, peer = await secured(loop, pair, witness, server_context(version=version))

        transport.write(b"x" * LARGE)
        transport.write(b"the end")
        transport.close()

        assert transport.is_closing()
        data = await read_to_end(peer)
        assert data == b"x" * LARGE + b"the end"
        await peer.close_notify()
        await witness.until("lost")
        assert witness.error is None
        assert [call for call in witness.calls if call not in ("pause", "resume")] == ["made", "lost"]

    loop.run_until_complete(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_peer_sent_before_its_close_notify_is_delivered(loop, pair, version):
    async def main():
        witness = Witness()
        _, peer = await secured(loop, pair, witness, server_context(version=version))

        peer.tls.write(b"x" * 100_000)
        await peer.close_notify()
        await witness.until("lost")

        assert witness.calls == ["made", "data", "eof", "lost"]
        assert witness.data == b"x" * 100_000
        assert witness.error is None
        assert await peer.recv() == b""  # our close_notify answered

    loop.run_until_complete(main())


def test_what_the_peer_sent_is_delivered_even_if_reading_was_paused_when_it_ended(loop, pair):
    async def main():
        witness = Witness()
        transport, peer = await secured(loop, pair, witness)
        transport.pause_reading()
        peer.tls.write(b"x" * 100_000)
        await peer.close_notify()
        await settle()
        assert witness.calls == ["made"]

        transport.resume_reading()
        await witness.until("lost")

        assert witness.calls == ["made", "data", "eof", "lost"]
        assert len(witness.data) == 100_000

    loop.run_until_complete(main())


def test_closing_while_reading_is_paused_still_hears_the_peer_s_goodbye(loop, pair):
    async def main():
        witness = Witness()
        transport, peer = await secured(loop, pair, witness)
        transport.pause_reading()

        transport.close()

        assert await peer.recv() == b""
        await peer.close_notify()
        await witness.until("lost")
        assert witness.error is None

    loop.run_until_complete(main())


def test_what_comes_after_close_is_dropped_until_the_peer_ends_too(loop, pair):
    async def main():
        witness = Witness()
        transport, peer = await secured(loop, pair, witness)

        transport.close()
        await peer.send(b"too late" * 10_000)
        await read_to_end(peer)
        await peer.close_notify()
        await witness.until("lost")

        assert witness.calls == ["made", "lost"]
        assert witness.error is None

    loop.run_until_complete(main())


def test_a_reply_written_when_the_peer_ends_arrives(loop, pair):
    class Replier(Witness):
        def eof_received(self):
            self.transport.write(b"goodbye")
            return super().eof_received()

    async def main():
        witness = Replier()
        _, peer = await secured(loop, pair, witness)

        await peer.close_notify()

        assert await read_to_end(peer) == b"goodbye"
        await witness.until("lost")

    loop.run_until_complete(main())


def test_a_connection_goes_on_half_open_for_no_protocol_and_a_warning_says_so(loop, pair, caplog):
    async def main():
        witness = Witness(keeps_open=True)
        _, peer = await secured(loop, pair, witness)

        with caplog.at_level(logging.WARNING, "weft"):
            await peer.close_notify()
            await witness.until("lost")

        assert "eof_received() returned true" in caplog.text

    loop.run_until_complete(main())


def test_an_end_without_close_notify_is_an_end(loop, pair):
    async def main():
        witness = Witness()
        _, peer = await secured(loop, pair, witness)
        await peer.send(b"data")

        peer.sock.shutdown(socket.SHUT_WR)
        await witness.until("lost")

        assert witness.calls == ["made", "data", "eof", "lost"]
        assert witness.error is None

    loop.run_until_complete(main())


def test_a_reset_is_reported_to_the_protocol(loop):
    async def main():
        witness = Witness()
        listening = socket.create_server(("127.0.0.1", 0))
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
        listening.close()
        theirs.setblocking(False)
        _, peer = await secured(loop, (ours, theirs), witness)

        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.sock.close()
        await witness.until("lost")

        assert witness.calls == ["made", "lost"]
        assert isinstance(witness.error, ConnectionResetError)

    loop.run_until_complete(main())


def test_abort_ends_at_once_without_close_notify_and_without_an_error(loop, pair):
    async def main():
        witness = Witness()
        transport, peer = await secured(loop, pair, witness)

        transport.write(b"the system takes this at once")
        transport.abort()
        assert transport.is_closing()
        assert witness.calls == ["made"]
        await witness.until("lost")

        assert witness.error is None
        assert await peer.recv_exactly(29) == b"the system takes this at once"
        with pytest.raises((RaggedEndError, ConnectionResetError)):
            await peer.recv()

    loop.run_until_complete(main())


def test_a_peer_that_does_not_answer_close_notify_is_given_up_in_time(loop, pair):
    async def main():
        witness = Witness()
        transport, _ = await secured(loop, pair, witness, ssl_shutdown_timeout=0.01)

        transport.close()
        await witness.until("lost")

        assert isinstance(witness.error, TimeoutError)

    loop.run_until_complete(main())


def test_a_peer_that_reads_nothing_is_given_up_in_time(loop, pair):
    async def main():
        witness = Witness()
        transport, _ = await secured(loop, pair, witness, ssl_shutdown_timeout=0.01)

        transport.write(b"x" * LARGE)
        transport.close()
        await witness.until("lost")

        assert isinstance(witness.error, TimeoutError)

    loop.run_until_complete(main())


def test_closing_twice_and_aborting_afterwards_tells_the_end_once(loop, pair):
    async def main():
        witness = Witness()
        transport, _ = await secured(loop, pair, witness)

        transport.close()
        transport.close()
        transport.abort()
        transport.abort()
        transport.close()
        await witness.until("lost")
        await settle()

        assert witness.calls == ["made", "lost"]

    loop.run_until_complete(main())


def test_writing_after_close_is_dropped_and_a_warning_says_so_once(loop, pair, caplog):
    async def main():
        witness = Witness()
        transport, peer = await secured(loop, pair, witness)
        transport.write(b"before")
        transport.close()

        with caplog.at_level(logging.WARNING, "weft"):
            for _ in range(20):
                transport.write(b"after")

        assert caplog.text.count("were dropped") == 1
        assert await read_to_end(peer) == b"before"
        await peer.close_notify()
        await witness.until("lost")
        transport.write(b"after the end")
        transport.pause_reading()
        transport.resume_reading()
        assert transport.get_write_buffer_size() == 0
        assert transport.get_extra_info("cipher") is not None

    loop.run_until_complete(main())


def test_what_is_no_tls_ends_an_open_connection_with_an_error_and_an_alert(loop, pair):
    async def main():
        witness = Witness()
        _, peer = await secured(loop, pair, witness)

        await loop.sock_sendall(peer.sock, b"this is no TLS record, whatever it is")
        await witness.until("lost")

        assert isinstance(witness.error, ssl.SSLError)
        with pytest.raises(ssl.SSLError, match=r"ALERT|alert"):
            await peer.recv()

    loop.run_until_complete(main())


def test_a_record_that_was_tampered_with_ends_the_connection_with_an_error(loop, pair):
    async def main():
        witness = Witness()
        _, peer = await secured(loop, pair, witness)
        peer.tls.write(b"good")
        peer.tls.write(b"bad")
        stream = bytearray(peer.outgoing.read())
        stream[-1] ^= 1

        await loop.sock_sendall(peer.sock, stream)
        await witness.until("lost")

        assert witness.calls == ["made", "data", "lost"]
        assert witness.data == b"good"
        assert isinstance(witness.error, ssl.SSLError)

    loop.run_until_complete(main())


@pytest.mark.parametrize("method", ["data_received", "eof_received"])
def test_what_a_protocol_raises_is_reported_once_and_ends_the_connection(loop, pair, reported, method):
    def fail(*args):
        raise RuntimeError("on purpose")

    async def main():
        witness = Witness()
        setattr(witness, method, fail)
        transport, peer = await secured(loop, pair, witness)

        await peer.send(b"data")
        await peer.close_notify()
        await witness.until("lost")

        assert [str(context["exception"]) for context in reported] == ["on purpose"]
        assert reported[0]["transport"] is transport
        assert reported[0]["protocol"] is witness
        assert str(witness.error) == "on purpose"
        reported.clear()

    loop.run_until_complete(main())


def test_what_get_buffer_raises_is_reported_once_and_ends_the_connection(loop, pair, reported):
    class Broken(asyncio.BufferedProtocol):
        def __init__(self):
            self.lost = loop.create_future()

        def get_buffer(self, sizehint):
            return bytearray()

        def connection_lost(self, error):
            self.lost.set_result(error)

    async def main():
        protocol = Broken()
        _, peer = await secured(loop, pair, protocol)

        await peer.send(b"data")

        assert "empty buffer" in str(await protocol.lost)
        assert len(reported) == 1
        reported.clear()

    loop.run_until_complete(main())


@pytest.mark.parametrize("method", ["pause_writing", "resume_writing"])
def test_what_flow_control_raises_is_reported_and_the_connection_lives(loop, pair, reported, method):
    async def main():
        witness = Witness()
        transport, peer = await secured(loop, pair, witness)

        def fail():
            raise RuntimeError("on purpose")

        setattr(witness, method, fail)
        transport.write(b"x" * LARGE)
        await peer.recv_exactly(LARGE)
        transport.write(b"alive")

        assert await peer.recv_exactly(5) == b"alive"
        assert [str(context["exception"]) for context in reported] == ["on purpose"]
        reported.clear()
        transport.abort()

    loop.run_until_complete(main())


@pytest.mark.parametrize("end", ["close", "abort"])
def test_an_ended_connection_leaves_no_timer_and_no_cycle(loop, pair, end):
    timers = Timers()
    loop.observer = timers

    async def main():
        witness = Witness()
        transport, peer = await secured(loop, pair, witness)
        getattr(transport, end)()
        if end == "close":
            await peer.recv()
            await peer.close_notify()
        await witness.until("lost")
        await settle()
        return weakref.ref(transport), weakref.ref(witness)

    gc.disable()
    try:
        gone = loop.run_until_complete(main())
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()
    assert timers.made
    assert all(timer.cancelled() for timer in timers.made)
