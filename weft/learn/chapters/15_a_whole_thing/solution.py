"""Exercise 15: a store that remembers: what comes while the disk is busy goes into the next write."""

import asyncio

from disk import Disk, Evening
from server import Conversation, serving
from store import Store

import weft
from weft.learn import drawn


class Keeper(weft.Service):
    def __init__(self, disk):
        super().__init__(name="keeper")
        self.disk = disk
        self.waiting = []
        self.has_come = asyncio.Event()

    def keep(self, line):
        """Return a Deferred that fires when the line is on the disk."""
        kept = weft.Deferred()
        self.waiting.append((line, kept))
        self.has_come.set()
        return kept

    async def run(self):
        while True:
            await self.has_come.wait()
            self.has_come.clear()
            batch, self.waiting = self.waiting, []
            lines = [line for line, _ in batch]
            await asyncio.to_thread(self.disk.write, lines)
            for _, kept in batch:
                kept.callback(None)


class KeptConversation(Conversation):
    def __init__(self, store, keeper):
        super().__init__(store)
        self.keeper = keeper

    @drawn
    def line_received(self, line):
        request = line.decode()
        answer = self.store.answer(request)
        if answer == "ok":
            self.keeper.keep(request).add_callback(self.say, answer)
        else:
            self.say(None, answer)

    def say(self, _, answer):
        self.send_line(answer.encode())


async def main():
    store, disk = Store(), Disk()
    keeper = Keeper(disk)
    service = serving(lambda: KeptConversation(store, keeper), patience_s=5)
    async with keeper, service:
        await Evening(service, disk).go_on()


weft.run(main())
