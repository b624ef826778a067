"""Delivery: giving a connection's messages out one by one, until something holds them. The protocols' hot path.

It stops after any message: because the protocol holds it, because the connection is closing, because more is waiting
to be sent than should and the message added to that. What is parsed and not given out waits in the scanner.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.errors import ProtocolError
from weft.protocols.scanning import Scanner


class Delivery:
    """What stands between a message protocol's transport and its methods, for one connection.

    `receive` is called with each message, `receive_raw` with bytes while raw mode lasts. The protocol that it belongs
    to is told of what it decides: `hold_for_output`, `refuse`, `keep_for_later`.
    """

    def __init__(
        self, protocol: Any, scanner: Scanner, transport: Any, receive: Callable[[Any], None], receive_raw: Any
    ) -> None:
        self.protocol = protocol
        self.scanner = scanner
        self.transport = transport
        self.is_closing = transport.is_closing
        self.receive: Any = receive
        self.receive_raw = receive_raw
        self.is_held = False
        self.is_delivering = False
        self.is_resuming = False
        self.is_writing_paused = False
        self.is_raw = False
        self.raw_left = -1  # -1: until the mode is changed

    def take_data(self, data: bytes) -> None:
        """Give out the messages that `data` completes, or have it wait behind what waits."""
        if self.is_held or self.is_delivering or self.is_resuming:
            self.protocol.keep_for_later(data)
            return
        self.scanner.add(data)
        self.deliver()

    def deliver(self) -> None:
        """Give out messages until there are no more, or they are held, or the connection is closing."""
        self.is_delivering = True
        try:
            while not self.is_held and self.deliver_some():
                pass
        finally:
            self.is_delivering = False

    def deliver_some(self) -> bool:
        """Give out what is parsed ahead, parsing more if nothing is; False if there is no more for now."""
        if self.is_raw:
            return self.deliver_raw()
        try:
            if not self.scanner.advance():
                return False
        except ProtocolError as error:
            self.protocol.refuse(error)
            return False
        if self.is_writing_paused:
            return self.deliver_one(self.receive, next(self.scanner.ahead))
        receive = self.receive
        is_closing = self.is_closing
        for message in self.scanner.ahead:
            receive(message)
            if is_closing():
                return False
            if self.is_held:
                break
        return True

    def deliver_raw(self) -> bool:
        """Give out bytes as they are."""
        data = self.scanner.take(None if self.raw_left < 0 else self.raw_left)
        if not data:
            return False
        if self.raw_left > 0:
            self.raw_left -= len(data)
            if self.raw_left == 0:
                self.set_raw(False, -1)
        return self.deliver_one(self.receive_raw, data)

    def deliver_one(self, receive: Callable[[Any], None], message: Any) -> bool:
        """Give out one message; while the peer takes too little, hold the next if this one made us write."""
        unsent = self.transport.get_write_buffer_size() if self.is_writing_paused else 0
        receive(message)
        if self.is_closing():
            return False
        if self.is_writing_paused and self.transport.get_write_buffer_size() > unsent:
            self.protocol.hold_for_output()
        return True

    def set_raw(self, is_raw: bool, length: int) -> None:
        """Change the mode; `length` is how many raw bytes are to come, -1 if nobody knows."""
        self.is_raw = is_raw
        self.raw_left = length

    def is_busy(self) -> bool:
        """Return whether what comes has to wait behind what came before."""
        return self.is_held or self.is_delivering or self.is_resuming

    def forget(self) -> None:
        """Let go of the protocol: the connection is over."""
        self.protocol = self.receive = self.receive_raw = None
        self.is_held = True
