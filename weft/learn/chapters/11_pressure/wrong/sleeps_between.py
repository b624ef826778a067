"""It sleeps for as long as this reader happens to need for a piece. The output is right.

Hint: The relay sleeps, and so it guesses how fast the reader is; another one will be
slower. Ask instead: await writer.drain() waits exactly as long as too much is waiting.
"""

import asyncio

from slow import connect, reads_slowly, writes_with_care

import weft


async def relay(end, writer):
    reader, _ = end
    while data := await reader.read(65536):
        writer.write(data)
        await asyncio.sleep(0.01)
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
