"""A doorkeeper: it greets whoever says a name, and sends away who says none."""

import asyncio

from weft.learn import drawn


class Doorkeeper(asyncio.Protocol):
    name = "doorkeeper"
    patience_s = 60

    @drawn
    def connection_made(self, transport):
        self.transport = transport
        self.heard = b""
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(self.patience_s, self.send_away)

    @drawn
    def data_received(self, data):
        self.heard += data
        *names, self.heard = self.heard.split(b"\n")
        for name in names:
            self.transport.write(b"Welcome, " + name + b"!\n")
            self.timer.cancel()

    @drawn
    def send_away(self):
        self.transport.write(b"Nobody there?\n")
        self.transport.close()

    @drawn
    def connection_lost(self, error):
        self.timer.cancel()
