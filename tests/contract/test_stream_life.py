"""A stream's life: what its protocol is told, in which order, and that its end is told exactly once."""

import asyncio
import socket
import struct
from asyncio import trsock

import pytest

from .conftest import settle, tcp_pair
from .fakes import Witness


async def begin(loop, sock, protocol):
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock)
    return transport


def reset(sock):
    """Close a TCP socket so that its peer is told of a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def test_asyncio_s_streams_echo_over_weft(loop):
    async def echo(reader, writer):
        while data := await reader.read(1000):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def main():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"one ")
        writer.write(b"two")
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return answer

    assert loop.run_until_complete(main()) == b"one two"


def test_callbacks_come_in_the_order_of_a_connection_s_life(loop, pair):
    ours, theirs = pair
    witness = Witness()

    async def main():
        await begin(loop, ours, witness)
        await loop.sock_sendall(theirs, b"hello")
        await witness.until_data(5)
        theirs.close()
        await witness.until("lost")
        await settle()

    loop.run_until_complete(main())

    assert witness.calls == ["made", "data", "eof", "lost"]
    assert witness.data == b"hello"
    assert witness.error is None


def test_bytes_and_the_end_that_come_together_are_told_in_order(loop, pair):
    ours, theirs = pair
    theirs.send(b"all there is")
    theirs.close()
    witness = Witness()

    async def main():
        await begin(loop, ours, witness)
        await witness.until("lost")

    loop.run_until_complete(main())

    assert witness.calls == ["made", "data", "eof", "lost"]
    assert witness.data == b"all there is"


@pytest.mark.parametrize(
    "ending", ["close", "abort", "close twice", "abort twice", "close and abort", "abort and close"]
)
def test_connection_lost_comes_exactly_once_without_an_error_when_we_end_it(loop, pair, ending):
    ours, _ = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        for verb in ending.replace(" twice", f" and {ending.split()[0]}").split(" and "):
            getattr(transport, verb)()
        told_at_once = "lost" in witness.calls
        closing = transport.is_closing()
        await witness.until("lost")
        await settle()
        return told_at_once, closing

    told_at_once, closing = loop.run_until_complete(main())

    assert not told_at_once
    assert closing
    assert witness.calls == ["made", "lost"]
    assert witness.error is None
    assert ours.fileno() == -1


def test_closing_lets_the_peer_see_the_end(loop, pair):
    ours, theirs = pair

    async def main():
        transport = await begin(loop, ours, Witness())
        transport.close()
        return await loop.sock_recv(theirs, 100)

    assert loop.run_until_complete(main()) == b""


def test_a_reset_by_the_peer_is_told_as_connection_lost_with_its_error(loop):
    ours, theirs = tcp_pair()
    ours.setblocking(False)
    witness = Witness()

    async def main():
        await begin(loop, ours, witness)
        reset(theirs)
        await witness.until("lost")
        await settle()

    loop.run_until_complete(main())

    assert witness.calls == ["made", "lost"]
    assert isinstance(witness.error, ConnectionResetError)


def test_bytes_that_came_before_a_reset_do_not_make_its_end_be_told_twice(loop):
    ours, theirs = tcp_pair()
    ours.setblocking(False)
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        await loop.sock_sendall(theirs, b"before")
        await witness.until_data(6)
        reset(theirs)
        transport.write(b"x" * 1000)
        await witness.until("lost")
        transport.write(b"after")
        transport.close()
        await settle()

    loop.run_until_complete(main())

    assert witness.calls == ["made", "data", "lost"]
    assert isinstance(witness.error, OSError)


def test_a_reset_while_output_waits_is_told_with_its_error(loop):
    ours, theirs = tcp_pair()
    ours.setblocking(False)
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.write(bytes(10_000_000))
        await witness.until("pause")
        reset(theirs)
        await witness.until("lost")
        await settle()
        return transport.get_write_buffer_size()

    left = loop.run_until_complete(main())

    assert witness.calls == ["made", "pause", "lost"]
    assert isinstance(witness.error, OSError)
    assert left == 0


def test_a_reset_while_closing_with_output_waiting_is_told_with_its_error(loop):
    ours, theirs = tcp_pair()
    ours.setblocking(False)
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.write(bytes(10_000_000))
        await witness.until("pause")
        transport.close()
        reset(theirs)
        await witness.until("lost")

    loop.run_until_complete(main())

    assert isinstance(witness.error, OSError)


class Failing(Witness):
    """Raises in one of its callbacks."""

    def __init__(self, where):
        super().__init__()
        self.where = where

    def note(self, call):
        super().note(call)
        if call == self.where:
            raise ZeroDivisionError(f"in {call}")


@pytest.mark.parametrize("where", ["made", "data", "eof"])
def test_a_protocol_that_raises_is_reported_and_its_connection_ends_with_that_error(loop, pair, reported, where):
    ours, theirs = pair
    theirs.send(b"x")
    theirs.shutdown(socket.SHUT_WR)
    failing = Failing(where)

    async def main():
        await begin(loop, ours, failing)
        await failing.until("lost")
        await settle()

    loop.run_until_complete(main())

    assert failing.calls.count("lost") == 1
    assert isinstance(failing.error, ZeroDivisionError)
    [context] = reported
    assert context["exception"] is failing.error
    assert context["protocol"] is failing
    assert context["transport"] is failing.transport
    reported.clear()


def test_a_protocol_that_raises_in_connection_lost_is_reported_and_its_socket_closed(loop, pair, reported):
    ours, _ = pair
    failing = Failing("lost")

    async def main():
        transport = await begin(loop, ours, failing)
        transport.close()
        await failing.until("lost")
        await settle()

    loop.run_until_complete(main())

    assert ours.fileno() == -1
    assert str(reported.pop()["exception"]) == "in lost"


@pytest.mark.parametrize("where", ["pause", "resume"])
def test_a_protocol_that_raises_when_held_back_is_reported_and_nothing_is_lost(loop, pair, reported, where):
    ours, theirs = pair
    failing = Failing(where)
    size = 20_000_000

    async def main():
        transport = await begin(loop, ours, failing)
        transport.write(bytes(size))
        got = 0
        while got < size:
            got += len(await loop.sock_recv(theirs, 1 << 20))
        await failing.until("resume")
        transport.close()
        await failing.until("lost")

    loop.run_until_complete(main())

    assert failing.calls == ["made", "pause", "resume", "lost"]
    assert failing.error is None
    context = reported.pop()
    assert str(context["exception"]) == f"in {where}"
    assert context["protocol"] is failing


def test_the_end_of_a_stream_is_told_after_its_last_bytes_even_if_it_was_paused(loop, pair):
    ours, theirs = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.pause_reading()
        theirs.send(b"late")
        theirs.close()
        await settle()
        before = list(witness.calls)
        transport.resume_reading()
        await witness.until("lost")
        return before

    before = loop.run_until_complete(main())

    assert before == ["made"]
    assert witness.calls == ["made", "data", "eof", "lost"]


def test_eof_received_that_returns_true_keeps_the_stream_open_for_writing(loop, pair):
    ours, theirs = pair
    witness = Witness(keeps_open=True)

    async def main():
        transport = await begin(loop, ours, witness)
        theirs.shutdown(socket.SHUT_WR)
        await witness.until("eof")
        closing = transport.is_closing()
        transport.write(b"still here")
        answer = await loop.sock_recv(theirs, 100)
        transport.close()
        await witness.until("lost")
        return closing, answer

    assert loop.run_until_complete(main()) == (False, b"still here")
    assert witness.calls == ["made", "eof", "lost"]


@pytest.mark.parametrize("pauses", [False, True])
def test_a_half_closed_stream_is_not_told_of_its_end_again_and_again(loop, pair, pauses):
    ours, theirs = pair
    witness = Witness(keeps_open=True)

    async def main():
        transport = await begin(loop, ours, witness)
        theirs.shutdown(socket.SHUT_WR)
        await witness.until("eof")
        if pauses:
            transport.pause_reading()
            transport.resume_reading()
        await settle()
        events = loop.poller.wait(0)
        transport.close()
        await witness.until("lost")
        return events

    assert loop.run_until_complete(main()) == 0
    assert witness.calls == ["made", "eof", "lost"]


def test_after_write_eof_bytes_still_come_in(loop, pair):
    ours, theirs = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.write(b"question")
        transport.write_eof()
        question = await loop.sock_recv(theirs, 100)
        end = await loop.sock_recv(theirs, 100)
        await loop.sock_sendall(theirs, b"answer")
        await witness.until_data(6)
        theirs.close()
        await witness.until("lost")
        return question, end

    assert loop.run_until_complete(main()) == (b"question", b"")
    assert witness.calls == ["made", "data", "eof", "lost"]
    assert witness.data == b"answer"


def test_write_eof_waits_for_what_is_still_to_be_sent(loop, pair):
    ours, theirs = pair
    size = 5_000_000

    async def main():
        witness = Witness()
        transport = await begin(loop, ours, witness)
        transport.write(bytes(size))
        transport.write_eof()
        transport.write_eof()
        got = 0
        while data := await loop.sock_recv(theirs, 1 << 20):
            got += len(data)
        closing = transport.is_closing()
        transport.close()
        await witness.until("lost")
        return got, closing

    assert loop.run_until_complete(main()) == (size, False)


def test_writing_after_write_eof_is_an_error(loop, pair):
    ours, _ = pair

    async def main():
        witness = Witness()
        transport = await begin(loop, ours, witness)
        transport.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            transport.write(b"more")
        transport.close()
        await witness.until("lost")

    loop.run_until_complete(main())


def test_a_stream_closed_both_ways_lives_until_it_is_closed(loop, pair):
    ours, theirs = pair
    witness = Witness(keeps_open=True)

    async def main():
        transport = await begin(loop, ours, witness)
        theirs.shutdown(socket.SHUT_WR)
        await witness.until("eof")
        transport.write_eof()
        end = await loop.sock_recv(theirs, 100)
        await settle()
        closing = transport.is_closing()
        transport.close()
        await witness.until("lost")
        return end, closing

    assert loop.run_until_complete(main()) == (b"", False)
    assert witness.calls == ["made", "eof", "lost"]


def test_closing_sends_everything_that_was_accepted_before_connection_lost(loop, pair):
    ours, theirs = pair
    size = 5_000_000
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.write(bytes(size))
        transport.close()
        lost_too_early = "lost" in witness.calls
        got = 0
        while data := await loop.sock_recv(theirs, 1 << 20):
            got += len(data)
        await witness.until("lost")
        return lost_too_early, got

    assert loop.run_until_complete(main()) == (False, size)
    assert witness.error is None


def test_what_comes_in_while_closing_is_dropped(loop, pair):
    ours, theirs = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.write(bytes(5_000_000))
        transport.close()
        await loop.sock_sendall(theirs, b"too late")
        await settle()
        transport.abort()
        await witness.until("lost")

    loop.run_until_complete(main())

    assert "data" not in witness.calls


def test_aborting_drops_what_waits_and_ends_soon(loop, pair):
    ours, theirs = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        transport.write(bytes(50_000_000))
        await witness.until("pause")
        transport.abort()
        left = transport.get_write_buffer_size()
        await witness.until("lost")
        return left

    assert loop.run_until_complete(main()) == 0
    assert witness.calls == ["made", "pause", "lost"]
    theirs.close()


def test_a_stream_whose_socket_its_user_closed_still_ends(loop, pair):
    ours, _ = pair
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        ours.close()
        transport.abort()
        await witness.until("lost")

    loop.run_until_complete(main())

    assert witness.calls == ["made", "lost"]


def test_closing_a_stream_after_its_loop_was_closed_gives_the_socket_back(make_poller, pair):
    import weft

    ours, _ = pair
    loop = weft.Loop(poller=make_poller())
    transport = loop.run_until_complete(begin(loop, ours, Witness()))
    loop.close()

    transport.close()

    assert ours.fileno() == -1


def test_a_stream_is_an_asyncio_transport_and_names_its_ends(loop):
    ours, theirs = tcp_pair()
    ours.setblocking(False)
    names = (theirs.getsockname(), ours.getsockname())
    number = ours.fileno()
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        is_transport = isinstance(transport, asyncio.Transport)
        found = (transport.get_extra_info("peername"), transport.get_extra_info("sockname"))
        shown = transport.get_extra_info("socket")
        rest = (shown.fileno(), transport.get_extra_info("cipher"))
        assert isinstance(shown, trsock.TransportSocket)
        assert transport.get_extra_info("socket") is shown
        default = transport.get_extra_info("no such thing", "default")
        text = repr(transport)
        transport.close()
        await witness.until("lost")
        return is_transport, found, rest, default, text

    is_transport, found, rest, default, text = loop.run_until_complete(main())

    assert is_transport
    assert found == names
    assert rest == (number, None)
    assert default == "default"
    assert "open" in text
    theirs.close()


def test_the_peer_s_name_is_known_after_the_connection_ended(loop):
    ours, theirs = tcp_pair()
    ours.setblocking(False)
    name = theirs.getsockname()
    witness = Witness()

    async def main():
        transport = await begin(loop, ours, witness)
        before = transport.get_extra_info("peername")
        theirs.close()
        await witness.until("lost")
        return before, transport.get_extra_info("peername")

    assert loop.run_until_complete(main()) == (name, name)


def test_callbacks_of_one_connection_share_a_context_of_its_own(loop, pair):
    import contextvars

    ours, theirs = pair
    mark = contextvars.ContextVar("mark", default="outside")
    seen = []

    class Marking(Witness):
        def note(self, call):
            seen.append((call, mark.get()))
            mark.set(call)
            super().note(call)

    async def main():
        mark.set("task")
        marking = Marking()
        await begin(loop, ours, marking)
        theirs.send(b"x")
        await marking.until("data")
        theirs.close()
        await marking.until("lost")
        return mark.get()

    afterwards = loop.run_until_complete(main())

    assert seen == [("made", "task"), ("data", "made"), ("eof", "data"), ("lost", "eof")]
    assert afterwards == "task"
