"""It keeps the Deferreds, and gives each reader a callback that takes the value away
from the next.

Hint: Two who add callbacks to one Deferred share one chain: what the first callback
returns is the value for the second, and send_string returns None. A callback that only
looks at a value has to return it.
"""

from readers import read_all
from translation import HERE, Service, connect

import weft
from weft.learn import drawn
from weft.protocols import NetstringProtocol

answers = {}


class Proxy(NetstringProtocol):
    name = "proxy"

    @drawn
    def string_received(self, text):
        if text not in answers:
            answers[text] = self.service.ask(text)
        answers[text].add_callback(self.send_string)


async def main():
    async with await weft.listen(HERE, Service) as far:
        Proxy.service = await connect(far)
        async with await weft.listen(HERE, Proxy) as near:
            await read_all(near)


weft.run(main())
