"""It looks every 10 ms whether the Deferred has fired. The output is right.

Hint: The task looks again and again whether its answer is there. A Deferred can tell you:
deferred.asFuture(loop) is a future that you await once, for as long as it takes.
"""

import asyncio

import almanac

import weft
import weft.faces.twisted


async def ask(reactor, what):
    answer = almanac.look_up(reactor, what)
    said = []
    answer.addCallbacks(said.append, lambda failure: said.append(failure.value))
    while not said:
        await asyncio.sleep(0.01)
    sorry = "sorry, " if isinstance(said[0], LookupError) else ""
    print(f"{what}: {sorry}{said[0]}")


async def main():
    reactor = weft.faces.twisted.install()
    reactor.run()
    async with asyncio.TaskGroup() as tasks:
        for what in ("moon", "tide", "snow"):
            tasks.create_task(ask(reactor, what), name=what)


weft.run(main())
