"""Exercise 8: three books, told from top to bottom."""

import asyncio

import library

import weft

TITLES = ["Weaving", "Rivers", "Ghosts"]


async def get(title):
    shelf = await library.find(title)
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
