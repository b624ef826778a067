"""It prints the right thing. Its cache has what has come, and knows nothing of what is
still to come.

Hint: Ben asks while Ada's question is under way, and the answer is not in the cache
yet, so the service is asked again. Note the question as soon as you have asked it: the
Deferred is there at once.
"""

from readers import read_all
from translation import HERE, Service, connect

import weft
from weft.learn import drawn
from weft.protocols import NetstringProtocol

cache = {}


class Proxy(NetstringProtocol):
    name = "proxy"

    @drawn
    def string_received(self, text):
        weft.maybe_deferred(self.look_up, text).add_callback(self.send_string)

    def look_up(self, text):
        if text in cache:
            return cache[text]
        return self.service.ask(text).add_callback(self.keep, text)

    def keep(self, answer, text):
        cache[text] = answer
        return answer


async def main():
    async with await weft.listen(HERE, Service) as far:
        Proxy.service = await connect(far)
        async with await weft.listen(HERE, Proxy) as near:
            await read_all(near)


weft.run(main())
