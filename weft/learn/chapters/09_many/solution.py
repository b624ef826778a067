"""Exercise 9: eight pages, three at a time."""

import asyncio

import library

import weft

PAGES = range(1, 9)


async def get(page, places):
    async with places:
        try:
            return await library.copy(page)
        except LookupError as error:
            return error


async def main():
    places = asyncio.Semaphore(3)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(get(page, places)) for page in PAGES]
    for page, task in zip(PAGES, tasks, strict=True):
        print(f"page {page}: {task.result()}")


weft.run(main())
