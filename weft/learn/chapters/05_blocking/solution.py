"""Exercise 5: three readers ask an archive, and a clock ticks."""

import asyncio

import archive

import weft


async def reader(name, title):
    await asyncio.sleep(0.1)
    place = await asyncio.to_thread(archive.find, title)
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
