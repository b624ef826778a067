"""Two letters, a deadline for each, with Deferreds."""

from letters import ask

import weft
from weft.learn import keep_chain


def late(failure):
    failure.trap(TimeoutError)
    return "too late"


async def main():
    letters = {"near": ask("near", 0.1), "far": ask("far", 0.6)}
    for letter in letters.values():
        letter.add_timeout(0.3)
        letter.add_callback(str.upper)
        letter.add_errback(late)
        letter.add_callback(print)
    await weft.DeferredList(letters.values())
    for name, letter in letters.items():
        keep_chain(letter, name)


weft.run(main())
