"""A task group: one of its tasks fails."""

import asyncio

import weft


async def read(name, seconds):
    await asyncio.sleep(seconds)
    if name == "train":
        raise LookupError("the train is late")
    print(f"{name} is there")


async def main():
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read("loom", 0.4), name="loom")
            tasks.create_task(read("train", 0.2), name="train")
            tasks.create_task(read("river", 0.1), name="river")
    except* LookupError as group:
        print(*group.exceptions)


weft.run(main())
