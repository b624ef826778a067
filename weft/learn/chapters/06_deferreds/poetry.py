"""Poems as Deferreds."""

import asyncio

import weft
from weft.learn import drawn


class Listener(asyncio.Protocol):
    def __init__(self, name, poem):
        self.name = name
        self.poem = poem
        self.text = b""

    @drawn
    def data_received(self, data):
        self.text += data

    @drawn
    def connection_lost(self, error):
        self.poem.callback(self.text.decode())


def fetch(loop, name, port):
    """Return a Deferred of a poem; it fails if there is no poet."""
    poem = weft.Deferred()
    connecting = loop.create_connection(lambda: Listener(name, poem), "127.0.0.1", port)
    task = loop.create_task(connecting, name=f"to {name}")
    weft.Deferred.from_future(task).add_errback(poem.errback)
    return poem
