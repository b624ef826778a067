"""Protocols on their parsers: delivery, pausing in the middle of a chunk, raw mode, refusals, ends."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft import protocols
from weft.errors import (
    BacklogFullError,
    IncompleteMessageError,
    InvalidStateError,
    MalformedMessageError,
    MessageTooLongError,
)
from weft.ports import StreamTransport

from .fakes import Lines, MemoryTransport, run_virtually, turns


def connected(protocol, **arguments):
    transport = MemoryTransport(**arguments)
    transport.connect(protocol)
    return transport


class Strings(protocols.NetstringProtocol):
    def __init__(self):
        self.strings = []

    def string_received(self, string):
        self.strings.append(string)


class Prefixed(protocols.Int16Protocol):
    def __init__(self):
        self.strings = []

    def string_received(self, string):
        self.strings.append(string)


class Values(protocols.JsonLineProtocol):
    def __init__(self):
        self.values = []

    def json_received(self, value):
        self.values.append(value)


def test_each_protocol_gives_out_what_its_counterpart_sends():
    async def main():
        lines, strings, prefixed, values = Lines(), Strings(), Prefixed(), Values()
        transports = [connected(each) for each in (lines, strings, prefixed, values)]

        lines.send_line(b"warp")
        strings.send_string(b"weft")
        prefixed.send_string(b"loom")
        values.send_json({"thread": 1})
        for transport in transports:
            transport.give(transport.take())

        assert lines.lines == [b"warp"]
        assert strings.strings == [b"weft"]
        assert prefixed.strings == [b"loom"]
        assert values.values == [{"thread": 1}]

    run_virtually(main())


@pytest.mark.parametrize("base, expected", [
    (protocols.Int8Protocol, b"\x03abc"),
    (protocols.Int16Protocol, b"\x00\x03abc"),
    (protocols.Int32Protocol, b"\x00\x00\x00\x03abc"),
])  # fmt: skip
def test_lengths_have_the_size_that_the_name_says(base, expected):
    async def main():
        protocol = base()
        transport = connected(protocol)

        protocol.send_string(b"abc")

        assert transport.take() == expected

    run_virtually(main())


def test_what_cannot_be_sent_as_one_message_is_not_sent():
    async def main():
        lines, strings, values = Lines(), protocols.Int8Protocol(), Values()
        transports = [connected(each) for each in (lines, strings, values)]

        with pytest.raises(MalformedMessageError):
            lines.send_line(b"one\ntwo")
        with pytest.raises(MessageTooLongError):
            strings.send_string(bytes(256))
        with pytest.raises(MalformedMessageError):
            values.send_json(object())

        assert [transport.take() for transport in transports] == [b"", b"", b""]

    run_virtually(main())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_what_is_sent_may_be_any_kind_of_bytes(kind):
    async def main():
        lines, strings, prefixed = Lines(), Strings(), Prefixed()
        transports = [connected(each) for each in (lines, strings, prefixed)]

        lines.send_line(kind(b"warp"))
        strings.send_string(kind(b"warp"))
        prefixed.send_string(kind(b"warp"))

        assert [transport.take() for transport in transports] == [b"warp\n", b"4:warp,", b"\x00\x04warp"]

    run_virtually(main())


def test_what_is_sent_must_be_bytes():
    async def main():
        lines, strings, prefixed = Lines(), Strings(), Prefixed()
        transports = [connected(each) for each in (lines, strings, prefixed)]

        for send in (lines.send_line, strings.send_string, prefixed.send_string, lines.send_message):
            for wrong in ("warp", 4, None):
                with pytest.raises(TypeError, match=f"not {type(wrong).__name__}: encode it"):
                    send(wrong)

        assert [transport.take() for transport in transports] == [b"", b"", b""]

    run_virtually(main())


@pytest.mark.parametrize("send", [
    lambda: Lines().send_line(b"warp"), lambda: Strings().send_string(b"warp"), lambda: Values().send_json(1),
    lambda: Lines().send_message(b"warp"),
])  # fmt: skip
def test_sending_before_there_is_a_connection_is_an_error_that_says_so(send):
    with pytest.raises(InvalidStateError, match="has no transport"):
        send()


def test_there_is_no_transport_before_the_connection_and_data_is_an_error():
    protocol = Lines()

    assert protocol.transport is None
    with pytest.raises(AttributeError):
        protocol.data_received(b"one\n")


def test_a_transport_that_is_put_in_the_place_of_another_gets_what_is_sent_from_then_on():
    async def main():
        class Securing(Lines):
            def line_received(self, line):
                super().line_received(line)
                self.send_line(b"go on")
                self.transport = second
                self.send_line(b"in secret")

        protocol, second = Securing(), MemoryTransport()
        first = connected(protocol)

        first.give(b"starttls\n")

        assert (first.take(), second.take()) == (b"go on\n", b"in secret\n")
        assert protocol.transport is second

    run_virtually(main())


def test_nothing_is_given_out_while_the_author_has_taken_the_transport_away():
    async def main():
        class Leaving(Lines):
            def line_received(self, line):
                super().line_received(line)
                self.transport = None
                self.set_raw_mode(2)

        protocol = Leaving()
        transport = connected(protocol)

        transport.give(b"one\ntwo\n")

        assert (protocol.lines, protocol.raw) == ([b"one"], [])

    run_virtually(main())


def test_a_class_whose_own_attribute_hides_the_transport_is_told_so():
    class Hiding(Lines):
        transport = None

    with pytest.raises(TypeError, match=r"Hiding\.transport hides .* remove it from the class"):
        connected(Hiding())


class Pairs(StreamTransport):
    """A transport that takes pairs, as Weft's own does where it is compiled."""

    def __init__(self):
        self.written = []

    def takes_pairs(self):
        return True

    def write(self, data):
        self.written.append(bytes(data))

    def write_pair(self, first, second):
        self.written.append(first + second)


@given(
    delimiter=st.sampled_from([b"\n", b"\r\n", b"aa", b"aba", b"abc"]),
    line=st.text("abc\r\n", max_size=12).map(str.encode) | st.binary(max_size=3).map(bytearray),
)
def test_a_line_is_sent_as_the_parser_encodes_it_or_refused_by_both(delimiter, line):
    protocol, transport = protocols.LineProtocol(), Pairs()
    protocol.delimiter = delimiter
    protocol.connection_made(transport)

    try:
        encoded = protocols.LineParser(delimiter).encode(line)
    except MalformedMessageError:
        with pytest.raises(MalformedMessageError):
            protocol.send_line(line)
        assert transport.written == []
    else:
        protocol.send_line(line)
        assert transport.written == [encoded]


def test_a_parser_with_an_encoding_of_its_own_is_asked_for_each_line():
    class Dotted(protocols.LineParser):
        def encode(self, message):
            return super().encode(b"." + message if message.startswith(b".") else message)

    class Mail(protocols.LineProtocol):
        def make_parser(self):
            return Dotted(self.delimiter, self.max_length)

    protocol, transport = Mail(), Pairs()
    protocol.connection_made(transport)

    protocol.send_line(b".")
    protocol.send_line(b"a.")

    assert transport.written == [b"..\r\n", b"a.\r\n"]


@pytest.mark.parametrize("base, data", [
    (protocols.LineProtocol, b"a\r\n"), (protocols.NetstringProtocol, b"1:a,"), (protocols.Int8Protocol, b"\x01a"),
    (protocols.JsonLineProtocol, b"1\n"), (protocols.MessageProtocol, b""),
])  # fmt: skip
def test_a_subclass_that_lacks_its_method_is_told_which(base, data):
    async def main():
        with pytest.raises(NotImplementedError, match=r"needs a method \w+\(self"):
            connected(base()).give(data)

    run_virtually(main())


class Pausing(Lines):
    """Pauses after each line."""

    def line_received(self, line):
        super().line_received(line)
        self.pause_reading()


def test_a_pause_in_the_middle_of_a_chunk_stops_delivery_at_once():
    async def main():
        protocol = Pausing()
        transport = connected(protocol)

        transport.give(b"one\ntwo\nthree\nfo")
        assert (protocol.lines, transport.is_paused) == ([b"one"], True)
        await turns()
        assert protocol.lines == [b"one"]

        protocol.resume_reading()
        assert protocol.lines == [b"one"], "what waits comes in a turn of its own, as from a transport"
        await turns()
        assert (protocol.lines, transport.is_paused) == ([b"one", b"two"], True)
        protocol.resume_reading()
        await turns()
        assert (protocol.lines, transport.is_paused) == ([b"one", b"two", b"three"], True)
        protocol.resume_reading()
        await turns()
        assert not transport.is_paused
        transport.give(b"ur\n")
        assert protocol.lines[3:] == [b"four"]

    run_virtually(main())


@given(
    chunks=st.lists(st.text("ab\n", max_size=30).map(str.encode), max_size=10),
    resumes=st.lists(st.integers(0, 3), max_size=40),
)
def test_whenever_it_is_resumed_a_pausing_protocol_gets_every_line_once_and_in_order(chunks, resumes):
    async def main():
        protocol = Pausing()
        transport = connected(protocol)
        steps = iter(resumes)

        for chunk in chunks:
            transport.give(chunk)  # also to one that paused: what comes too late waits in its place
            for _ in range(next(steps, 0)):
                protocol.resume_reading()
                await turns(1)
        for _ in range(400):
            protocol.resume_reading()
            await turns(2)

        assert protocol.lines == b"".join(chunks).split(b"\n")[:-1]

    run_virtually(main())


def test_a_pause_that_the_transport_forgot_is_asked_for_again():
    async def main():
        class Late(Lines):
            def connected(self):
                self.pause_reading()

        protocol = Late()
        transport = connected(protocol)
        transport.is_paused = False  # as on uvloop, which forgets a pause that is made in connection_made

        transport.give(b"one\n")
        assert (protocol.lines, transport.is_paused) == ([], True)
        protocol.resume_reading()
        await turns()

        assert (protocol.lines, transport.is_paused) == ([b"one"], False)

    run_virtually(main())


def test_a_pause_that_is_taken_back_before_the_method_returns_changes_nothing():
    async def main():
        class Hesitant(Lines):
            def line_received(self, line):
                super().line_received(line)
                self.pause_reading()
                self.resume_reading()

        protocol = Hesitant()
        transport = connected(protocol)

        transport.give(b"one\ntwo\n")
        await turns()

        assert protocol.lines == [b"one", b"two"]
        assert not transport.is_paused

    run_virtually(main())


def test_bytes_that_come_while_messages_are_given_out_wait_for_their_turn():
    async def main():
        class Echoed(Lines):
            def line_received(self, line):
                if line == b"one":
                    self.transport.give(b"three\n")  # as from a peer in the same process
                super().line_received(line)

        protocol = Echoed()

        connected(protocol).give(b"one\ntwo\n")

        assert protocol.lines == [b"one", b"two", b"three"]

    run_virtually(main())


def test_a_transport_that_does_not_heed_the_pause_is_refused_at_a_bound():
    async def main():
        protocol = Pausing()
        transport = connected(protocol)
        transport.give(b"first\n")
        chunk = b"x" * 99 + b"\n"

        for _ in range(protocols.MAX_BACKLOG_BYTES // len(chunk) + 10):
            transport.give(chunk)

        assert [type(error) for error in protocol.errors] == [BacklogFullError]
        assert transport.was_closed
        assert protocol.lines == [b"first"]

    run_virtually(main())


@pytest.mark.parametrize("end", ["close", "abort", "transport.close", "transport.abort"])
def test_nothing_is_given_out_after_the_connection_was_closed(end):
    async def main():
        class Leaving(Lines):
            def line_received(self, line):
                super().line_received(line)
                call = self
                for name in end.split("."):
                    call = getattr(call, name)
                call()

        protocol = Leaving()

        connected(protocol).give(b"one\ntwo\n")
        await turns()

        assert (protocol.lines, protocol.lost) == ([b"one"], [None])

    run_virtually(main())


def test_a_refused_message_ends_the_stream_and_what_stood_before_it_is_given_out():
    async def main():
        protocol = Lines()
        protocol.max_length = 10
        transport = connected(protocol)

        transport.give(b"one\n" + b"x" * 11 + b"\nthree\n")
        transport.give(b"four\n")
        await turns()

        assert protocol.lines == [b"one"]
        assert [type(error) for error in protocol.errors] == [MessageTooLongError]
        assert protocol.lost == [None]

    run_virtually(main())


def test_by_default_a_refusal_is_logged_and_closes_the_connection(caplog):
    async def main():
        transport = connected(Strings(), peername=("192.0.2.7", 4711))

        transport.give(b"GET / HTTP/1.1\r\n")

        assert transport.was_closed

    run_virtually(main())

    assert "Strings from ('192.0.2.7', 4711): a netstring begins with its length" in caplog.text


def test_a_refusal_can_be_answered_and_nothing_more_is_read():
    async def main():
        class Polite(Strings):
            def refused(self, error):
                self.transport.write(b"sorry")

        protocol = Polite()
        transport = connected(protocol)

        transport.give(b"2:ab,x")
        protocol.resume_reading()
        await turns()
        transport.give(b"2:cd,")

        assert (transport.take(), transport.is_paused, protocol.strings) == (b"sorry", True, [b"ab"])
        transport.end()
        assert transport.was_closed

    run_virtually(main())


def test_an_exception_of_the_author_passes_to_the_transport_untouched():
    async def main():
        class Broken(Lines):
            def line_received(self, line):
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            connected(Broken()).give(b"one\n")

    run_virtually(main())


def test_a_protocol_error_of_the_authors_is_no_refusal_of_ours():
    async def main():
        class Strict(Lines):
            def line_received(self, line):
                super().line_received(line)
                raise MalformedMessageError("no such command")

        protocol = Strict()
        transport = connected(protocol)

        with pytest.raises(MalformedMessageError, match="no such command"):
            transport.give(b"one\ntwo\n")

        assert (protocol.lines, protocol.errors) == ([b"one"], [])

    run_virtually(main())


def test_an_exception_after_a_resume_ends_the_connection_and_is_reported():
    async def main():
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))

        class Broken(Pausing):
            def line_received(self, line):
                super().line_received(line)
                assert line != b"two"

        protocol = Broken()
        transport = connected(protocol)
        transport.give(b"one\ntwo\nthree\n")
        protocol.resume_reading()
        await turns()

        assert [type(context["exception"]) for context in reported] == [AssertionError]
        assert transport.was_aborted
        assert protocol.lines == [b"one", b"two"]

    run_virtually(main())


def test_the_end_of_the_stream_is_told_after_the_last_line():
    async def main():
        protocol = Lines()
        transport = connected(protocol)
        transport.give(b"one\n")

        transport.end()

        assert (protocol.ended, transport.was_closed, protocol.errors) == (True, True, [])

    run_virtually(main())


def test_the_end_of_the_stream_waits_until_what_is_paused_was_given_out():
    async def main():
        protocol = Pausing()
        transport = connected(protocol)
        transport.give(b"one\ntwo\n")
        transport.end()
        assert not protocol.ended

        protocol.resume_reading()
        await turns()
        assert (protocol.lines, protocol.ended) == ([b"one", b"two"], False)
        protocol.resume_reading()
        await turns()

        assert (protocol.ended, transport.was_closed) == (True, True)

    run_virtually(main())


def test_an_end_in_the_middle_of_a_message_is_told():
    async def main():
        protocol = Lines()
        transport = connected(protocol)
        transport.give(b"one\ntw")

        transport.end()

        assert [type(error) for error in protocol.errors] == [IncompleteMessageError]
        assert not protocol.ended
        assert transport.was_closed

    run_virtually(main())


def test_a_protocol_may_go_on_writing_after_the_end_of_the_stream():
    async def main():
        class Patient(Lines):
            def stream_ended(self):
                return True

        transport = connected(Patient())
        transport.end()

        assert not transport.was_closed

    run_virtually(main())


def test_the_rest_of_a_stream_goes_to_the_protocol_that_takes_over():
    async def main():
        class Upgrading(Lines):
            def line_received(self, line):
                super().line_received(line)
                if line == b"upgrade":
                    rest = self.take_rest()
                    self.transport.connect(successor)
                    successor.data_received(rest)

        protocol, successor = Upgrading(), Strings()
        transport = connected(protocol)

        transport.give(b"hello\nupgrade\n3:one,3:t")
        transport.give(b"wo,1:x,")

        assert (protocol.lines, successor.strings) == ([b"hello", b"upgrade"], [b"one", b"two", b"x"])

    run_virtually(main())


# -- raw mode


class Bodies(Lines):
    """Lines, where `raw` changes to raw mode and `raw N` does so for N bytes."""

    def line_received(self, line):
        super().line_received(line)
        if line == b"raw":
            self.set_raw_mode()
        elif line.startswith(b"raw "):
            self.set_raw_mode(int(line[4:]))


def test_raw_mode_begins_in_the_middle_of_a_chunk():
    async def main():
        protocol = Bodies()
        transport = connected(protocol)

        transport.give(b"one\nraw\nbody\nand ")
        transport.give(b"more\n")

        assert (protocol.lines, b"".join(protocol.raw)) == ([b"one", b"raw"], b"body\nand more\n")

    run_virtually(main())


def test_line_mode_comes_back_with_what_raw_mode_was_given_too_much_of():
    async def main():
        class Counting(Bodies):
            def raw_data_received(self, data):
                super().raw_data_received(data[:4])
                self.set_line_mode(data[4:])

        protocol = Counting()

        connected(protocol).give(b"raw\nbodytwo\nthree\nraw\nBODYfour\n")

        assert protocol.lines == [b"raw", b"two", b"three", b"raw", b"four"]
        assert protocol.raw == [b"body", b"BODY"]

    run_virtually(main())


@given(
    parts=st.lists(st.binary(max_size=40) | st.text("abc", max_size=400).map(str.encode), max_size=12),
    places=st.lists(st.integers(0, 500), max_size=8),
)
def test_raw_data_of_a_length_ends_by_itself_wherever_the_stream_is_cut(parts, places):
    async def main():
        protocol = Bodies()
        transport = connected(protocol)
        stream = b"".join(b"raw %d\n%bline\n" % (len(part), part) for part in parts)
        edges = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]

        for start, end in pairwise(edges):
            transport.give(stream[start:end])

        assert b"".join(protocol.raw) == b"".join(parts)
        assert protocol.lines == [line for part in parts for line in (b"raw %d" % len(part), b"line")]

    run_virtually(main())


def test_many_changes_of_mode_in_one_chunk_cost_what_they_are_long():
    async def main():
        protocol = Bodies()

        connected(protocol).give(b"raw 5\n12345" * 100_000)

        assert len(protocol.raw) == len(protocol.lines) == 100_000

    run_virtually(main())


def test_a_pause_holds_in_raw_mode_too():
    async def main():
        class PausingBodies(Bodies):
            def raw_data_received(self, data):
                super().raw_data_received(data)
                self.pause_reading()

        protocol = PausingBodies()
        transport = connected(protocol)

        transport.give(b"raw 3\nabcraw 2\nxyend\n")
        assert protocol.raw == [b"abc"]
        protocol.resume_reading()
        await turns()
        assert protocol.raw == [b"abc", b"xy"]
        protocol.resume_reading()
        await turns()

        assert protocol.lines == [b"raw 3", b"raw 2", b"end"]

    run_virtually(main())


def test_a_change_of_mode_from_outside_has_what_waits_given_out_in_the_new_mode():
    async def main():
        protocol = Lines()
        transport = connected(protocol)
        transport.give(b"begun")

        protocol.set_raw_mode()
        await turns()
        assert protocol.raw == [b"begun"]
        protocol.set_line_mode(b"line\n")
        await turns()

        assert protocol.lines == [b"line"]
        assert not transport.is_paused

    run_virtually(main())


def test_an_end_in_the_middle_of_raw_data_is_told():
    async def main():
        protocol = Bodies()
        transport = connected(protocol)
        transport.give(b"raw 10\nabc")

        transport.end()

        assert [str(error) for error in protocol.errors] == [
            "the stream ended in the middle of raw data: 7 bytes more were to come"
        ]

    run_virtually(main())


def test_a_negative_length_of_raw_data_is_refused():
    async def main():
        protocol = Lines()
        connected(protocol)

        with pytest.raises(ValueError, match="0 or more bytes, not -1"):
            protocol.set_raw_mode(-1)

    run_virtually(main())
