"""It reads well and prints the right thing, and what went on at once is done in turn.

Hint: Awaiting one title after another makes the second wait for the first. The
callbacks did not: all the titles were under way at once. Make a task for each title,
all of them before you wait.
"""

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
    for title in TITLES:
        await tell(title)


weft.run(main())
