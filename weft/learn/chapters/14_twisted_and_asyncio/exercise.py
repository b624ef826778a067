"""Exercise 14: an asyncio program that has to ask an old library.

Ask the almanac for the moon, the tide and the snow, all three at the same time, each in a
task of its name. Print "NAME: " and what it says. About the snow it says nothing, and
raises LookupError: then print "NAME: sorry, " and the error.
"""

import almanac

import weft
import weft.faces.twisted


async def ask(reactor, what):
    answer = almanac.look_up(reactor, what)
    print(f"{what}: {answer}")


async def main():
    reactor = weft.faces.twisted.install()
    reactor.run()
    await ask(reactor, "moon")
    await ask(reactor, "tide")
    await ask(reactor, "snow")


weft.run(main())
