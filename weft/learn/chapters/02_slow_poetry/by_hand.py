"""Three poems from three slow poets, fetched together: one thread, and select."""

import select
import socket

from weft.learn import drawn, poets


@drawn
def connect(name, port):
    """Return a connection whose recv never waits."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setblocking(False)
    return connection


@drawn
def read_piece(name, connection):
    """Add what has come to the poem; return whether there may be more."""
    piece = connection.recv(1024)
    poems[name] += piece
    return piece != b""


poems = {}
with poets(loom=0.4, train=0.2, river=0.3) as ports:
    waiting = {}  # connection: the name of its poem
    for name, port in ports.items():
        poems[name] = b""
        waiting[connect(name, port)] = name
    while waiting:
        ready, _, _ = select.select(list(waiting), [], [])  # the only line that waits
        for connection in ready:
            if not read_piece(waiting[connection], connection):
                del waiting[connection]
                connection.close()

for name, poem in poems.items():
    print(f"{name}: {len(poem.decode().splitlines())} lines")
