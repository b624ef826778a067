"""It has another thread write, each line by itself.

Hint: Each line has a write of its own, and they queue up at the disk. Its time is for a
write, not for a line. So collect what comes while a write is under way, and write all of
it at once with the next.
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

    def keep(self, line):
        """Return a Deferred that fires when the line is on the disk."""
        write = asyncio.to_thread(self.disk.write, [line])
        return weft.Deferred.from_coroutine(write)


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
