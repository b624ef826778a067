"""It waits without holding the thread, and gives it nothing else to run: one task
awaits one answer after another.

Hint: One task does it all: what it awaits is part of it, so each thing begins when the
one before it is over. Make each a task of its own, all of them before the first wait:
asyncio.gather or a TaskGroup.
"""

import asyncio

import weft

LIBRARIES = [("harbour", 0.3), ("hill", 0.4), ("station", 0.2)]


async def ask(library, seconds):
    """Return what a library answers."""
    await asyncio.sleep(seconds)
    return f"the {library} library has it"


async def main():
    """Ask all of them, and print the answers in the order of the list."""
    for library, seconds in LIBRARIES:
        print(await ask(library, seconds))


weft.run(main())
