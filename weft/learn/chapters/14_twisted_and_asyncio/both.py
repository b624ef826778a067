"""The old protocol hears one poem, asyncio's streams another, and asyncio waits for both."""

import asyncio

from listener import hear

import weft
import weft.faces.twisted
from weft.learn import poets


async def old_way(reactor, port):
    loop = asyncio.get_running_loop()
    return await hear(reactor, "loom", port).asFuture(loop)


async def new_way(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    poem = await reader.read()
    writer.close()
    return poem.decode()


async def main(ports):
    reactor = weft.faces.twisted.install()
    reactor.run()  # the loop runs already: this begins, and returns
    async with asyncio.TaskGroup() as tasks:
        old = tasks.create_task(old_way(reactor, ports["loom"]), name="old way")
        new = tasks.create_task(new_way(ports["river"]), name="new way")
    print(f"loom: {len(old.result().splitlines())} lines")
    print(f"river: {len(new.result().splitlines())} lines")


with poets(loom=0.5, river=0.3) as ports:
    weft.run(main(ports))
