"""A stream as Twisted knows it: what calls a Twisted protocol, and what such a protocol calls.

The bytes go the way that they go for any protocol of Weft's, in `weft.transports.stream`; what differs is who is
told: `dataReceived` is looked up for each piece, since the protocol may be replaced at any time; the end comes with a
reason; a peer's end loses the connection unless the protocol can do with half of one; producers are paused.

`loseConnection` and `loseWriteConnection` take effect when everything written has left, and what the producer wants
to write is written: until then the stream stays open.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet import error as errors
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.python import log
from twisted.python.failure import Failure

from weft.core import _os
from weft.core.handle import make_handle
from weft.core.loop import Core
from weft.ports import Channel
from weft.transports import lifecycle
from weft.transports.stream import Stream

ILogContext = log.ILogContext
DONE = Failure(errors.ConnectionDone())
LOST = Failure(errors.ConnectionLost())
BUFFER_SIZE = 65536
"""Bytes waiting to be sent above which a streaming producer is paused; it goes on when all of them have left."""


class LogStack:
    """Twisted's stack of log contexts in the reactor's thread: what is logged meanwhile says whom it comes from."""

    def __init__(self) -> None:
        self.contexts: list[Any] = []

    def enter(self, owner: Any) -> None:
        """Have what is logged from here on come from `owner`, until `leave`."""
        self.contexts.append({ILogContext: LogOrigin(owner)})

    def leave(self) -> None:
        """Go back to who it was before."""
        self.contexts.pop()


class LogOrigin:
    """A log context that asks its owner's prefix only when something is logged."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def copy(self) -> dict[str, Any]:
        """Return the context, as Twisted's log takes it."""
        return {"isError": 0, "system": self.owner.logPrefix()}

    def __getitem__(self, key: str) -> Any:
        return self.copy()[key]


class TwistedStream(Stream):
    """A connected stream whose protocol is Twisted's. `weft.faces.twisted.tcp` gives it its addresses."""

    def __init__(self, loop: Core, channel: Channel, protocol: Any, reactor: Any) -> None:
        Stream.__init__(self, loop, channel, protocol, _os.copy_context())
        self.reactor = reactor
        self.log_stack = reactor.log_stack
        self.socket: Any = None
        self.client: Any = None
        self.server: Any = None
        self.sessionno = 0
        self.connector: Any = None
        self.producer: Any = None
        self.streamingProducer = False
        self.producerPaused = False
        self.disconnecting = False  # loseConnection was called, and something is still to be written
        self.ends_writing = False  # loseWriteConnection was called, likewise
        self.watches_drain = False  # whether `drained` has anything to do
        self.resumes_soon = False  # the producer is asked for more in the next turn
        self.is_over = False  # the protocol was told of its end
        self.bufferSize = BUFFER_SIZE

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self)

    def set_protocol(self, protocol: Any) -> None:
        """Give the bytes to another protocol from now on, as setting `protocol` does."""
        self.protocol = protocol
        self.data_received = self.receive

    # -- what the protocol is told

    def greet(self) -> None:
        """Tell the protocol that it is connected."""
        self.protocol.makeConnection(self)

    def receive(self, protocol: Any, data: bytes) -> None:
        """Give what came to the protocol."""
        self.log_stack.enter(self)
        try:
            protocol.dataReceived(data)
        except SystemExit as error:  # Twisted's loop goes on, whatever a protocol raises
            self.fail(error)
        finally:
            self.log_stack.leave()

    def peer_ended(self) -> None:
        """The peer sends no more: that is the connection's end, unless the protocol goes on with half of it."""
        protocol = IHalfCloseableProtocol(self.protocol, None)
        if protocol is None:
            self.flush()
            self.lose(None)
            return
        self.change(lifecycle.PEER_ENDED)
        self.watch()
        protocol.readConnectionLost()

    def fail(self, error: BaseException) -> None:
        """Log what the protocol raised, and end at once with it as the reason."""
        reason = Failure(error)
        log.err(reason, system=self.logPrefix())
        self.lose(reason)

    def finish_soon(self, error: Any) -> None:
        """Have `finish` called by a timer: what `callLater(0, ...)` was told before comes first, as in Twisted."""
        self.loop.call_later(0, self.finish, error, context=self.context)

    def finish(self, error: Any) -> None:
        """Close the socket, and tell the protocol that the connection is over, and why; once."""
        if self.is_over:
            return
        observer = self.loop.observer
        if observer is not None:
            observer.channel_closed(self.number, self.owner(), error)
        reason = reason_of(error)
        protocol = self.protocol
        self.is_over = True
        self.data_received = None
        self.log_stack.enter(self)
        try:
            self.close_socket(reason)
            self.stop_producer()
            self.lost(protocol, reason)
        except KeyboardInterrupt:
            raise
        except BaseException:
            log.err(None, system=self.logPrefix())
        finally:
            self.log_stack.leave()
            self.reactor.forget(self)
            self.protocol = None

    def stop_producer(self) -> None:
        """Tell the producer that nobody takes what it makes."""
        producer = self.producer
        self.producer = None
        self.streamingProducer = False
        if producer is not None:
            try:
                producer.stopProducing()
            except KeyboardInterrupt:
                raise
            except BaseException:  # the protocol is told of the end all the same
                log.err(None, system=self.logPrefix())

    # -- writing

    def refuse_write(self) -> None:
        """Write nothing after the end, as Twisted has it: the protocol is told of the end, or was."""

    def write(self, data: Any) -> None:
        """Accept bytes for sending; never waits. Raises TypeError for anything else; after the end, drops them.

        Above `bufferSize` bytes that wait, a streaming producer is paused; `drained` resumes it.
        """
        Stream.write(self, data)
        if self.pending > self.bufferSize:
            self.pause_producer()

    def pause_producer(self) -> None:
        """Pause a producer that streams; `drained` resumes it."""
        if self.streamingProducer and not self.producerPaused:
            self.producerPaused = True
            self.producer.pauseProducing()

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Write several pieces. Raises TypeError, and writes none, if one of them is not bytes."""
        pieces = list(iovec)
        for piece in pieces:
            if not isinstance(piece, bytes):
                raise TypeError("Data must be bytes")  # as Twisted says it
        for piece in pieces:
            self.write(piece)

    def flush(self) -> None:
        """Send what the system takes of what was written; once all has left, do what waited for that."""
        Stream.flush(self)
        if self.watches_drain and self.first is None and self.state < lifecycle.CLOSING:
            self.drained()

    def drained(self) -> None:
        """Everything written has left: the producer's turn, or what waited for it to be done."""
        if self.producer is not None and (not self.streamingProducer or self.producerPaused):
            if not self.resumes_soon:
                self.resumes_soon = True
                self.loop.push(make_handle(self.resume_producer, (), self.context))
        elif self.disconnecting:
            self.close()
        elif self.ends_writing:
            self.ends_writing = False
            self.watches_drain = self.producer is not None
            self.write_eof()
            self.loop.push(make_handle(self.tell_write_ended, (), self.context))

    def resume_producer(self) -> None:
        """Ask the producer for more, in a turn of its own: one that is quick must not starve the others."""
        self.resumes_soon = False
        if self.producer is None or self.first is not None:
            return
        self.producerPaused = False
        try:
            self.producer.resumeProducing()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.fail(error)

    def tell_write_ended(self) -> None:
        """Tell a protocol that can do with half a connection that its own half is closed."""
        try:
            protocol = IHalfCloseableProtocol(self.protocol, None)
            if protocol is not None and not self.is_over:
                protocol.writeConnectionLost()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.fail(error)

    def hold_protocol(self, is_held: bool) -> None:
        """Leave the protocol as it is: it is the producer that is paused, by `write`."""

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Have `producer` told when to write: one that streams is paused and resumed, another asked for each piece.

        The latter is asked at once, and again when everything written has left, be it before this call.

        Raises RuntimeError if one is registered already.
        """
        if self.producer is not None:
            raise RuntimeError(
                f"Cannot register producer {producer}, because producer {self.producer} was never unregistered."
            )
        if self.is_over:
            producer.stopProducing()
            return
        self.producer = producer
        self.streamingProducer = streaming
        self.producerPaused = False
        self.watches_drain = True
        if not streaming:
            producer.resumeProducing()
            self.flush_later()

    def unregisterProducer(self) -> None:
        """The producer has no more to write; what waited for it goes on."""
        self.producer = None
        self.streamingProducer = False
        self.watches_drain = self.disconnecting or self.ends_writing
        if self.watches_drain:
            self.flush_later()

    def flush_later(self) -> None:
        """Have `flush` called when the callback that runs now returns."""
        if not self.loop.write_later(self):
            self.loop.push(make_handle(self.flush, (), self.context))

    def is_writing(self) -> bool:
        """Return whether something that was written, or the end of it, is still to leave."""
        return not self.is_over and (self.pending > 0 or self.disconnecting or self.ends_writing)

    # -- reading

    def startReading(self) -> None:
        """Read again."""
        self.resume_reading()

    def stopReading(self) -> None:
        """Read nothing more for now."""
        self.pause_reading()

    def pauseProducing(self) -> None:
        """Read nothing more for now."""
        self.pause_reading()

    def resumeProducing(self) -> None:
        """Read again, unless the connection is about to end."""
        if not self.disconnecting:
            self.resume_reading()

    # -- ending

    def stopProducing(self) -> None:
        """End the connection in good order."""
        self.loseConnection()

    def stopConsuming(self) -> None:
        """End the connection in good order: the producer is gone."""
        self.unregisterProducer()
        self.loseConnection()

    def loseConnection(self, *reason: Any) -> None:
        """End in good order: what was written is sent first, and the producer writes what it wants to."""
        if self.disconnecting or self.state >= lifecycle.CLOSING:
            return
        self.pause_reading()
        self.disconnecting = True
        self.watches_drain = True
        self.flush_later()

    def loseWriteConnection(self) -> None:
        """End our half in good order: what was written is sent first."""
        if self.state >= lifecycle.CLOSING:
            return
        self.ends_writing = True
        self.watches_drain = True
        self.flush_later()

    def abortConnection(self) -> None:
        """End at once, and have the peer told that it was no orderly end; what was not sent is dropped."""
        self.lose(Failure(errors.ConnectionAborted()))

    def close_socket(self, reason: Failure) -> None:
        """Give the socket back."""
        self.channel.close()

    def lost(self, protocol: Any, reason: Failure) -> None:
        """Tell whom it concerns that the connection is over."""
        protocol.connectionLost(reason)

    # -- what it is

    def owner(self) -> Any:
        """Return what recordings name the connection by: the program's own protocol, within what wraps it."""
        protocol = self.protocol
        while True:
            inner = getattr(protocol, "wrappedProtocol", None) or getattr(protocol, "_wrappedProtocol", None)
            if inner is None:
                return protocol
            protocol = inner

    def logPrefix(self) -> str:
        """Return what the log says that a message comes from."""
        return "-"

    @property
    def connected(self) -> bool:
        """Whether the connection stands: until the protocol is told of its end."""
        return not self.is_over

    @property
    def disconnected(self) -> bool:
        """Whether the protocol was told of the connection's end."""
        return self.is_over


def reason_of(error: Any) -> Failure:
    """Return the reason for a connection's end that a protocol is told: an orderly one, its own, or the system's."""
    if error is None:
        return DONE
    return error if isinstance(error, Failure) else LOST
