"""Exercise 10: a weaver who knows when to stop.

No piece may take longer than 0.4 seconds: for one that would, print "NAME: given up".
The flag's customer changes his mind; then the weaver just stops, and prints nothing.
Each loom is given back as soon as its piece is done, given up or called off. Leave main
as it is.
"""

import asyncio

import workshop

import weft


async def weave(name, seconds):
    workshop.borrow(f"loom for the {name}")
    await asyncio.sleep(seconds)  # the weaving
    workshop.give_back(f"loom for the {name}")
    print(f"{name}: woven")


async def main():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(weave("ribbon", 0.1), name="ribbon")
        tasks.create_task(weave("carpet", 3.0), name="carpet")
        flag = tasks.create_task(weave("flag", 0.3), name="flag")
        tasks.create_task(asyncio.sleep(1.0), name="sweeper")
        await asyncio.sleep(0.1)
        flag.cancel()  # its customer has changed his mind


weft.run(main())
