"""Exercise 5: three readers ask an archive, and a clock ticks.

The clock should tick all the time, and nobody should wait while another one's book is
looked for. The archive is a library that sleeps; change this file only.
"""

import asyncio

import archive

import weft


async def reader(name, title):
    await asyncio.sleep(0.1)
    place = archive.find(title)
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
