"""Exercise 14: an asyncio program that asks an old library."""

import asyncio

import almanac

import weft
import weft.faces.twisted


async def ask(reactor, what):
    answer = almanac.look_up(reactor, what)
    try:
        said = await answer.asFuture(asyncio.get_running_loop())
    except LookupError as error:
        said = f"sorry, {error}"
    print(f"{what}: {said}")


async def main():
    reactor = weft.faces.twisted.install()
    reactor.run()
    async with asyncio.TaskGroup() as tasks:
        for what in ("moon", "tide", "snow"):
            tasks.create_task(ask(reactor, what), name=what)


weft.run(main())
