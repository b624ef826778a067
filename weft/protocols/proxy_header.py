"""The header of the PROXY protocol, versions 1 and 2: who the client behind a proxy really is.

The source is "The PROXY protocol, Versions 1 & 2" by Willy Tarreau (haproxy.org, doc/proxy-protocol.txt), called the
specification here. What it forbids is refused; where it leaves a choice, this says which one was made:

- a header may come in several pieces;
- of LOCAL connections, of version 1's UNKNOWN and of unspecified families, the whole block is skipped, uninterpreted;
- a checksum is verified where there is one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import Any, Literal, NoReturn

from weft.errors import ProxyHeaderError
from weft.protocols.parsing import Parser

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
MOST_LINE_BYTES = 107
"""How long version 1's header may be, with its CRLF."""
MAX_HEADER_BYTES = 16384
"""How long version 2's header may be, where nobody says otherwise: HAProxy itself accepts no longer ones."""
START = Struct("!12sBBH")
VERSION_2 = 2
LOCAL, PROXY = 0, 1
"""Version 2's commands."""

ALPN, AUTHORITY, CHECKSUM, NOOP, UNIQUE_ID, SSL, NETNS = 0x01, 0x02, 0x03, 0x04, 0x05, 0x20, 0x30
"""The types of values that the specification registers."""
SSL_TEXTS = (0x21, 0x22, 0x23, 0x24, 0x25)
"""The same within a value of the type SSL: version, common name, cipher, signature and key algorithm."""
MOST_UNIQUE_ID_BYTES = 128

Family = Literal["ipv4", "ipv6", "unix"]
FAMILIES: dict[int, tuple[Family, Struct]] = {
    1: ("ipv4", Struct("!4s4sHH")),
    2: ("ipv6", Struct("!16s16sHH")),
    3: ("unix", Struct("!108s108s")),
}
"""Version 2's family -> its name, and its addresses: source, destination, and the two ports where there are any."""
TRANSPORTS: dict[int, Literal["stream", "datagram"]] = {1: "stream", 2: "datagram"}
PORT = re.compile("0|[1-9][0-9]{0,4}")
IPV6 = re.compile("[0-9A-Fa-f:]+")


@dataclass(frozen=True, slots=True)
class ProxyTls:
    """What a proxy says of the TLS connection that it ended."""

    is_tls: bool
    has_certificate: bool
    """Whether the client showed a certificate on this connection."""
    had_certificate: bool
    """Whether it did at least once in the TLS session."""
    verify: int
    """0 if it showed one that was verified."""
    version: str | None = None
    common_name: str | None = None
    cipher: str | None = None
    signature_algorithm: str | None = None
    key_algorithm: str | None = None


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """Who is connected to whom, as the proxy tells. Addresses look as sockets give them: ("192.0.2.1", 4711).

    Where the proxy names nobody, `family`, `source` and `destination` are None, and the connection's own names hold.
    """

    version: int
    is_local: bool = False
    """True: the proxy speaks for itself, to see whether we live."""
    family: Family | None = None
    transport: Literal["stream", "datagram"] | None = None
    source: Any = None
    destination: Any = None
    values: tuple[tuple[int, bytes], ...] = ()
    """Version 2's further values: (type, bytes), in the order in which they came."""

    @classmethod
    def between(cls, source: Any, destination: Any, version: int = 2, **fields: Any) -> ProxyHeader:
        """Return the header of a connection between two socket names, as a proxy is to send it (`encode`)."""
        family: Family = "unix"
        if isinstance(source, tuple):
            family = "ipv6" if ":" in source[0] else "ipv4"
        return cls(version, False, family, "stream", source, destination, **fields)

    def value(self, type_: int) -> bytes | None:
        """Return the first value of this type, None if there is none."""
        return next((value for each, value in self.values if each == type_), None)

    @property
    def alpn(self) -> bytes | None:
        """The protocol that the client agreed on by ALPN."""
        return self.value(ALPN)

    @property
    def authority(self) -> str | None:
        """The host that the client asked for, as by TLS's server name indication."""
        return _text(self.value(AUTHORITY))

    @property
    def unique_id(self) -> bytes | None:
        """The proxy's name for the connection."""
        return self.value(UNIQUE_ID)

    @property
    def network_namespace(self) -> str | None:
        """The network namespace that the connection came to."""
        return _text(self.value(NETNS))

    @property
    def tls(self) -> ProxyTls | None:
        """What the proxy says of the client's TLS connection, if it says anything."""
        value = self.value(SSL)
        if value is None:
            return None
        if len(value) < 5:
            raise ProxyHeaderError(f"a value of type SSL has at least 5 bytes, not {value!r}")
        texts = {type_: text for type_, _, text in _walk(value, 5)}
        flags = value[0]
        return ProxyTls(
            bool(flags & 1),
            bool(flags & 2),
            bool(flags & 4),
            int.from_bytes(value[1:5], "big"),
            *(_text(texts.get(type_)) for type_ in SSL_TEXTS),
        )

    def encode(self, has_checksum: bool = False) -> bytes:
        """Return the header's bytes, with a checksum if asked for. Raises ProxyHeaderError if there are none."""
        try:
            return _encode_line(self) if self.version == 1 else _encode_block(self, has_checksum)
        except (ValueError, OverflowError, TypeError, AttributeError, struct.error) as error:
            names = f"{self.source!r} to {self.destination!r}"
            raise ProxyHeaderError(
                f"version {self.version}, {names}, cannot be written as a PROXY header: {error}"
            ) from error


class ProxyHeaderParser(Parser[ProxyHeader]):
    """Reads one header at a stream's beginning. `take` returns what came after it.

    >>> parser = ProxyHeaderParser()
    >>> [header.source for header in parser.feed(b"PROXY TCP4 192.0.2.1 192.0.2.9 4711 80\\r\\nGET /")]
    [('192.0.2.1', 4711)]
    >>> parser.take()
    b'GET /'
    """

    def __init__(self, versions: tuple[int, ...] = (1, 2), max_length: int = MAX_HEADER_BYTES) -> None:
        super().__init__(max_length)
        if not versions or not set(versions) <= {1, 2}:
            raise ValueError(f"versions of the PROXY protocol are 1 and 2; {versions!r} was given")
        self.versions = versions
        self._needed = 0
        self._is_done = False

    def encode(self, message: ProxyHeader) -> bytes:
        """Return the header's bytes."""
        return message.encode()

    def finish(self) -> None:
        """Say that the stream is over. Raises ProxyHeaderError if the header was not complete."""
        if not self._is_done:
            self._refuse("the stream ended before the header was complete")

    def parse(self) -> list[ProxyHeader]:
        """Return the header, once it is complete; then nothing more."""
        if self._is_done or self.buffered_bytes < self._needed:
            return []
        buffer = self.buffer = bytes(self.buffer)
        if 2 in self.versions and SIGNATURE.startswith(buffer[: len(SIGNATURE)]):
            header = self._parse_block(buffer)
        elif 1 in self.versions and b"PROXY ".startswith(buffer[:6]):
            header = self._parse_line(buffer)
        else:
            self._refuse("neither of the signatures that may begin a header stands there")
        if header is None:
            return []
        self._is_done = True
        return [header]

    def _parse_line(self, buffer: bytes) -> ProxyHeader | None:
        end = buffer.find(b"\r\n", 0, MOST_LINE_BYTES)
        line = buffer[: end if end >= 0 else MOST_LINE_BYTES]
        if line.startswith(b"PROXY UNKNOWN ") or (end >= 0 and line == b"PROXY UNKNOWN"):
            header = ProxyHeader(1)
        elif b"\n" in line or b"\r" in line[:-1] or (end >= 0 and b"\r" in line):
            self._refuse("a carriage return or a line feed stands alone in the line, which ends with both")
        elif end >= 0:
            try:
                header = _decode_line(line)
            except ValueError as error:
                self._refuse(str(error))
        if end < 0:
            if len(buffer) >= MOST_LINE_BYTES:
                self._refuse(f"no CRLF stands in the first {MOST_LINE_BYTES} bytes, the most that version 1 allows")
            return None
        self.start = end + 2
        return header

    def _parse_block(self, buffer: bytes) -> ProxyHeader | None:
        if len(buffer) < START.size:
            return None
        _, version_and_command, family_and_transport, length = START.unpack_from(buffer)
        end = START.size + length
        version, command = version_and_command >> 4, version_and_command & 15
        if version != VERSION_2:
            self._refuse(f"the binary signature is followed by version {version}, and there is only version 2")
        if command not in (LOCAL, PROXY):
            self._refuse(f"command {command} is none: there are LOCAL (0) and PROXY (1)")
        if end > self.max_length:
            self._refuse(f"a header of {end} bytes is announced, and {self.max_length} are allowed (max_length)")
        if command == PROXY:
            self._check_family(family_and_transport, length)
        if len(buffer) < end:
            self._needed = end
            return None
        self.start = end
        family, transport = FAMILIES.get(family_and_transport >> 4), TRANSPORTS.get(family_and_transport & 15)
        if command == LOCAL or family is None or transport is None:
            return ProxyHeader(2, command == LOCAL)
        name, layout = family
        source, destination = _addresses(name, layout.unpack_from(buffer, START.size))
        try:
            values = _checked_values(buffer[:end], START.size + layout.size)
            header = ProxyHeader(2, False, name, transport, source, destination, values)
            _ = (header.tls, header.authority, header.network_namespace)  # to refuse them now, not when they are read
        except ValueError as error:
            self.start = 0
            self._refuse(str(error))
        return header

    def _check_family(self, family_and_transport: int, length: int) -> None:
        family, transport = family_and_transport >> 4, family_and_transport & 15
        if family > max(FAMILIES) or transport > max(TRANSPORTS):
            self._refuse(f"family {family} with transport {transport} is none of version 2's")
        if family in FAMILIES and transport in TRANSPORTS and length < FAMILIES[family][1].size:
            name, layout = FAMILIES[family]
            self._refuse(f"addresses of the family {name} have {layout.size} bytes, and {length} are announced")

    def _refuse(self, reason: str) -> NoReturn:
        raise ProxyHeaderError(
            f"no valid PROXY header: {reason}. What came: {self.shown()}. Is the peer the proxy, and does it send "
            f"headers of version {' or '.join(map(str, self.versions))}?"
        )

    def begin_again(self) -> None:
        """Forget what is known of the bytes that wait."""
        self._needed = 0

    def what(self) -> str:
        """Return what a message is called."""
        return "a PROXY header"


def _decode_line(line: bytes) -> ProxyHeader:
    """Return what version 1's line says; raises ValueError."""
    parts = line.decode("ascii").split(" ")
    if len(parts) != 6 or parts[1] not in ("TCP4", "TCP6"):
        raise ValueError("a line is PROXY, TCP4 or TCP6, two addresses and two ports, with a single space between")
    _, family, source, destination, source_port, destination_port = parts
    ports = []
    for port in (source_port, destination_port):
        if not PORT.fullmatch(port) or int(port) > 65535:
            raise ValueError(f"{port!r} is no port: one is 0 to 65535, without leading zeros")
        ports.append(int(port))
    if family == "TCP4":
        names = (str(IPv4Address(source)), ports[0]), (str(IPv4Address(destination)), ports[1])
        return ProxyHeader(1, False, "ipv4", "stream", *names)
    for address in (source, destination):
        if not IPV6.fullmatch(address):
            raise ValueError(f"{address!r} is no IPv6 address of hexadecimal digits and colons")
    names_6 = (str(IPv6Address(source)), ports[0], 0, 0), (str(IPv6Address(destination)), ports[1], 0, 0)
    return ProxyHeader(1, False, "ipv6", "stream", *names_6)


def _addresses(family: Family, fields: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return the two socket names of version 2's address block."""
    if family == "unix":
        return _unix_name(fields[0]), _unix_name(fields[1])
    source, destination, source_port, destination_port = fields
    if family == "ipv4":
        return (str(IPv4Address(source)), source_port), (str(IPv4Address(destination)), destination_port)
    return (str(IPv6Address(source)), source_port, 0, 0), (str(IPv6Address(destination)), destination_port, 0, 0)


def _unix_name(field: bytes) -> str | bytes:
    """Return a UNIX socket's name as Python gives it: a path, or bytes that begin with a zero (abstract)."""
    if field.startswith(b"\0"):
        return field.rstrip(b"\0")
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _walk(block: bytes, offset: int) -> Iterator[tuple[int, int, bytes]]:
    """Return an iterator over the type-length-values from `offset` on: (type, where its value stands, value)."""
    while offset < len(block):
        start = offset + 3
        end = start + int.from_bytes(block[offset + 1 : start], "big")
        if start > len(block) or end > len(block):
            raise ValueError(f"a value of type {block[offset]:#x} is cut short by the header's end")
        yield block[offset], start, block[start:end]
        offset = end


def _checked_values(header: bytes, offset: int) -> tuple[tuple[int, bytes], ...]:
    """Return the values from `offset` on, without padding and checksum; raises ValueError."""
    values = []
    has_checksum = False
    for type_, start, value in _walk(header, offset):
        if type_ == CHECKSUM:
            if has_checksum or len(value) != 4:
                raise ValueError("a header has one checksum, of 4 bytes")
            has_checksum = True
            found = crc32c(header[:start] + bytes(4) + header[start + 4 :])
            if found != int.from_bytes(value, "big"):
                raise ValueError(f"its checksum is {value.hex()}, and what came gives {found:08x}")
        elif type_ == UNIQUE_ID and len(value) > MOST_UNIQUE_ID_BYTES:
            raise ValueError(f"a unique id has at most {MOST_UNIQUE_ID_BYTES} bytes, not {len(value)}")
        elif type_ != NOOP:
            values.append((type_, value))
    return tuple(values)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _encode_line(header: ProxyHeader) -> bytes:
    if header.family is None:
        return b"PROXY UNKNOWN\r\n"
    family = {"ipv4": "TCP4", "ipv6": "TCP6"}.get(header.family)
    if family is None or header.is_local or header.values:
        raise ValueError("version 1 has TCP over IPv4 or IPv6, and nothing else: take version 2")
    line = f"PROXY {family} {header.source[0]} {header.destination[0]} {header.source[1]} {header.destination[1]}"
    _decode_line(line.encode())
    return line.encode() + b"\r\n"


def _encode_block(header: ProxyHeader, has_checksum: bool) -> bytes:
    command = LOCAL if header.is_local else PROXY
    family_and_transport, addresses = 0, b""
    for code, (name, layout) in FAMILIES.items():
        if name == header.family:
            family_and_transport = code << 4 | (2 if header.transport == "datagram" else 1)
            addresses = layout.pack(*_packed(name, header.source, header.destination))
    values = list(header.values)
    if has_checksum:
        values.append((CHECKSUM, bytes(4)))
    block = b"".join(bytes([type_]) + len(value).to_bytes(2, "big") + value for type_, value in values)
    length = len(addresses) + len(block)
    whole = START.pack(SIGNATURE, VERSION_2 << 4 | command, family_and_transport, length) + addresses + block
    return whole[:-4] + crc32c(whole).to_bytes(4, "big") if has_checksum else whole


def _packed(family: Family, source: Any, destination: Any) -> tuple[Any, ...]:
    """Return the fields of version 2's address block for two socket names."""
    if family == "unix":
        names = []
        for name in (source, destination):
            packed = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
            if len(packed) > 108:
                raise ValueError(f"a UNIX socket's name has at most 108 bytes: {name!r}")
            names.append(packed)
        return tuple(names)
    kind = IPv4Address if family == "ipv4" else IPv6Address
    return (kind(source[0]).packed, kind(destination[0]).packed, source[1], destination[1])


@cache
def _crc32c_table() -> tuple[int, ...]:
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        table.append(number)
    return tuple(table)


def crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of `data`, as RFC 4960, appendix B, has it."""
    table = _crc32c_table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
