"""It awaits each answer before it asks for the next. The output is right.

Hint: Each task begins only when the one before it is over. Make all the tasks first, and
only then wait for them: asyncio.gather or a TaskGroup.
"""

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
    for what in ("moon", "tide", "snow"):
        await asyncio.create_task(ask(reactor, what), name=what)


weft.run(main())
