"""A slow poet who recites to whoever comes, to all of them at once."""

import asyncio

import weft
from weft.learn import poem


class Poet(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.lines = poem("loom").splitlines(keepends=True)
        self.recite()

    def recite(self):
        if self.lines:
            self.transport.write(self.lines.pop(0).encode())
            asyncio.get_running_loop().call_later(0.1, self.recite)
        else:
            self.transport.close()


async def listen_to(name, where):
    reader, writer = await weft.open_stream(where)
    text = await reader.read()
    writer.close()
    print(f"{name} has heard {len(text.splitlines())} lines")


async def main():
    async with await weft.listen("tcp:0:interface=127.0.0.1", Poet) as port:
        host, number = port.addresses[0]
        async with asyncio.TaskGroup() as tasks:
            for name in ("Ada", "Ben"):
                where = f"tcp:{host}:{number}"
                tasks.create_task(listen_to(name, where), name=name)


weft.run(main())
