"""A bad day: two who mean no good, and then more honest visitors than there is room for."""

import asyncio

from server import Conversation, serving
from store import Store
from visitors import endless, honest, silent

import weft


async def main():
    store = Store()
    service = serving(lambda: Conversation(store))
    async with service, asyncio.TaskGroup() as tasks:
        tasks.create_task(endless("endless", service), name="endless")
        tasks.create_task(silent("silent", service), name="silent")
        await asyncio.sleep(0.1)
        for name in ("Ada", "Ben", "Cleo", "Dora", "Emil", "Finn", "Gus", "Hal"):
            tasks.create_task(honest(name, service), name=name)


weft.run(main())
