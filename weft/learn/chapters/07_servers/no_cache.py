"""A proxy: it takes questions, asks the service, and hands the answers on."""

from translation import HERE, Service, connect

import weft
from weft.learn import drawn
from weft.protocols import NetstringProtocol


class Proxy(NetstringProtocol):
    name = "proxy"

    @drawn
    def string_received(self, text):
        print("proxy: a question comes in")
        self.service.ask(text).add_callback(self.answer)
        print("proxy: ready for more")

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
