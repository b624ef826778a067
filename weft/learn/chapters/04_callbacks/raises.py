"""The same, and one of the callbacks raises an exception."""

import asyncio
from functools import partial

import weft
from weft.learn import drawn, keep_stack, poets


class Listener(asyncio.Protocol):
    def __init__(self, name):
        self.name = name
        self.poem = b""
        listeners.append(self)

    @drawn
    def connection_made(self, transport):
        print(f"{self.name}: connected")

    @drawn
    def data_received(self, data):
        self.poem += data
        if b"wait" in self.poem:
            keep_stack("just before the exception")
            raise ValueError("I am done with waiting")

    @drawn
    def connection_lost(self, error):
        print(f"{self.name}: {len(self.poem.splitlines())} lines, then: {error}")
        listeners.remove(self)
        if not listeners:
            loop.stop()


async def connect(ports):
    for name, port in ports.items():
        await loop.create_connection(partial(Listener, name), "127.0.0.1", port)


loop = weft.new_event_loop()
listeners = []
with poets(loom=0.4, train=0.2, river=0.3) as ports:
    loop.run_until_complete(connect(ports))
    loop.run_forever()
loop.close()
