"""Poems that take their time."""

import asyncio

import weft

POEMS = {"loom": 0.5, "train": 0.1, "river": 0.2, "snow": 0.3}


async def read(name):
    await asyncio.sleep(POEMS[name])
    return f"the {name}"


def fetch(name):
    """Begin to fetch a poem, in a task of its name; return a Deferred of it."""
    task = asyncio.create_task(read(name), name=name)
    return weft.Deferred.from_future(task)
