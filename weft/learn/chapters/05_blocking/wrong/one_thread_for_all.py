"""It hands all the calls to one and the same thread, so they wait for one another
there.

Hint: The loop is free now, but the calls queue for one thread, and each reader waits
for those before. Let each call have a thread: asyncio.to_thread takes one of several.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import archive

import weft

thread = ThreadPoolExecutor(max_workers=1)


async def reader(name, title):
    await asyncio.sleep(0.1)
    place = await asyncio.get_running_loop().run_in_executor(
        thread, archive.find, title
    )
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
