"""Exercise 15: a store that forgets everything when the power fails.

Who is told "ok" relies on it. So it may be said only when the line is on the disk. But
nobody may be held up by the disk, not even for one write; and thirty sets must not wait
for thirty writes. Change Keeper only.
"""

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
        return weft.succeed(None)


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
