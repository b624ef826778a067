"""Exercise 10: a weaver who knows when to stop."""

import asyncio

import workshop

import weft


async def weave(name, seconds):
    workshop.borrow(f"loom for the {name}")
    try:
        async with asyncio.timeout(0.4):
            await asyncio.sleep(seconds)  # the weaving
        print(f"{name}: woven")
    except TimeoutError:
        print(f"{name}: given up")
    finally:
        workshop.give_back(f"loom for the {name}")


async def main():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(weave("ribbon", 0.1), name="ribbon")
        tasks.create_task(weave("carpet", 3.0), name="carpet")
        flag = tasks.create_task(weave("flag", 0.3), name="flag")
        tasks.create_task(asyncio.sleep(1.0), name="sweeper")
        await asyncio.sleep(0.1)
        flag.cancel()  # its customer has changed his mind


weft.run(main())
