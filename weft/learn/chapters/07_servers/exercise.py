"""Exercise 7: a proxy that asks everything once.

Ada and Ben ask for the river at the same time, and Dora for the loom. Cleo asks for the
river when the others have their answers. Have the proxy ask the service once for each
text, and answer all four.
"""

from readers import read_all
from translation import HERE, Service, connect

import weft
from weft.learn import drawn
from weft.protocols import NetstringProtocol


class Proxy(NetstringProtocol):
    name = "proxy"

    @drawn
    def string_received(self, text):
        self.service.ask(text).add_callback(self.send_string)


async def main():
    async with await weft.listen(HERE, Service) as far:
        Proxy.service = await connect(far)
        async with await weft.listen(HERE, Proxy) as near:
            await read_all(near)


weft.run(main())
