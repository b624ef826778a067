"""It calls the catalogue without await, and hands on what that returns.

Hint: The stacks are asked while the catalogue still looks: a call of find returns a
Deferred at once, and without await you go on with that Deferred in place of the shelf.
Write await before each call that returns one.
"""

import asyncio

import library

import weft

TITLES = ["Weaving", "Rivers", "Ghosts"]


async def get(title):
    shelf = library.find(title)
    try:
        return await library.fetch(title, shelf)
    except LookupError:
        return await library.order(title)


async def tell(title):
    try:
        book = await get(title)
    except LookupError as error:
        book = f"sorry, {error}"
    print(f"{title}: {book}")


async def main():
    async with asyncio.TaskGroup() as tasks:
        for title in TITLES:
            tasks.create_task(tell(title), name=title)


weft.run(main())
