"""Exercise 4: three poems, and a critic who may refuse one.

When a poem is complete, the critic is asked. For a poem that he refuses, print "NAME:
refused: " and why. When all three have had their verdict, the program ends. As it is,
it never does: find out why, and mend it.
"""

import asyncio
from functools import partial

import weft
from weft.learn import drawn, poets


def critic(poem):
    """Return a verdict. You cannot change the critic."""
    if "late" in poem:
        raise ValueError("always this lateness")
    return f"{len(poem.split())} words, all of them good"


class Listener(asyncio.Protocol):
    def __init__(self, name):
        self.name = name
        self.poem = b""
        listeners.append(self)

    @drawn
    def data_received(self, data):
        self.poem += data

    @drawn
    def connection_lost(self, error):
        print(f"{self.name}: {critic(self.poem.decode())}")
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
