"""Exercise 3: give this loop timers.

Its call_later sleeps, and while it sleeps the loop does nothing else. Mend the loop, so
that the bell rings while the poet thinks. You need to change nothing below the class.
"""

import select
import socket
import time
from collections import deque

from weft.learn import drawn, poets


class Loop:
    def __init__(self):
        self.ready = deque()
        self.readers = {}

    def call_soon(self, call, *args):
        self.ready.append((call, args))

    def call_later(self, delay, call, *args):
        time.sleep(delay)
        self.call_soon(call, *args)

    def add_reader(self, connection, call, *args):
        self.readers[connection] = (call, args)

    def remove_reader(self, connection):
        del self.readers[connection]

    def run(self):
        while self.ready or self.readers:  # timers alone do not keep it running
            self.turn()

    def turn(self):
        timeout = 0 if self.ready else None
        readable, _, _ = select.select(list(self.readers), [], [], timeout)
        for connection in readable:
            self.ready.append(self.readers[connection])
        for _ in range(len(self.ready)):
            call, args = self.ready.popleft()
            call(*args)


@drawn
def read_piece(name, connection):
    piece = connection.recv(1024)
    for line in piece.decode().splitlines():
        print(f"{name}: {line}")
    if not piece:
        loop.remove_reader(connection)
        connection.close()


@drawn
def ring(name, times):
    print("ding")
    if times > 1:
        loop.call_later(0.2, ring, name, times - 1)


loop = Loop()
with poets(loom=0.8) as ports:
    connection = socket.create_connection(("127.0.0.1", ports["loom"]))
    loop.add_reader(connection, read_piece, "loom", connection)
    loop.call_later(0.1, ring, "bell", 4)
    loop.run()
