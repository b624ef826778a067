"""It prints the right thing in time. It stops waiting for the carpet, and lets it be
woven on.

Hint: The carpet was given up, and somebody goes on weaving it: asyncio.wait stops
waiting after its timeout and cancels nothing. Cancel the task that it waited for, or
use asyncio.timeout, which does.
"""

import asyncio

import workshop

import weft


async def weave_on(name, seconds):
    workshop.borrow(f"loom for the {name}")
    try:
        await asyncio.sleep(seconds)  # the weaving
    finally:
        workshop.give_back(f"loom for the {name}")


async def weave(name, seconds):
    task = asyncio.create_task(weave_on(name, seconds))
    _, late = await asyncio.wait([task], timeout=0.4)
    print(f"{name}: given up" if late else f"{name}: woven")


async def main():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(weave("ribbon", 0.1), name="ribbon")
        tasks.create_task(weave("carpet", 3.0), name="carpet")
        flag = tasks.create_task(weave("flag", 0.3), name="flag")
        tasks.create_task(asyncio.sleep(1.0), name="sweeper")
        await asyncio.sleep(0.1)
        flag.cancel()  # its customer has changed his mind


weft.run(main())
