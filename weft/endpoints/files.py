"""Files where pipes are expected: no poller can tell when one is ready, because it always is."""

from __future__ import annotations

import asyncio
import io
import os

from weft.endpoints.duplex import Bytes

READ_BYTES = 65536
"""How much of a file is read in one turn of the loop."""


class ReadFile(asyncio.ReadTransport):
    """Reads a file, a piece each turn of the loop. That blocks as long as the disk takes, as any reading of files."""

    def __init__(self, file: io.FileIO, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._file = file
        self._protocol = protocol
        self._is_reading = True
        self._loop = asyncio.get_running_loop()
        protocol.connection_made(self)
        self._step: asyncio.Handle | None = self._loop.call_soon(self._read)

    def _read(self) -> None:
        self._step = None
        if not self._is_reading or self.is_closing():
            return
        data = os.read(self._file.fileno(), READ_BYTES)
        if data:
            self._protocol.data_received(data)
            self._go_on()
        else:
            self._is_reading = False
            self._protocol.eof_received()
            self.close()

    def _go_on(self) -> None:
        if self._step is None and self._is_reading and not self.is_closing():
            self._step = self._loop.call_soon(self._read)

    def pause_reading(self) -> None:
        """Read nothing until `resume_reading`."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Read again."""
        self._is_reading = True
        self._go_on()

    def is_reading(self) -> bool:
        """Return whether it is being read."""
        return self._is_reading and not self.is_closing()

    def is_closing(self) -> bool:
        """Return whether it is closed."""
        return self._file.closed

    def close(self) -> None:
        """Close it."""
        if not self._file.closed:
            self._file.close()
            self._loop.call_soon(self._protocol.connection_lost, None)


class WrittenFile(asyncio.WriteTransport):
    """Writes to a file, at once. That blocks as long as the disk takes, as any writing of files."""

    def __init__(self, file: io.FileIO, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._file = file
        self._protocol = protocol
        protocol.connection_made(self)

    def write(self, data: Bytes) -> None:
        """Write bytes; if the disk is full, the connection ends."""
        view = memoryview(data)
        try:
            while view and not self._file.closed:
                view = view[os.write(self._file.fileno(), view) :]
        except OSError as error:
            self._end(error)

    def is_closing(self) -> bool:
        """Return whether it is closed."""
        return self._file.closed

    def close(self) -> None:
        """Close it."""
        self._end(None)

    def abort(self) -> None:
        """Close it; there is nothing to drop."""
        self._end(None)

    def _end(self, error: Exception | None) -> None:
        if not self._file.closed:
            self._file.close()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, error)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: nothing ever waits."""

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return (0, 0): nothing ever waits."""
        return 0, 0

    def get_write_buffer_size(self) -> int:
        """Return 0: nothing ever waits."""
        return 0
