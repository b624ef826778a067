"""A quiet day: three visitors, all of them honest."""

import asyncio

from server import Conversation, serving
from store import Store
from visitors import honest

import weft


async def main():
    store = Store()
    service = serving(lambda: Conversation(store))
    async with service, asyncio.TaskGroup() as tasks:
        for name in ("Ada", "Ben", "Cleo"):
            tasks.create_task(honest(name, service), name=name)


weft.run(main())
