"""A fast writer and a slow reader: the writer waits where it must."""

import asyncio

from slow import PIECE, PIECES, connect, reads_slowly

import weft
from weft.learn import note


async def writes(writer):
    for _ in range(PIECES):
        writer.write(PIECE)
        await writer.drain()
        note("bytes waiting", writer.transport.get_write_buffer_size())
    print("writer: all is written")
    writer.close()
    await writer.wait_closed()


async def main():
    (_, writer), far_end = await connect()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writes(writer), name="writer")
        tasks.create_task(reads_slowly(far_end, writer.transport), name="reader")


weft.run(main())
