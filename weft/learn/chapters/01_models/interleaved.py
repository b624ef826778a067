"""Three poems, waited for together by one thread."""

import asyncio

import weft


async def poem(name, seconds):
    """Wait for a poem, and say that it is there."""
    await asyncio.sleep(seconds)
    print(name, "is there")


async def main():
    """Make three tasks, and wait until all are done."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(poem("loom", 0.4), name="loom")
        tasks.create_task(poem("train", 0.2), name="train")
        tasks.create_task(poem("river", 0.3), name="river")


weft.run(main())
