"""Who comes: most are honest. One sends a line that never ends, one says nothing at all."""

import asyncio

from client import connect

import weft


async def honest(name, service):
    """Ask twenty things at a time, five times."""
    try:
        client = await connect(service)
    except ConnectionError as refusal:
        print(f"{name}: {refusal}")
        return
    for turn in range(5):
        answers = [client.ask(f"set {name}-{turn} {n}") for n in range(20)]
        await weft.gather_results(answers)
        await asyncio.sleep(0.1)
    print(f"{name}: 100 answers")
    client.transport.close()


async def endless(name, service):
    client = await connect(service)
    await asyncio.sleep(0.2)
    client.transport.write(b"set loom " + b"x" * 1_000_000)
    await client.lost
    print(f"{name}: sent away")


async def silent(name, service):
    client = await connect(service)
    await client.lost
    print(f"{name}: sent away")
