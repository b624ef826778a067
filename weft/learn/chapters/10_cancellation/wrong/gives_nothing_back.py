"""It stops in time and prints the right thing. But the loom is given back after the
await, and that is not reached.

Hint: A cancelled task goes on nowhere: CancelledError is raised at its await, and the
lines below are not reached. What has to be done in any case belongs in finally.
"""

import asyncio

import workshop

import weft


async def weave(name, seconds):
    workshop.borrow(f"loom for the {name}")
    try:
        async with asyncio.timeout(0.4):
            await asyncio.sleep(seconds)  # the weaving
            workshop.give_back(f"loom for the {name}")
        print(f"{name}: woven")
    except TimeoutError:
        print(f"{name}: given up")


async def main():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(weave("ribbon", 0.1), name="ribbon")
        tasks.create_task(weave("carpet", 3.0), name="carpet")
        flag = tasks.create_task(weave("flag", 0.3), name="flag")
        tasks.create_task(asyncio.sleep(1.0), name="sweeper")
        await asyncio.sleep(0.1)
        flag.cancel()  # its customer has changed his mind


weft.run(main())
