"""It hands the call to a thread, and then sleeps until the thread has done.

Hint: The call is in another thread now, but then the loop's thread sleeps until that
one is done. Never ask a thread for its result and wait there: await it, with
asyncio.to_thread or loop.run_in_executor.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import archive

import weft

threads = ThreadPoolExecutor()


async def reader(name, title):
    await asyncio.sleep(0.1)
    place = threads.submit(archive.find, title).result()
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
