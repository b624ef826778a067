"""A writer that is held back, a reader that takes its time, and a connection."""

import asyncio
import socket

from weft.learn import note

PIECE = b"x" * 65536
PIECES = 64


async def connect():
    """Return the two ends of a connection, each of them a reader and a writer."""
    left, right = socket.socketpair()
    near = await asyncio.open_connection(sock=left)
    far = await asyncio.open_connection(sock=right)
    return near, far


async def reads_slowly(end, transport):
    """Read to the end, 10 ms a piece; note how much waits in the writer's transport."""
    reader, writer = end
    taken = 0
    while data := await reader.read(65536):
        taken += len(data)
        note("bytes waiting", transport.get_write_buffer_size())
        note("bytes taken", taken)
        await asyncio.sleep(0.01)
    print(f"taken: {taken} bytes")
    writer.close()


async def writes_with_care(writer):
    for _ in range(PIECES):
        writer.write(PIECE)
        await writer.drain()
    writer.close()
    await writer.wait_closed()
