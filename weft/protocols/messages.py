"""A protocol whose stream is made of messages: a parser's messages, given out one by one, with flow control.

Delivery can stop after any message: because `pause_reading` was called, because the peer does not take the replies,
because the connection is closing. What is parsed and not given out waits in the parser, and reading is paused, so
that no more than a chunk waits.

Replies are bounded without the author's doing: while more waits to be sent than the transport's high watermark,
messages are given out only until one of them makes us write, and the rest wait until the peer has read. A client that
sends, and whose messages make it write nothing, is given them all the same, so that two such ends cannot wait for
each other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from weft.errors import BacklogFullError, ProtocolError, WeftError
from weft.protocols.exchange import Exchange
from weft.protocols.parsing import Parser
from weft.protocols.stream import Hold, StreamProtocol

logger = logging.getLogger("weft")

Message = TypeVar("Message")


class MessageProtocol(Exchange, StreamProtocol, Generic[Message]):
    """Gives each message that its parser finds to `message_received`. A subclass says which parser: `make_parser`."""

    holds_for_output = True
    """Whether messages wait while the peer takes none of the replies that they make us write. Two ends that both
    answer each other's messages, with more under way than their buffers hold, would wait for each other: one of them
    sets this to False and bounds what it has under way."""
    _has_ended = False

    # -- what a subclass overrides

    def make_parser(self) -> Parser[Message]:
        """Return a new parser, for one connection."""
        raise NotImplementedError(f"{type(self).__name__} needs a method make_parser(self) that returns a Parser")

    def message_received(self, message: Message) -> None:
        """Act on a message."""
        raise NotImplementedError(f"{type(self).__name__} needs a method message_received(self, message)")

    def refused(self, error: WeftError) -> None:
        """Act on a stream that cannot be read on: the peer broke the protocol, or ended in the middle of a message.

        By default that is logged, and the connection closed. Nothing more is given out in any case.
        """
        logger.warning("%s from %s: %s", type(self).__name__, self.transport.get_extra_info("peername"), error)
        self.transport.close()

    def stream_ended(self) -> bool:
        """Act on the peer's sending no more; return True to go on writing, False (the default) to close."""
        return False

    # -- receiving

    def eof_received(self) -> bool:
        """Call `stream_ended`, once what waits has been given out. Do not override this one but that."""
        if self._is_busy() and not self._holds & Hold.REFUSED:
            self._has_ended = True
            return True
        return self._end()

    def take_rest(self) -> bytes:
        """Return what came and was not given out, for a protocol that takes over with `transport.set_protocol`."""
        return self._parser.take()

    def pause_writing(self) -> None:
        """Hold the messages back, if it was one of them that made us write too much."""
        super().pause_writing()
        if self.holds_for_output and self._is_delivering:
            self._hold(Hold.OUTPUT)

    def resume_writing(self) -> None:
        """Give out messages again."""
        super().resume_writing()
        self._release(Hold.OUTPUT)

    def connection_lost(self, error: Exception | None) -> None:
        """Give out nothing more, and call `disconnected`."""
        self._holds |= Hold.LOST
        self._forget()
        super().connection_lost(error)

    # -- how it is done

    def _begin(self) -> None:
        self._open(self.make_parser(), self._receiver(), self._raw_receiver())

    def _receiver(self) -> Callable[[Message], None]:
        """Return what is called with each message."""
        return self.message_received

    def _raw_receiver(self) -> Callable[[bytes], None] | None:
        """Return what is called with bytes in raw mode, if there is such a mode."""
        return None

    def _keep_for_later(self, data: bytes) -> None:
        """Let `data` wait behind what waits already, within a bound."""
        if self._holds & (Hold.REFUSED | Hold.LOST):
            return  # `refused` was told; a transport that is closing may still give us what it had
        try:
            self._check_backlog(self._parser.buffered_bytes, len(data))
        except BacklogFullError as error:
            self._refuse(error)
        else:
            self._parser.add(data)
            self._hold_again()

    def _hold_for_output(self) -> None:
        """Give out nothing more until the peer has taken some of what was written."""
        if self.holds_for_output:
            self._hold(Hold.OUTPUT)

    def _refuse(self, error: WeftError) -> None:
        """Give out nothing more ever, and call `refused`."""
        self._hold(Hold.REFUSED)
        self.refused(error)

    def _go_on(self) -> None:
        """Nothing holds delivery any more: give out what waits, in the next turn, and then read."""
        if not self._is_resuming:
            self._is_resuming = True
            asyncio.get_running_loop().call_soon(self._resume)

    def _resume(self) -> None:
        self._is_resuming = False
        if self._holds or self.transport.is_closing():
            return
        try:
            self._deliver()
            if self._has_ended and not self._is_busy() and not self._end():
                self.transport.close()
        except BaseException:
            self.transport.abort()  # as a transport does whose protocol raises
            raise
        if not self._holds:
            super()._go_on()

    def _end(self) -> bool:
        """The peer sends no more, and everything was given out; return whether the connection stays open."""
        self._has_ended = False
        if self._holds & Hold.REFUSED:
            return False
        try:
            self._finish()
        except ProtocolError as error:
            self._refuse(error)
            return False
        return self.stream_ended()

    def _finish(self) -> None:
        """Raise IncompleteMessageError if the stream ended in the middle of a message."""
        self._parser.finish()
