"""A library that recites poems: a service, in which a server is another."""

import asyncio
import os
import signal

import weft
from weft.learn import poem


async def recite(reader, writer):
    for line in poem("loom").splitlines(keepends=True)[:4]:
        writer.write(line.encode())
        await asyncio.sleep(0.1)


class Library(weft.Service):
    async def start(self):
        print("library: the lamps are lit")

    async def reload(self):
        print("library: the rules are read again")

    async def stop(self):
        print("library: the lamps are out")


async def listener(name, port):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        print(f"{name}: nobody lets me in")
        return
    try:
        heard = await reader.read()
        print(f"{name}: {len(heard.splitlines())} of 4 lines")
    except ConnectionError:
        print(f"{name}: cut off")
    writer.close()


async def operator(library):
    """Ask for a reload after 0.1 s, and after another 0.1 s for the end."""
    await asyncio.sleep(0.1)
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0.1)
    print(library.tree())
    os.kill(os.getpid(), signal.SIGTERM)


async def evening(drain_s):
    """Open the library to Ada and Ben; Cleo comes when its end has been asked for."""
    server = weft.ServerService("tcp:0:interface=127.0.0.1", recite, name="server")
    library = Library(server, name="library")
    is_open = asyncio.Event()
    application = weft.Application(library, drain_s=drain_s)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(application.serve(ready=is_open.set), name="application")
        await is_open.wait()
        port = server.addresses[0][1]
        tasks.create_task(listener("Ada", port), name="Ada")
        tasks.create_task(listener("Ben", port), name="Ben")
        await tasks.create_task(operator(library), name="operator")
        await asyncio.sleep(0.1)
        tasks.create_task(listener("Cleo", port), name="Cleo")
