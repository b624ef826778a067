"""HAProxy's PROXY protocol: its headers, strictly; and the wrapping that shows a protocol its real peer."""

import asyncio
import struct
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weft import protocols
from weft.errors import ProxyHeaderError
from weft.protocols import ProxyHeader, ProxyHeaderParser

from .fakes import Lines, MemoryTransport, run_virtually, turns

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
IPV4 = bytes([192, 0, 2, 1, 192, 0, 2, 9]) + struct.pack("!HH", 4711, 80)


def block(command=0x21, family=0x11, addresses=IPV4, values=b"", length=None):
    length = len(addresses) + len(values) if length is None else length
    return SIGNATURE + struct.pack("!BBH", command, family, length) + addresses + values


def tlv(type_, value):
    return struct.pack("!BH", type_, len(value)) + value


def read(data):
    """Return the one header that these bytes are, exactly."""
    parser = ProxyHeaderParser()
    (header,) = parser.feed(data + b"rest")
    assert parser.take() == b"rest"
    return header


def feed_all(parser, pieces):
    for piece in pieces:
        assert list(parser.feed(piece)) == []


def test_version_1_says_who_is_connected_to_whom():
    assert read(b"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n") == ProxyHeader(
        1, False, "ipv4", "stream", ("255.255.255.255", 65535), ("0.0.0.0", 0)
    )
    assert read(b"PROXY TCP6 2001:DB8::1 ::1 4711 80\r\n") == ProxyHeader(
        1, False, "ipv6", "stream", ("2001:db8::1", 4711, 0, 0), ("::1", 80, 0, 0)
    )
    longest = b"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    assert read(b"PROXY TCP6 %b %b 65535 65535\r\n" % (longest, longest)).source[0] == longest.decode()


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN what ever\nthis is\r\n",
        b"PROXY UNKNOWN " + b" ".join([b":".join([b"ffff"] * 8)] * 2) + b" 65535 65535\r\n",
    ],
)
def test_version_1_may_know_nobody(line):
    assert read(line) == ProxyHeader(1)


BAD_LINES = [
    b"GET / HTTP/1.1\r\n",
    b"proxy TCP4 192.0.2.1 192.0.2.9 4711 80\r\n",
    b"PROXYTCP4 192.0.2.1 192.0.2.9 4711 80\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 4711 80\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 4711 80\rx",
    b"PROXY TCP4\n192.0.2.1 192.0.2.9 4711 80\r\n",
    b"PROXY  TCP4 192.0.2.1 192.0.2.9 4711 80\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 4711 80 \r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 4711\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 4711 65536\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 04711 80\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 +4711 80\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 -1 80\r\n",
    b"PROXY TCP4 192.0.2.01 192.0.2.9 4711 80\r\n",
    b"PROXY TCP4 192.0.2 192.0.2.9 4711 80\r\n",
    b"PROXY TCP4 192.0.2.256 192.0.2.9 4711 80\r\n",
    b"PROXY TCP4 ::1 ::1 4711 80\r\n",
    b"PROXY TCP6 192.0.2.1 192.0.2.9 4711 80\r\n",
    b"PROXY TCP6 ::ffff:192.0.2.1 ::1 4711 80\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 4711 80\r\n",
    b"PROXY TCP6 1::2::3 ::1 4711 80\r\n",
    b"PROXY TCP6 12345::1 ::1 4711 80\r\n",
    b"PROXY UDP4 192.0.2.1 192.0.2.9 4711 80\r\n",
    b"PROXY UNKNOWNX\r\n",
    "PROXY TCP4 \u066192.0.2.1 192.0.2.9 4711 80\r\n".encode(),
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    b"PROXY TCP4 " + b"1" * 200,
]


@pytest.mark.parametrize("line", BAD_LINES)
@pytest.mark.parametrize("size", [1, 1000])
def test_version_1_is_read_strictly(line, size):
    parser = ProxyHeaderParser()

    with pytest.raises(ProxyHeaderError, match="no valid PROXY header"):
        feed_all(parser, [line[start : start + size] for start in range(0, len(line), size)])


def test_version_2_says_who_is_connected_to_whom():
    assert read(block()) == ProxyHeader(2, False, "ipv4", "stream", ("192.0.2.1", 4711), ("192.0.2.9", 80))
    assert read(block(family=0x12)).transport == "datagram"
    six = bytes(15) + b"\1" + bytes(15) + b"\2" + struct.pack("!HH", 1, 65535)
    assert read(block(family=0x21, addresses=six)).source == ("::1", 1, 0, 0)
    assert read(block(family=0x21, addresses=six)).destination == ("::2", 65535, 0, 0)
    unix = b"/run/a".ljust(108, b"\0") + b"\0abstract".ljust(108, b"\0")
    assert read(block(family=0x31, addresses=unix)) == ProxyHeader(
        2, False, "unix", "stream", "/run/a", b"\0abstract"
    )
    whole = b"/" * 216
    assert read(block(family=0x31, addresses=whole)).source == "/" * 108


@pytest.mark.parametrize(
    "data, is_local",
    [
        (block(0x20, 0x00, b""), True),
        (block(0x20, 0x11, IPV4, b"\1\xff\xff anything"), True),
        (block(0x20, 0xFF, b"", b"skipped"), True),
        (block(0x21, 0x00, b"", b"skipped"), False),
        (block(0x21, 0x10, IPV4), False),
        (block(0x21, 0x01, b""), False),
    ],
)
def test_version_2_may_speak_for_itself_or_of_nobody(data, is_local):
    assert read(data) == ProxyHeader(2, is_local)


BAD_BLOCKS = [
    block(command=0x11),
    block(command=0x31),
    block(command=0x22),
    block(family=0x41),
    block(family=0x13),
    block(addresses=IPV4[:-1]),
    block(family=0x21),
    block(family=0x31, addresses=bytes(215)),
    block(length=65535),
    block(values=b"\x01"),
    block(values=b"\x01\x00"),
    block(values=b"\x01\x00\x02x"),
    block(values=tlv(0x03, bytes(4))),
    block(values=tlv(0x03, bytes(3))),
    block(values=tlv(0x05, bytes(129))),
    block(values=tlv(0x02, b"\xff")),
    block(values=tlv(0x20, bytes(4))),
    block(values=tlv(0x20, bytes(5) + b"\x21\x00\x09x")),
    block(values=tlv(0x20, bytes(5) + tlv(0x22, b"\xff"))),
    SIGNATURE[:5] + b"x",
    b"\r\n\r\nhello",
]


@pytest.mark.parametrize("data", BAD_BLOCKS, ids=lambda data: repr(data[12:24]))
@pytest.mark.parametrize("size", [1, 1000])
def test_version_2_is_read_strictly(data, size):
    parser = ProxyHeaderParser()

    with pytest.raises(ProxyHeaderError, match="no valid PROXY header"):
        feed_all(parser, [data[start : start + size] for start in range(0, len(data), size)])


def test_a_checksum_is_the_standards_and_is_verified():
    # RFC 3720, B.4: 32 zeros, 32 ones, the numbers from 0 to 31
    from weft.protocols.proxy_header import crc32c

    assert crc32c(bytes(32)).to_bytes(4, "little").hex() == "aa36918a"
    assert crc32c(b"\xff" * 32).to_bytes(4, "little").hex() == "43aba862"
    assert crc32c(bytes(range(32))).to_bytes(4, "little").hex() == "4e79dd46"

    encoded = ProxyHeader.between(("192.0.2.1", 1), ("192.0.2.2", 2)).encode(has_checksum=True)
    assert read(encoded).source == ("192.0.2.1", 1)
    for place in range(16, len(encoded)):
        broken = bytearray(encoded)
        broken[place] ^= 1
        with pytest.raises(ProxyHeaderError):
            list(ProxyHeaderParser().feed(broken))


def test_the_values_of_version_2_can_be_read():
    tls = bytes([0b111]) + struct.pack("!I", 0) + b"".join(
        tlv(type_, text) for type_, text in zip(range(0x21, 0x26), [b"TLSv1.3", b"Jos\xc3\xa9", b"C", b"S", b"K"],
                                               strict=True))  # fmt: skip
    header = read(
        block(
            values=tlv(0x01, b"h2") + tlv(0x04, b"padding") + tlv(0x02, b"example.org") + tlv(0x05, b"\0id")
            + tlv(0x30, b"blue") + tlv(0xE0, b"own") + tlv(0x20, tls)
        )
    )  # fmt: skip

    assert (header.alpn, header.authority, header.unique_id) == (b"h2", "example.org", b"\0id")
    assert (header.network_namespace, header.value(0xE0), header.value(0x04)) == ("blue", b"own", None)
    assert header.tls == protocols.ProxyTls(True, True, True, 0, "TLSv1.3", "José", "C", "S", "K")
    assert read(block()).tls is None


addresses = st.one_of(
    st.tuples(st.just("ipv4"), st.tuples(st.ip_addresses(v=4).map(str), st.integers(0, 65535))),
    st.tuples(
        st.just("ipv6"),
        st.tuples(
            st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None).map(str),
            st.integers(0, 65535), st.just(0), st.just(0),
        ),
    ),
)  # fmt: skip


@given(
    names=addresses.flatmap(
        lambda first: st.tuples(st.just(first), addresses.filter(lambda each: each[0] == first[0]))
    ),
    version=st.sampled_from([1, 2]),
    has_checksum=st.booleans(),
    alpn=st.binary(max_size=20),
    places=st.lists(st.integers(0, 200), max_size=5),
)
def test_what_is_encoded_is_read_again(names, version, has_checksum, alpn, places):
    values = ((0x01, alpn),) if version == 2 else ()
    header = ProxyHeader.between(names[0][1], names[1][1], version, values=values)
    stream = header.encode(has_checksum) + b"rest"
    parser = ProxyHeaderParser()
    edges = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]

    found = [each for start, end in pairwise(edges) for each in parser.feed(stream[start:end])]

    assert (found, parser.take()) == ([header], b"rest")
    parser.finish()


def test_unix_names_local_ones_and_unknown_ones_make_the_round_trip():
    for header in (
        ProxyHeader.between("/run/a", b"\0abstract"),
        ProxyHeader(2, is_local=True),
        ProxyHeader(2),
        ProxyHeader(1),
        ProxyHeader(2, False, "ipv4", "datagram", ("192.0.2.1", 1), ("192.0.2.2", 2)),
    ):
        assert read(header.encode()) == header


@pytest.mark.parametrize(
    "header",
    [
        ProxyHeader.between("/run/a", "/run/b", version=1),
        ProxyHeader.between(("192.0.2.1", 70000), ("192.0.2.2", 1)),
        ProxyHeader.between(("192.0.2.1", 70000), ("192.0.2.2", 1), version=1),
        ProxyHeader.between(("example.org", 1), ("192.0.2.2", 1)),
        ProxyHeader.between(("example.org", 1), ("192.0.2.2", 1), version=1),
        ProxyHeader.between("/" * 109, "/"),
        ProxyHeader(1, is_local=True, family="ipv4", source=("192.0.2.1", 1), destination=("192.0.2.1", 1)),
        ProxyHeader(2, values=((0xE0, bytes(65536)),)),
        ProxyHeader(2, values=((0xE0, bytes(65535)),)),
    ],
    ids=range(9),
)
def test_what_no_header_can_say_is_not_encoded(header):
    with pytest.raises(ProxyHeaderError, match="cannot be written as a PROXY header"):
        header.encode()


@given(
    stream=st.binary(max_size=60)
    | st.sampled_from(BAD_LINES + BAD_BLOCKS)
    | st.binary(max_size=60).map(lambda rest: SIGNATURE + b"\x21\x11\x00\x20" + rest)
    | st.text("PROXYTCP46UNKW .:0123456789af\r\n", max_size=80).map(lambda rest: b"PROXY " + rest.encode()),
    places=st.lists(st.integers(0, 100), max_size=6),
)
@example(stream=b"PROXY UNKNOWN\r", places=[14])
def test_hostile_bytes_give_a_header_or_the_documented_error_however_they_are_cut(stream, places):
    def outcome(pieces):
        parser = ProxyHeaderParser()
        try:
            headers = [header for piece in pieces for header in parser.feed(piece)]
            rest = parser.take()
            parser.finish()
        except ProxyHeaderError:
            return None
        return headers, rest

    edges = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]

    whole = outcome([stream])

    assert outcome([stream[start:end] for start, end in pairwise(edges)]) == whole
    assert outcome([bytes([byte]) for byte in stream]) == whole


@pytest.mark.parametrize("versions, data", [((1,), block()), ((2,), b"PROXY UNKNOWN\r\n")])
def test_a_version_that_is_not_wanted_is_refused(versions, data):
    with pytest.raises(ProxyHeaderError):
        list(ProxyHeaderParser(versions).feed(data))


@pytest.mark.parametrize("versions", [(), (3,), (1, 2, 3)])
def test_a_version_that_there_is_not_is_refused(versions):
    with pytest.raises(ValueError, match="1 and 2"):
        protocols.ProxyHeaders(Lines, versions)


# -- the wrapping


def connected(**arguments):
    transport = MemoryTransport(peername=("10.0.0.1", 1), sockname=("10.0.0.2", 2))
    made = []

    def make():
        made.append(Lines())
        return made[-1]

    transport.connect(protocols.ProxyHeaders(make, **arguments)())
    return transport, made


def test_the_protocol_is_made_after_the_header_and_sees_the_real_peer():
    async def main():
        transport, made = connected()
        transport.give(block(values=tlv(0x02, b"example.org"))[:-5])
        assert made == []

        transport.give(b"e.org" + b"one\ntw")
        transport.give(b"o\n")

        (protocol,) = made
        names = protocol.transport.get_extra_info
        assert (names("peername"), names("sockname")) == (("192.0.2.1", 4711), ("192.0.2.9", 80))
        assert (names("proxy_peername"), names("proxy_sockname")) == (("10.0.0.1", 1), ("10.0.0.2", 2))
        assert names("proxy_header").authority == "example.org"
        assert names("nothing", "default") == "default"
        assert protocol.lines == [b"one", b"two"]
        protocol.send_line(b"back")
        assert transport.take() == b"back\n"

    run_virtually(main())


def test_without_addresses_in_the_header_the_connections_own_hold():
    async def main():
        transport, made = connected()

        transport.give(b"PROXY UNKNOWN\r\n")

        assert made[0].transport.get_extra_info("peername") == ("10.0.0.1", 1)
        assert made[0].transport.get_extra_info("proxy_header") == ProxyHeader(1)

    run_virtually(main())


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", block(command=0x2F), b"PROXY TCP4 x\r\n"])
def test_a_connection_without_a_valid_header_is_cut_and_logged(data, caplog):
    async def main():
        transport, made = connected()

        transport.give(data)
        transport.give(b"more")
        await turns()

        assert (transport.was_aborted, made) == (True, [])

    run_virtually(main())

    (record,) = caplog.records
    assert record.getMessage().startswith("A connection from ('10.0.0.1', 1) was cut: no valid PROXY header")


def test_a_header_that_does_not_come_in_time_cuts_the_connection(caplog):
    async def main():
        (silent, made), (timely, _) = connected(seconds=3), connected(seconds=3)
        silent.give(b"PROXY TCP4")
        timely.give(block())

        await asyncio.sleep(2)
        assert not silent.was_aborted
        await asyncio.sleep(100)

        assert (silent.was_aborted, timely.was_aborted, made) == (True, False, [])

    run_virtually(main())

    assert "did not come within 3 s" in caplog.text


def test_an_end_before_the_header_cuts_the_connection(caplog):
    async def main():
        transport, made = connected()
        transport.give(b"PROXY ")

        transport.end()
        await turns()

        assert (transport.was_aborted, made) == (True, [])

    run_virtually(main())


def test_a_connection_that_is_lost_before_the_header_leaves_nothing_behind():
    async def main():
        transport, made = connected()

        transport.lose(None)
        await asyncio.sleep(100)

        assert (made, transport.was_aborted) == ([], False)

    run_virtually(main())


def test_a_peer_that_is_not_trusted_is_cut(caplog):
    async def main():
        for host, expected in ("10.0.0.1", False), ("10.0.0.7", True):
            transport, made = connected(trusts=lambda peer, host=host: peer[0] == host)
            transport.give(block())
            await turns()

            assert (transport.was_aborted, made == []) == (expected, expected)

    run_virtually(main())

    assert "not trusted to send a PROXY header" in caplog.text


def test_what_came_with_the_header_waits_for_a_protocol_that_is_paused():
    async def main():
        class Late(asyncio.Protocol):
            data = b""

            def connection_made(self, transport):
                self.transport = transport
                transport.pause_reading()

            def data_received(self, data):
                self.data += data
                self.transport.pause_reading()

        transport = MemoryTransport()
        transport.connect(protocols.ProxyHeaders(Late)())
        transport.give(block() + b"one")
        inner = transport.get_protocol().inner
        transport.give(b"two")
        assert (inner.data, transport.is_paused, inner.transport.is_reading()) == (b"", True, False)

        inner.transport.resume_reading()
        await turns()
        assert (inner.data, transport.is_paused) == (b"onetwo", True)
        inner.transport.resume_reading()
        transport.give(b"three")

        assert inner.data == b"onetwothree"

    run_virtually(main())


def test_a_limit_inside_counts_the_real_peers():
    async def main():
        limit = protocols.ConnectionLimit(Lines, each=1)
        factory = protocols.ProxyHeaders(limit)
        transports = []
        for host in "192.0.2.1", "192.0.2.2", "192.0.2.1":
            transports.append(MemoryTransport(peername=("10.0.0.1", 1)))
            transports[-1].connect(factory())
            transports[-1].give(ProxyHeader.between((host, 1), ("192.0.2.9", 80)).encode())

        assert [transport.was_closed for transport in transports] == [False, False, True]

    run_virtually(main())
