"""Exercise 1: ask three libraries for a book, interleaved."""

import asyncio

import weft

LIBRARIES = [
    ("harbour", 0.3),
    ("hill", 0.4),
    ("station", 0.2),
]  # each with the seconds that it takes to look


async def ask(library, seconds):
    """Return what a library answers."""
    await asyncio.sleep(seconds)
    return f"the {library} library has it"


async def main():
    """Ask all of them, and print the answers in the order of the list."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(ask(library, seconds), name=library)
            for library, seconds in LIBRARIES
        ]
    for task in tasks:
        print(task.result())


weft.run(main())
