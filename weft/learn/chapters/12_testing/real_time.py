"""The doorkeeper is tested as a visitor would do it: by sockets, and by waiting."""

import asyncio

from doorkeeper import Doorkeeper

import weft


async def says_a_name(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"Ad")
    await asyncio.sleep(0.1)  # so that the two pieces arrive one by one, we hope
    writer.write(b"a\n")
    assert await reader.readline() == b"Welcome, Ada!\n"
    writer.close()
    await writer.wait_closed()


async def says_nothing(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b"Nobody there?\n"
    writer.close()
    await writer.wait_closed()


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Doorkeeper, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await asyncio.create_task(says_a_name(port), name="says a name")
    print("a name in two pieces: greeted")
    await asyncio.create_task(says_nothing(port), name="says nothing")
    print("silence: sent away")
    server.close()
    await server.wait_closed()


Doorkeeper.patience_s = 0.5  # nobody wants to wait for a minute
weft.run(main())
