"""Its semaphore is held while a task is made, which takes no time, and not while the
task waits.

Hint: More pages are under way than the library allows. The limit has to hold from the
question to its answer: take the semaphore within each task, around the await, and not
around what makes the tasks.
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
    places = asyncio.Semaphore(3)
    tasks = []
    async with asyncio.TaskGroup() as group:
        for page in PAGES:
            async with places:
                tasks.append(group.create_task(get(page)))
    for page, task in zip(PAGES, tasks, strict=True):
        print(f"page {page}: {task.result()}")


weft.run(main())
