"""It waits after each write, but it has read everything before the first.

Hint: Little waits in the transport, but the relay took in everything before it passed on
the first byte: now it waits in a variable of yours. Read a piece, write it, wait, and only
then read the next.
"""

import asyncio

from slow import connect, reads_slowly, writes_with_care

import weft


async def relay(end, writer):
    reader, _ = end
    pieces = []
    while data := await reader.read(65536):
        pieces.append(data)
    for data in pieces:
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def main():
    (_, source), near_end = await connect()
    (_, writer), far_end = await connect()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writes_with_care(source), name="source")
        tasks.create_task(relay(near_end, writer), name="relay")
        tasks.create_task(reads_slowly(far_end, writer.transport), name="reader")


weft.run(main())
