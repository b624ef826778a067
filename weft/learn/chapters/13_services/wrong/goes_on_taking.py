"""He finishes what is on his desk, and goes on taking orders meanwhile.

Hint: He still takes orders while he finishes: with a customer who never stops, neither
would he. In drain(), refuse what is new first, and then finish what is under way.
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
        await self.desk.join()

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
