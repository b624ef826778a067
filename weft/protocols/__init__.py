"""Protocols: bytes to messages and back, on any loop's transports, with flow control.

A parser does no I/O: it eats bytes and gives out messages. A protocol has one, and calls your method with each
message. Wrapping factories put a policy around any protocol: a limit, a rate, a time-out, a proxy's header.
"""

from weft.protocols.jsonlines import MAX_JSON_BYTES, JsonLineParser, JsonLineProtocol
from weft.protocols.limits import ConnectionLimit
from weft.protocols.lines import MAX_LINE_BYTES, LineParser, LineProtocol
from weft.protocols.messages import MessageProtocol
from weft.protocols.netstrings import MAX_STRING_BYTES, NetstringParser, NetstringProtocol
from weft.protocols.parsing import Parser
from weft.protocols.prefixed import Int8Protocol, Int16Protocol, Int32Protocol, PrefixedParser, PrefixedProtocol
from weft.protocols.producers import PullProducer, PushProducer
from weft.protocols.proxied import ProxyHeaders
from weft.protocols.proxy_header import ProxyHeader, ProxyHeaderParser, ProxyTls
from weft.protocols.relay import RelayProtocol
from weft.protocols.stream import MAX_BACKLOG_BYTES, StreamProtocol
from weft.protocols.throttle import Throttle
from weft.protocols.timeouts import IdleLimit, TimeoutMixin
from weft.protocols.traffic import TrafficLog
from weft.protocols.wrapping import WrappingFactory, WrappingProtocol

__all__ = [
    "MAX_BACKLOG_BYTES",
    "MAX_JSON_BYTES",
    "MAX_LINE_BYTES",
    "MAX_STRING_BYTES",
    "ConnectionLimit",
    "IdleLimit",
    "Int8Protocol",
    "Int16Protocol",
    "Int32Protocol",
    "JsonLineParser",
    "JsonLineProtocol",
    "LineParser",
    "LineProtocol",
    "MessageProtocol",
    "NetstringParser",
    "NetstringProtocol",
    "Parser",
    "PrefixedParser",
    "PrefixedProtocol",
    "ProxyHeader",
    "ProxyHeaderParser",
    "ProxyHeaders",
    "ProxyTls",
    "PullProducer",
    "PushProducer",
    "RelayProtocol",
    "StreamProtocol",
    "Throttle",
    "TimeoutMixin",
    "TrafficLog",
    "WrappingFactory",
    "WrappingProtocol",
]
