"""It collects, and writes in another thread; but it says ok at once.

Hint: Somebody was told ok before the line was on the disk. If the power fails in between,
that was a lie. Let keep() return a Deferred, and fire it when write has returned.
"""

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
        self.waiting = asyncio.Queue()

    def keep(self, line):
        """Return a Deferred that fires when the line is on the disk."""
        self.waiting.put_nowait(line)
        return weft.succeed(None)

    async def run(self):
        while True:
            lines = [await self.waiting.get()]
            while not self.waiting.empty():
                lines.append(self.waiting.get_nowait())
            await asyncio.to_thread(self.disk.write, lines)


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
