"""It gives the Deferred a callback alone: of the failure nobody hears.

Hint: An answer is missing: the library's LookupError stayed in its Deferred, where nobody
looked. Await the Deferred as a future, and the error is raised where you wait.
"""

import asyncio

import almanac

import weft
import weft.faces.twisted


async def ask(reactor, what):
    answer = almanac.look_up(reactor, what)
    done = asyncio.Event()
    answer.addCallback(lambda said: print(f"{what}: {said}"))
    answer.addBoth(lambda _: done.set())
    await done.wait()


async def main():
    reactor = weft.faces.twisted.install()
    reactor.run()
    async with asyncio.TaskGroup() as tasks:
        for what in ("moon", "tide", "snow"):
            tasks.create_task(ask(reactor, what), name=what)


weft.run(main())
