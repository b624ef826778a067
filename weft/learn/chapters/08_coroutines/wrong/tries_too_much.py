"""Its try holds two awaits, and its except takes the failures of both for the same.

Hint: An except catches what any await in its try raises. Only a book that is lent is
ordered elsewhere; one that the catalogue does not know is not. Let the try hold the one
await whose failure you mean, as the errback did.
"""

import asyncio

import library

import weft

TITLES = ["Weaving", "Rivers", "Ghosts"]


async def get(title):
    try:
        shelf = await library.find(title)
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
