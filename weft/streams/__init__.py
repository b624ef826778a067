"""Streams for coroutines: asyncio's reader and writer, with less work for each message.

`weft.serve_streams`, `weft.open_stream` and services hand them out, on any loop; so does `asyncio.start_server` on
Weft's.
"""

from weft.streams.pair import StreamReader, StreamReaderProtocol, StreamWriter

__all__ = ["StreamReader", "StreamReaderProtocol", "StreamWriter"]
