"""It takes the pages by threes. Two places wait for the third.

Hint: It takes three pages and waits until all three are there, so two places stay empty
while a slow page is copied. Let each place take the next page as soon as it is free: a
semaphore does it, or weft.parallel.
"""

import asyncio

import library

import weft

PAGES = range(1, 9)


async def get(page):
    try:
        return await library.copy(page)
    except LookupError as error:
        return error


async def main():
    for first in range(1, 9, 3):
        batch = PAGES[first - 1 : first + 2]
        texts = await asyncio.gather(*(get(page) for page in batch))
        for page, text in zip(batch, texts, strict=True):
            print(f"page {page}: {text}")


weft.run(main())
