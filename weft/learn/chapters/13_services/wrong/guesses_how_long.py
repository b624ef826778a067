"""He waits for a time that should do. The output is right, today.

Hint: drain() sleeps for a time, and so it guesses how much there is on the desk. Wait for
the thing itself: desk.join() returns when every order that was put there is done.
"""

import asyncio
import os
import signal

import weft


class Scribe(weft.Service):
    async def start(self):
        self.is_open = True
        self.desk = asyncio.Queue()
        print("scribe: open")

    def order(self, text):
        if not self.is_open:
            raise ValueError("no more orders")
        self.desk.put_nowait(text)

    async def run(self):
        while True:
            text = await self.desk.get()
            await asyncio.sleep(0.1)  # he copies it
            print(f"scribe: {text} copied")
            self.desk.task_done()

    async def drain(self):
        self.is_open = False
        await asyncio.sleep(2)

    async def stop(self):
        print("scribe: closed")


async def customer(scribe):
    for text in ("loom", "train", "river", "snow", "lamp"):
        scribe.order(text)
    await asyncio.sleep(0.15)
    print("customer: that is the end")
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.1)
    try:
        scribe.order("kite")
        print("customer: and a kite, please")
    except ValueError as refusal:
        print(f"customer: {refusal}")


async def main():
    scribe = Scribe(name="scribe")
    application = weft.Application(scribe, drain_s=5)
    is_open = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(application.serve(ready=is_open.set), name="application")
        await is_open.wait()
        tasks.create_task(customer(scribe), name="customer")


weft.run(main())
