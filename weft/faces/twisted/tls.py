"""TLS for a Twisted program: Twisted's own TLS protocol on Weft's streams, with the records moved by `_openssl`.

What a program sees is Twisted's, since its contexts, certificates and errors are pyOpenSSL's: handshakes, shutting
down, producers, verification. What is Weft's is how the bytes get into and out of OpenSSL.
"""

from __future__ import annotations

from typing import Any

from OpenSSL.SSL import Error, ZeroReturnError
from twisted.internet import interfaces
from twisted.protocols import tls
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from weft.core.loop import Core
from weft.faces.twisted import _openssl
from weft.faces.twisted.gathering import Gatherer

Buffering: Any = getattr(tls, "BufferingTLSTransport", tls.TLSMemoryBIOProtocol)


class TLSLayer(Buffering):
    """Twisted's TLS protocol; once the handshake is done, bytes go through `_openssl.Records`."""

    _records: Any = None

    @property
    def _tlsConnection(self) -> Any:
        return self._records

    @_tlsConnection.setter
    def _tlsConnection(self, connection: Any) -> None:
        self._records = None if connection is None else _openssl.Records(connection)

    def getHandle(self) -> Any:
        """Return pyOpenSSL's connection."""
        return None if self._records is None else self._records.connection

    def makeConnection(self, transport: Any) -> None:
        """Begin the handshake. Over one of Weft's streams, small writes are gathered until their callback returns."""
        loop = getattr(getattr(transport, "reactor", None), "loop", None)
        if isinstance(loop, Core) and hasattr(self, "_aggregator"):
            self._aggregator = Gatherer(loop, super(Buffering, self).write)
            self.write = self._aggregator.write
        Buffering.makeConnection(self, transport)

    def dataReceived(self, data: bytes) -> None:
        """Take records that came in, and give what they hold to the protocol."""
        if not self._handshakeDone or self._appSendBuffer:
            Buffering.dataReceived(self, data)
            return
        try:
            self._records.take(data, self)
        except ZeroReturnError:
            self._shutdownTLS()
            self._tlsShutdownFinished(None)
        except Error:
            self._tlsShutdownFinished(Failure())
        self._flushSendBIO()

    def _write(self, data: bytes) -> None:
        if self._lostTLSConnection or not data:
            return
        try:
            given = self._records.give(data)
        except Error:
            self._tlsShutdownFinished(Failure())
            return
        self._flushSendBIO()
        if given < len(data):
            self._bufferedWrite(data[given:])

    def _flushSendBIO(self) -> None:
        if self._records is not None:
            records = self._records.output()
            if records:
                self.transport.write(records)


class TLSFactory(tls.TLSMemoryBIOFactory):
    """What wraps a factory's protocols in TLS."""

    protocol = TLSLayer


class Beneath:
    """A connection as the TLS protocol on top of it knows it: its methods as they were before TLS was started."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._kind = type(connection)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def write(self, data: bytes) -> None:
        """Write records."""
        self._kind.write(self._connection, data)

    def writeSequence(self, iovec: Any) -> None:
        """Write records."""
        self._kind.writeSequence(self._connection, iovec)

    def loseConnection(self, *reason: Any) -> None:
        """End the connection in good order."""
        self._kind.loseConnection(self._connection, *reason)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Have `producer` told when to write."""
        self._kind.registerProducer(self._connection, producer, streaming)

    def unregisterProducer(self) -> None:
        """The producer has no more to write."""
        self._kind.unregisterProducer(self._connection)


def start_tls(connection: Any, context_factory: Any, is_client: bool) -> None:
    """Put TLS between a connection and its protocol, which goes on with the transport that it has."""
    producer, streaming = connection.producer, connection.streamingProducer
    if producer is not None:
        connection.unregisterProducer()
    factory = TLSFactory(context_factory, is_client, None)
    layer = factory.protocol(factory, connection.protocol, False)
    connection.protocol = layer
    directlyProvides(connection, interfaces.ISSLTransport)
    connection.TLS = True
    layer.makeConnection(Beneath(connection))
    for name in THROUGH_TLS:
        setattr(connection, name, getattr(layer, name))
    if producer is not None:
        connection.registerProducer(producer, streaming)


def end_tls(connection: Any) -> None:
    """Let go of the TLS protocol of a connection that ended, but for what tells who the peer was."""
    for name in THROUGH_TLS - TOLD_AFTER:
        connection.__dict__.pop(name, None)


TOLD_AFTER = {"getHandle", "getPeerCertificate"}
"""What a connection still tells when its protocol is told of its end."""

THROUGH_TLS = TOLD_AFTER | {"loseConnection", "registerProducer", "unregisterProducer", "write", "writeSequence"}
"""What a connection does through TLS once that was started."""
