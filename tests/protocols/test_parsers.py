"""Parsers: the same messages however the stream is cut, and nothing but messages or the documented error."""

import doctest
import json
import math
import sys
import tracemalloc
from itertools import pairwise, repeat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weft import protocols
from weft.errors import IncompleteMessageError, MalformedMessageError, MessageTooLongError, ProtocolError
from weft.protocols import JsonLineParser, LineParser, NetstringParser, PrefixedParser

MAKERS = {
    "lines": lambda: LineParser(b"\r\n", 20),
    "lines ending with a": lambda: LineParser(b"a", 20),
    "lines ending with aba": lambda: LineParser(b"aba", 20),
    "long lines": lambda: LineParser(b"\n", 100_000),
    "netstrings": lambda: NetstringParser(20),
    "long netstrings": lambda: NetstringParser(100_000),
    "8 bits": lambda: PrefixedParser(1, 20),
    "16 bits": lambda: PrefixedParser(2, 20),
    "32 bits": lambda: PrefixedParser(4, 20),
    "16 bits, little end first": lambda: PrefixedParser(2, 60_000, "little"),
    "JSON lines": lambda: JsonLineParser(20),
}

every_parser = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
likely_bytes = st.binary(max_size=80) | st.text("ab\r\n0159:,x[]{}\"' \0\1\2", max_size=80).map(str.encode)
cuts = st.lists(st.integers(0, 80), max_size=12)


def pieces_of(stream, places):
    edges = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


def outcome(parser, pieces):
    """Return the messages, and the type of the error that ended them, if one did."""
    messages = []
    try:
        for piece in pieces:
            for message in parser.feed(piece):
                messages.append(message)  # noqa: PERF402  what came before an error counts
        parser.finish()
    except ProtocolError as error:
        return messages, type(error)
    return messages, None


def feed_all(parser, pieces):
    """Feed piece by piece; return the messages."""
    return [message for piece in pieces for message in parser.feed(piece)]


@every_parser
@given(stream=likely_bytes, places=cuts)
@example(stream=b"ababa", places=[1, 2, 3])
@example(stream=b"a\r\nb\r\n\r\n", places=[2, 4])
@example(stream=b"30x", places=[2])
@example(stream=b"3:abc,0:,2:\r\n,", places=[1, 5])
def test_any_cuts_of_any_stream_give_the_same_messages_and_the_same_end(make, stream, places):
    whole = outcome(make(), [stream])

    assert outcome(make(), pieces_of(stream, places)) == whole
    assert outcome(make(), [bytes([byte]) for byte in stream]) == whole


@every_parser
@given(stream=likely_bytes, places=cuts, count=st.integers(0, 8))
def test_what_is_not_taken_is_returned_by_take_byte_for_byte(make, stream, places, count):
    parser = make()
    taken = []
    try:
        for piece in pieces_of(stream, places):
            parser.add(piece)
        for message in parser.messages():
            taken.append(message)
            if len(taken) >= count:
                break
    except ProtocolError:
        return
    rest = parser.take()

    if make is not MAKERS["JSON lines"]:  # whose white space is not kept
        assert b"".join(map(make().encode, taken)) + rest == stream
    assert outcome(make(), [rest])[0] == outcome(make(), [stream])[0][len(taken) :]


@every_parser
@given(messages=st.lists(st.binary(max_size=20), max_size=20), places=cuts)
def test_what_is_encoded_is_parsed_again(make, messages, places):
    encoder = make()
    encoded = []
    for message in messages:
        value = message.hex()[:16] if isinstance(encoder, JsonLineParser) else message
        try:
            encoded.append((value, encoder.encode(value)))
        except MalformedMessageError:
            assert isinstance(encoder, LineParser)
    stream = b"".join(line for _, line in encoded)

    assert outcome(make(), pieces_of(stream, places)) == ([value for value, _ in encoded], None)


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    )
)  # fmt: skip
def test_any_json_value_makes_the_round_trip(value):
    parser = JsonLineParser(10**6)

    assert list(parser.feed(parser.encode(value))) == [value]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 16383, 16384, 16385, 16386, 40000, 99_999])
@pytest.mark.parametrize("chunk_size", [1, 7, 1460, 16384, 65536, 10**6])
def test_messages_around_the_sizes_of_windows_and_chunks(size, chunk_size):
    if chunk_size == 1 and size > 20000:
        size = 20000
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    for parser in LineParser(b"\r\n", 99_999), NetstringParser(), PrefixedParser(4):
        stream = parser.encode(content) * 2 + parser.encode(b"x") * 3
        found = []
        for start in range(0, len(stream), chunk_size):
            found += parser.feed(stream[start : start + chunk_size])
        parser.finish()

        assert found == [content, content, b"x", b"x", b"x"]


def test_messages_before_a_refused_one_are_given_out_first():
    parser = LineParser(b"\n", 5)
    messages = parser.feed(b"one\ntwo\nthree and more\nfour\n")

    assert next(messages) == b"one"
    assert next(messages) == b"two"
    with pytest.raises(MessageTooLongError, match="longer than the 5 bytes allowed") as refused:
        next(messages)
    assert refused.value.limit_bytes == 5
    with pytest.raises(MessageTooLongError):
        parser.feed(b"five\n")
    with pytest.raises(MessageTooLongError):
        parser.finish()


@pytest.mark.parametrize("make", [lambda: LineParser(b"\n"), NetstringParser, PrefixedParser, JsonLineParser])
def test_a_stream_that_ends_in_the_middle_says_so(make):
    parser = make()
    assert list(parser.feed(b"3")) == []

    with pytest.raises(IncompleteMessageError, match="ended in the middle of"):
        parser.finish()


@pytest.mark.parametrize(
    "stream, error",
    [
        (b"GET / HTTP/1.1\r\n", MalformedMessageError),
        (b":,", MalformedMessageError),
        (b"-1:,", MalformedMessageError),
        (b"03:abc,", MalformedMessageError),
        (b"3 :abc,", MalformedMessageError),
        (b"3:abcd", MalformedMessageError),
        (b"100000:", MessageTooLongError),
        (b"99999999999999999999", MessageTooLongError),
        ("٣:abc,".encode(), MalformedMessageError),
    ],
)
def test_a_netstring_that_is_none_is_refused(stream, error):
    with pytest.raises(error):
        list(NetstringParser().feed(stream))


@pytest.mark.parametrize(
    "line",
    [b"NaN", b"[Infinity]", b"{", b"'a'", b"1 2", b"\xff", b"\xef\xbb\xbf1", b"[" * 60_000, b"9" * 5000 + b"e",
     "1".encode("utf-16")],
    ids=lambda line: repr(line[:12]),
)  # fmt: skip
def test_a_line_that_is_not_json_is_refused(line):
    parser = JsonLineParser()

    with pytest.raises(MalformedMessageError, match="is not JSON"):
        list(parser.feed(b"1\n" + line + b"\n2\n"))
    with pytest.raises(MalformedMessageError):
        parser.feed(b"3\n")


def test_json_lines_pass_over_white_space_and_take_carriage_returns():
    assert list(JsonLineParser().feed(b'\n \r\n{"a": [1]}\r\n\n"b"\n')) == [{"a": [1]}, "b"]


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), {1, 2}, b"bytes", "\ud800"])
def test_a_value_that_json_does_not_have_is_not_sent(value):
    with pytest.raises(MalformedMessageError, match="cannot be written as JSON"):
        JsonLineParser().encode(value)


def test_values_are_written_on_one_line_whatever_they_contain():
    assert json.loads(JsonLineParser().encode("a\nb")) == "a\nb"
    assert JsonLineParser().encode(["é", "\n"]).count(b"\n") == 1


def test_a_line_that_contains_its_delimiter_is_not_encoded():
    with pytest.raises(MalformedMessageError, match="contains its delimiter"):
        LineParser(b"\r\n").encode(b"one\r\ntwo")
    with pytest.raises(MalformedMessageError):
        LineParser(b"aba").encode(b"xab")


def test_a_string_that_its_prefix_cannot_tell_of_is_not_encoded():
    with pytest.raises(MessageTooLongError, match="255 at most"):
        PrefixedParser(1).encode(bytes(256))


@pytest.mark.parametrize(
    "make, argument",
    [
        (LineParser, {"delimiter": b""}),
        (LineParser, {"max_length": -1}),
        (PrefixedParser, {"prefix_bytes": 3}),
        (PrefixedParser, {"byte_order": "middle"}),
    ],
)
def test_a_wrong_argument_is_refused(make, argument):
    with pytest.raises(ValueError, match=r"must be|needs a delimiter|has 1, 2, 4|is one of"):
        make(**argument)


@pytest.mark.parametrize("make", [lambda: LineParser(b"\r\n"), JsonLineParser], ids=["lines", "JSON lines"])
def test_an_endless_line_is_refused_before_it_takes_memory(make):
    parser = make()
    chunk = b"x" * 4096
    tracemalloc.start()

    with pytest.raises(MessageTooLongError):
        feed_all(parser, repeat(chunk))
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert taken < 500_000


@pytest.mark.parametrize(
    "parser, announced",
    [
        (NetstringParser(), b"4294967296:"),
        (PrefixedParser(4), b"\xff\xff\xff\xff"),
        (PrefixedParser(2, 1000), b"\xff\xff"),
        (PrefixedParser(4, byte_order="little"), b"\xff\xff\xff\xff"),
    ],
)
def test_a_length_beyond_the_limit_is_refused_as_soon_as_it_is_there(parser, announced):
    with pytest.raises(MessageTooLongError):
        list(parser.feed(announced))


@pytest.mark.parametrize("parser", [LineParser(b"\n"), NetstringParser(), PrefixedParser(4)])
def test_an_idle_parser_keeps_the_beginning_of_a_message_and_not_its_chunk(parser):
    stream = parser.encode(b"x" * 50) * 4000 + parser.encode(b"y" * 50)[:-10]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    count = sum(1 for _ in parser.feed(stream[:-20] + stream[-20:]))
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    assert count == 4000
    assert kept < 5000


@pytest.mark.parametrize("make", [LineParser, NetstringParser, lambda size: PrefixedParser(4, size), JsonLineParser])
def test_a_long_message_in_tiny_pieces_costs_what_it_is_long(make):
    size = 4_000_000
    parser = make(max_length=size + 2) if make is LineParser else make(size + 2)
    content = "x" * size if make is JsonLineParser else b"x" * size
    stream = parser.encode(content)

    found = []
    for start in range(0, len(stream), 16):  # copying what waits each time would move 500 GB: conftest.py gives up
        found += parser.feed(stream[start : start + 16])

    assert found == [content]


@pytest.mark.parametrize("make", [LineParser, NetstringParser, PrefixedParser])
def test_many_short_messages_in_one_chunk_cost_what_they_are_long(make):
    parser = make()
    count = 1_000_000

    found = sum(1 for _ in parser.feed(parser.encode(b"x") * count))

    assert found == count


def test_the_examples_in_the_docstrings_run():
    for name in protocols.__all__:
        module = sys.modules.get(getattr(getattr(protocols, name), "__module__", ""))
        if module is not None:
            assert doctest.testmod(module).failed == 0
