"""One connection made of two one-way transports: what comes in through one, what goes out through the other.

It ends as a socket's does: `connection_lost` comes once, when both ways are closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

from weft.protocols.wrapping import hand_up

Bytes = bytes | bytearray | memoryview


class Duplex(asyncio.Transport):
    """A transport over a reading and a writing one. A subclass sets these two, and then calls `open`."""

    _start_tls_compatible = True  # asyncio's mark of a transport that can be upgraded
    reading: asyncio.ReadTransport
    writing: asyncio.WriteTransport

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._protocol = protocol
        self._is_closing = False
        self.has_written_eof = False
        self._is_told = False  # of its end, or not to be told of anything
        self._error: Exception | None = None

    # -- what the two ways tell

    def open(self) -> None:
        """Both ways are there: tell the protocol."""
        self._protocol.connection_made(self)

    def came(self, data: bytes) -> None:
        """Hand data up; once it is closing, nobody wants it."""
        if not self._is_closing:
            hand_up(self._protocol, data)

    def input_ended(self) -> None:
        """Nothing more comes in: close, unless the protocol wants to go on writing."""
        if not self._is_closing and not cast(asyncio.Protocol, self._protocol).eof_received():
            self.close()

    def pause_writing(self) -> None:
        """Hand up that too much waits to be sent."""
        if not self._is_told:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Hand up that there is room again."""
        if not self._is_told:
            self._protocol.resume_writing()

    def failed(self, error: Exception) -> None:
        """Keep the first thing that went wrong: the protocol is told at the end."""
        if self._error is None:
            self._error = error

    def ended(self) -> None:
        """Both ways are closed: tell the protocol, once."""
        self._is_closing = True
        if not self._is_told:
            self._is_told = True
            self._protocol.connection_lost(self._error)

    # -- a transport, to the protocol

    def write(self, data: Bytes) -> None:
        """Send bytes. Raises RuntimeError after `write_eof`."""
        if self.has_written_eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not self._is_closing:
            self.writing.write(data)

    def writelines(self, list_of_data: Iterable[Bytes]) -> None:
        """Send several pieces."""
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """Send no more, after what was written: its reader sees the end."""
        if not self.has_written_eof and not self._is_closing:
            self.has_written_eof = True
            self.writing.close()

    def can_write_eof(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """End in good order: what was written is sent first."""
        if not self._is_closing:
            self._is_closing = True
            self.close_both()

    def close_both(self) -> None:
        """Close both ways, the writing one after what was written."""
        self.reading.close()
        self.writing.close()

    def abort(self) -> None:
        """End at once; what was not sent is dropped."""
        self._is_closing = True
        self.reading.close()
        self.writing.abort()

    def _force_close(self, error: Exception | None) -> None:
        # How asyncio's TLS aborts the transport below.
        if error is not None:
            self.failed(error)
        self.abort()

    def is_closing(self) -> bool:
        """Return whether the connection has ended or is about to."""
        return self._is_closing

    def pause_reading(self) -> None:
        """Hand nothing up until `resume_reading`."""
        if not self._is_closing:
            self.reading.pause_reading()

    def resume_reading(self) -> None:
        """Hand up again what comes."""
        if not self._is_closing:
            self.reading.resume_reading()

    def is_reading(self) -> bool:
        """Return whether what comes is handed up."""
        return not self._is_closing and self.reading.is_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return `default`: pipes have no addresses."""
        return default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand data up to another protocol from now on."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol above."""
        return self._protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the watermarks, in bytes."""
        self.writing.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the watermarks (low, high), in bytes."""
        return self.writing.get_write_buffer_limits()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""
        return self.writing.get_write_buffer_size()
