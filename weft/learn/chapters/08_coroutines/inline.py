"""The same book, with a generator."""

import library

import weft


@weft.inline_callbacks
def get(title):
    """Return a Deferred of a book, lent or not, with its shelf."""
    shelf = yield library.find(title)
    try:
        book = yield library.fetch(title, shelf)
    except LookupError:
        book = yield library.order(title)
    return f"{book}, for {shelf}"


async def main():
    print(await get("Rivers"))


weft.run(main())
