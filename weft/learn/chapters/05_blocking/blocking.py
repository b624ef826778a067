"""Two poems, a pulse, and one call that sleeps."""

import asyncio
import time

import weft
from weft.learn import poets


def look_up(word):
    """Return what a dictionary on a slow disk says. It takes its time."""
    time.sleep(0.3)
    return f"{word}: what a thread has, while it hangs"


async def scholar():
    await asyncio.sleep(0.12)
    print(look_up("patience"))


async def pulse():
    for _ in range(11):
        await asyncio.sleep(0.05)


async def hear(name, port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    poem = await reader.read()
    writer.close()
    print(f"{name}: {len(poem.splitlines())} lines")


async def main(ports):
    async with asyncio.TaskGroup() as tasks:
        for name, port in ports.items():
            tasks.create_task(hear(name, port), name=name)
        tasks.create_task(pulse(), name="pulse")
        tasks.create_task(scholar(), name="scholar")


with poets(loom=0.5, river=0.4) as ports:
    weft.run(main(ports))
