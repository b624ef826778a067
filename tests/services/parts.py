"""Services that write down what happens to them."""

import asyncio

from weft import Service


class Noted(Service):
    """Writes its hooks down in a list, and fails or takes its time where it is told to."""

    def __init__(self, name, notes, *children, fails="", takes=None, error=None):
        super().__init__(*children, name=name)
        self.notes = notes
        self.fails = fails
        self.takes = takes or {}
        self.error = error or RuntimeError(f"{name} does not {fails}")

    async def happen(self, hook):
        self.notes.append(f"{hook} {self.name}")
        await asyncio.sleep(self.takes.get(hook, 0))
        if self.fails == hook:
            raise self.error

    async def start(self):
        await self.happen("start")

    async def drain(self):
        await self.happen("drain")

    async def reload(self):
        await self.happen("reload")

    async def stop(self):
        await self.happen("stop")


class Worker(Service):
    """Runs a coroutine function."""

    def __init__(self, work, name="worker"):
        super().__init__(name=name)
        self.work = work

    async def run(self):
        await self.work()
