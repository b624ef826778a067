"""The same with coroutines."""

import asyncio

from letters import ask

import weft


async def tell(name, seconds):
    try:
        async with asyncio.timeout(0.3):
            answer = (await ask(name, seconds)).upper()
    except TimeoutError:
        answer = "too late"
    print(answer)


async def main():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tell("near", 0.1), name="tell near")
        tasks.create_task(tell("far", 0.6), name="tell far")


weft.run(main())
