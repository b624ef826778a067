"""A walk that is called off, and what is tidied up on the way back."""

import asyncio

import weft


async def carry(what, seconds):
    try:
        print(f"carries {what}")
        await asyncio.sleep(seconds)
    finally:
        print(f"puts {what} down")


async def walk():
    print("locks the door")
    try:
        await carry("a lamp", 0.5)
        print("is there")
    except asyncio.CancelledError:
        print("turns round")
        raise
    finally:
        print("unlocks the door")


async def main():
    task = asyncio.create_task(walk(), name="walk")
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.wait([task])
    print("was cancelled:", task.cancelled())


weft.run(main())
