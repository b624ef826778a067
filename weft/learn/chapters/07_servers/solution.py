"""Exercise 7: a proxy that asks everything once."""

from readers import read_all
from translation import HERE, Service, connect

import weft
from weft.learn import drawn
from weft.protocols import NetstringProtocol

answers = {}  # for each text a Deferred, which may have fired or not


class Proxy(NetstringProtocol):
    name = "proxy"

    @drawn
    def string_received(self, text):
        if text not in answers:
            answers[text] = self.service.ask(text)
        answers[text].add_callback(self.answer)

    def answer(self, text):
        self.send_string(text)
        return text  # for whoever adds the next callback


async def main():
    async with await weft.listen(HERE, Service) as far:
        Proxy.service = await connect(far)
        async with await weft.listen(HERE, Proxy) as near:
            await read_all(near)


weft.run(main())
