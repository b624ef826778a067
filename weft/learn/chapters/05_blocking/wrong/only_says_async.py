"""It wraps the call in an async function, and the call sleeps in the loop's thread as
before. The output is right.

Hint: The archive sleeps in the loop's thread, and everybody with it; an async def
around a call does not change how the call waits. Hand the call to another thread, and
await what that returns: asyncio.to_thread.
"""

import asyncio

import archive

import weft


async def find(title):
    return archive.find(title)


async def reader(name, title):
    await asyncio.sleep(0.1)
    place = await find(title)
    print(f"{name}: {title} is on {place}")


async def clock():
    for _ in range(10):
        await asyncio.sleep(0.05)


async def main():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(clock(), name="clock")
        tasks.create_task(reader("Ada", "Weaving"), name="Ada")
        tasks.create_task(reader("Ben", "Rivers"), name="Ben")
        tasks.create_task(reader("Cleo", "Timetables"), name="Cleo")


weft.run(main())
