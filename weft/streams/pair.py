"""asyncio's reader, writer and protocol of a connection, as Weft has them: the same, with less work a message."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from weft.streams.reading import ProtocolBase, ReaderBase
from weft.streams.writing import WriterBase

LIMIT_BYTES = 65536
"""How long a line may be, and half of what a reader holds before it has the peer wait; asyncio's default."""
KEEPS_WRITER = sys.version_info < (3, 13)
"""Whether the connection of a server keeps the writer from being collected, as asyncio's does on this Python."""


class StreamReader(ReaderBase, asyncio.StreamReader):
    """An `asyncio.StreamReader` whose calls need no coroutine where what they ask for is there, or soon comes."""

    def __init__(self, limit: int = LIMIT_BYTES, loop: asyncio.AbstractEventLoop | None = None) -> None:
        loop = asyncio.get_running_loop() if loop is None else loop
        ReaderBase.__init__(self, loop)
        asyncio.StreamReader.__init__(self, limit, loop)


class StreamWriter(WriterBase, asyncio.StreamWriter):
    """An `asyncio.StreamWriter` whose `drain` needs no coroutine where there is nothing to wait for."""

    def __init__(
        self,
        transport: asyncio.BaseTransport,
        protocol: asyncio.BaseProtocol,
        reader: asyncio.StreamReader | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        WriterBase.__init__(self, protocol, reader)
        asyncio.StreamWriter.__init__(self, transport, protocol, reader, loop)  # type: ignore[arg-type]


class StreamReaderProtocol(ProtocolBase, asyncio.StreamReaderProtocol):
    """An `asyncio.StreamReaderProtocol` for them; with `connected`, that is called with the reader and the writer."""

    _loop: asyncio.AbstractEventLoop
    _client_connected_cb: Any
    _strong_reader: Any

    def __init__(
        self,
        reader: StreamReader,
        connected: Any = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        ProtocolBase.__init__(self)
        asyncio.StreamReaderProtocol.__init__(self, reader, connected, loop)
        self.attach(reader)

    def connection_made(self, transport: Any) -> None:
        """Let the reader know its transport, and begin whatever serves the connection."""
        connected = self._client_connected_cb
        if connected is None:
            super().connection_made(transport)
            return
        self._client_connected_cb = None  # which asyncio would give a writer of its own
        try:
            super().connection_made(transport)
        finally:
            self._client_connected_cb = connected
        reader: Any = self._strong_reader
        self._strong_reader = None
        writer = StreamWriter(transport, self, reader, self._loop)
        if KEEPS_WRITER:
            self._stream_writer = writer
        serving = connected(reader, writer)
        if asyncio.iscoroutine(serving):
            self._task = self._loop.create_task(serving)
            self._task.add_done_callback(lambda task: self._served(task, transport))

    def _served(self, task: asyncio.Task[Any], transport: Any) -> None:
        """Close the connection of a task that was cancelled or failed, and report the failure."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._loop.call_exception_handler(
                {
                    "message": "Unhandled exception in client_connected_cb",
                    "exception": error,
                    "transport": transport,
                }
            )
        if error is not None or task.cancelled():
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the reader and whoever waits that the connection is over."""
        super().connection_lost(exc)
        self.attach(None)
