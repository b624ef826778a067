"""The same proxy, with a cache."""

from translation import HERE, Service, connect

import weft
from weft.learn import drawn
from weft.protocols import NetstringProtocol

cache = {}


class Proxy(NetstringProtocol):
    name = "proxy"

    @drawn
    def string_received(self, text):
        print("proxy: a question comes in")
        weft.maybe_deferred(self.look_up, text).add_callback(self.answer)
        print("proxy: ready for more")

    def look_up(self, text):
        """Return the answer; or a Deferred of it, if it is not in the cache."""
        if text in cache:
            return cache[text]
        return self.service.ask(text).add_callback(self.keep, text)

    def keep(self, answer, text):
        cache[text] = answer
        return answer

    def answer(self, text):
        print("proxy: sends", text.decode())
        self.send_string(text)


async def main():
    async with await weft.listen(HERE, Service) as far:
        Proxy.service = await connect(far)
        async with await weft.listen(HERE, Proxy) as near:
            for _ in range(2):
                asker = await connect(near)
                await asker.ask(b"river")


weft.run(main())
