"""The same book, with a coroutine."""

import library

import weft


async def get(title):
    """Return a book, lent or not, with its shelf."""
    shelf = await library.find(title)
    try:
        book = await library.fetch(title, shelf)
    except LookupError:
        book = await library.order(title)
    return f"{book}, for {shelf}"


async def main():
    print(await get("Rivers"))


weft.run(main())
