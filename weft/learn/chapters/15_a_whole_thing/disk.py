"""A slow disk, and who writes to the store that stands on it. You cannot change them."""

import asyncio
import threading
import time

from client import connect

import weft
from weft.learn import note


class Disk:
    """Each write takes 50 ms, however much is written, and who calls it sleeps as long."""

    def __init__(self):
        self.lines = []  # what is there when the power comes back
        self.head = threading.Lock()  # it does one write at a time
        note("on disk", 0)

    def write(self, lines):
        with self.head:
            time.sleep(0.05)
            self.lines += lines
            note("on disk", len(self.lines))


class Evening:
    """Three writers set ten keys each, all at once; a reader asks every 20 ms."""

    def __init__(self, service, disk):
        self.service = service
        self.disk = disk
        self.told = []
        note("told ok", 0)

    async def write(self, name):
        client = await connect(self.service)
        lines = [f"set {name}-{n} {n}" for n in range(10)]
        answers = [client.ask(line).add_callback(self.hear, line) for line in lines]
        await weft.gather_results(answers)
        client.transport.close()

    def hear(self, answer, line):
        if answer == "ok":
            self.told.append(line)
            note("told ok", len(self.told))

    async def read(self):
        client = await connect(self.service)
        for _ in range(15):
            await client.ask("get loom")
            await asyncio.sleep(0.02)
        client.transport.close()

    async def go_on(self):
        """Let all of them come. When the writers have their answers, the power fails."""
        reader = asyncio.create_task(self.read(), name="reader")
        async with asyncio.TaskGroup() as tasks:
            for name in ("Ada", "Ben", "Cleo"):
                tasks.create_task(self.write(name), name=name)
        lost = set(self.told) - set(self.disk.lines)
        print(f"{len(self.told)} were told ok, and {len(lost)} of them are lost")
        await reader
