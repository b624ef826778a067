"""It waits for the reader once, when everything has been written.

Hint: The relay waits for the reader only when it has taken in everything: too late. Wait
after each write, so that it reads no more while the last piece still waits.
"""

import asyncio

from slow import connect, reads_slowly, writes_with_care

import weft


async def relay(end, writer):
    reader, _ = end
    while data := await reader.read(65536):
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
