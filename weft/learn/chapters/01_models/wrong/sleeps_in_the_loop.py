"""It has tasks, and each still sleeps as before: the only thread sleeps with it.

Hint: A call in one task sleeps and holds the only thread, so nobody else can go on.
Wait with await instead: the loop can then run the others.
"""

import asyncio
import time

import weft

LIBRARIES = [("harbour", 0.3), ("hill", 0.4), ("station", 0.2)]


async def ask(library, seconds):
    """Return what a library answers."""
    time.sleep(seconds)
    return f"the {library} library has it"


async def main():
    """Ask all of them, and print the answers in the order of the list."""
    for answer in await asyncio.gather(
        *(ask(library, seconds) for library, seconds in LIBRARIES)
    ):
        print(answer)


weft.run(main())
