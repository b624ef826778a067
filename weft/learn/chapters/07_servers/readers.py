"""Four readers who ask your proxy. You cannot change them."""

import asyncio

from translation import connect

PATIENCE_S = 2


async def read(name, asker, text):
    try:
        answer = await asker.ask(text).add_timeout(PATIENCE_S)
    except (TimeoutError, ConnectionError):
        print(f"{name}: no answer")
    else:
        print(f"{name}: {answer.decode()}")


async def read_all(port):
    """Ada, Ben and Dora ask at the same time; Cleo when they have their answers."""
    names = ("Ada", "Ben", "Dora", "Cleo")
    askers = {name: await connect(port) for name in names}
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read("Ada", askers["Ada"], b"river"), name="Ada")
        tasks.create_task(read("Ben", askers["Ben"], b"river"), name="Ben")
        tasks.create_task(read("Dora", askers["Dora"], b"loom"), name="Dora")
    await asyncio.create_task(read("Cleo", askers["Cleo"], b"river"), name="Cleo")
