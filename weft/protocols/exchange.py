# cython: binding=False, embedsignature=True, embedsignature.format=clinic, nonecheck=True
"""Exchange: a connection's messages, both ways. What of the message protocols runs for each of them, compiled.

What comes is given out message by message. That stops after any of them: because the protocol holds the next, because
the connection is closing, because more is waiting to be sent than should and the message added to that. What was not
given out waits in the parser. What is sent goes through the parser to the transport.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weft.errors import InvalidStateError, ProtocolError
from weft.ports import StreamTransport
from weft.protocols.scanning import LineScanner, Scanner

if TYPE_CHECKING:
    import asyncio


class Exchange:
    """The compiled part of a message protocol; `MessageProtocol` inherits it, and says when it holds and refuses.

    There is no `__init__`, which is the author's: what it has begins with `transport` being set, and `_open`.
    """

    @property
    def transport(self) -> asyncio.Transport:
        """The connection; None before `connected`. The author may put another in its place, as after `start_tls`."""
        return self._transport

    @transport.setter
    def transport(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        is_ours = transport is None or isinstance(transport, StreamTransport)
        self._stream: Any = transport if is_ours else ForeignTransport(transport)

    # -- what `MessageProtocol` defines

    def _keep_for_later(self, data: bytes) -> None:
        raise NotImplementedError

    def _hold_for_output(self) -> None:
        raise NotImplementedError

    def _refuse(self, error: ProtocolError) -> None:
        raise NotImplementedError

    # -- a connection's begin and end

    def _open(
        self, parser: Scanner, receive: Callable[[Any], None], receive_raw: Callable[[bytes], None] | None
    ) -> None:
        """Have `receive` called with each message, and `receive_raw` with bytes while raw mode lasts."""
        if self._stream is None:
            raise TypeError(
                f"{type(self).__name__}.transport hides the attribute of this name, which is set when the connection "
                "is made: remove it from the class"
            )
        self._parser = parser
        # A parser's methods may be its author's, in Python: looked up once, they cost the same on any Python.
        self._advance: Any = parser.advance
        self._encode: Any = parser.encode
        self._receive: Any = receive
        self._receive_raw: Any = receive_raw
        self._holds = 0
        self._is_writing_paused = False
        self._is_delivering = False
        self._is_resuming = False
        self._is_raw = False
        self._raw_left = -1  # -1: until the mode is changed

    def _forget(self) -> None:
        """Let go of the bound methods: the connection is over, and they are cycles."""
        self._receive = self._receive_raw = None

    # -- sending

    def send_message(self, message: Any, /) -> None:
        """Send a message. Raises a ProtocolError, and sends nothing, if it cannot be written as one."""
        self._send(message)

    def _send(self, message: Any) -> None:
        if self._stream is None:
            self._refuse_to_send()
        self._stream.write(self._encode(message))

    def _refuse_to_send(self) -> None:
        raise InvalidStateError(
            f"{type(self).__name__} cannot send: it has no transport. Its connection begins with `connected`"
        )

    # -- receiving

    def data_received(self, data: bytes, /) -> None:
        """Give out the messages that `data` completes, or have it wait behind what waits."""
        if self._holds or self._is_delivering or self._is_resuming:
            self._keep_for_later(data)
            return
        self._parser.add(data)
        self._give_out()

    def _deliver(self) -> None:
        """Give out what waits; `_give_out`, for interpreted callers."""
        self._give_out()

    def _give_out(self) -> None:
        """Give out messages until there are no more, or they are held, or the connection is closing."""
        parser = self._parser
        self._is_delivering = True
        try:
            while not self._holds and self._stream is not None and self._give_some():
                pass
        except ProtocolError as error:
            if error is not parser.error:
                raise  # the author's
            self._refuse(error)
        finally:
            self._is_delivering = False

    def _give_some(self) -> bool:
        """Give out what can be given out in the same way; False if there is no more for now."""
        if self._is_raw:
            return self._give_raw()
        if not self._advance():
            return False
        parser = self._parser
        if self._is_writing_paused:
            return self._give_one(self._receive, next(parser.ahead))
        receive = self._receive
        stream = self._stream
        for message in parser.ahead:
            receive(message)
            if stream.is_closing():
                return False
            if self._holds or self._is_raw or self._is_writing_paused:
                return True
        parser.is_ahead = False
        return True

    def _give_raw(self) -> bool:
        """Give out bytes as they are."""
        data = self._parser.take(None if self._raw_left < 0 else self._raw_left)
        if not data:
            return False
        if self._raw_left > 0:
            self._raw_left -= len(data)
            if self._raw_left == 0:
                self._set_raw(False, -1)
        return self._give_one(self._receive_raw, data)

    def _give_one(self, receive: Any, message: Any) -> bool:
        """Give out one message; while the peer takes too little, hold the next if this one made us write."""
        stream = self._stream
        unsent = stream.get_write_buffer_size() if self._is_writing_paused else 0
        receive(message)
        if stream.is_closing():
            return False
        if self._is_writing_paused and stream.get_write_buffer_size() > unsent:
            self._hold_for_output()
        return True

    def _set_raw(self, is_raw: bool, length: int) -> None:
        """Change the mode; `length` is how many raw bytes are to come, -1 if nobody knows."""
        self._is_raw = is_raw
        self._raw_left = length

    def _is_busy(self) -> bool:
        """Return whether what comes has to wait behind what came before."""
        return bool(self._holds or self._is_delivering or self._is_resuming)


class LineExchange(Exchange):
    """An exchange of lines."""

    def _open_lines(self, lines: LineScanner | None) -> None:
        """Let a line and its delimiter be sent as a pair, if the transport takes pairs; None if they may not be."""
        self._lines = lines if self._stream.takes_pairs() else None

    def send_line(self, line: bytes, /) -> None:
        """Send a line, given without its delimiter. Raises MalformedMessageError if it contains the delimiter."""
        stream = self._stream
        if stream is None:
            self._refuse_to_send()
        lines = self._lines
        if lines is not None and lines.is_line(line):
            stream.write_pair(line, lines.delimiter)
        else:
            stream.write(self._encode(line))


class StringExchange(Exchange):
    """An exchange of strings of bytes."""

    def send_string(self, string: bytes, /) -> None:
        """Send a string. Raises MessageTooLongError if it is longer than the protocol can tell."""
        self._send(string)


class ForeignTransport(StreamTransport):
    """Another loop's transport, or a wrapping, in the form that compiled code calls."""

    def __init__(self, transport: Any) -> None:
        self.write_below: Any = transport.write
        self.is_closing_below: Any = transport.is_closing
        self.transport = transport

    def write(self, data: Any) -> None:
        """Hand data down."""
        self.write_below(data)

    def is_closing(self) -> bool:
        """Return whether the connection has ended or is about to."""
        return bool(self.is_closing_below())

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""
        return int(self.transport.get_write_buffer_size())
