"""Exercise 2: five poets recite at once, and every line is printed when it comes."""

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
def hear(name, connection):
    """Print what has come from a poet; return whether there may be more."""
    piece = connection.recv(1024)
    for line in piece.decode().splitlines():
        print(f"{name}: {line}")
    return piece != b""


with poets(snow=0.5, loom=0.4, kite=0.3, train=0.35, river=0.45) as ports:
    names = {connect(name, port): name for name, port in ports.items()}
    while names:
        ready, _, _ = select.select(list(names), [], [])
        for connection in ready:
            if not hear(names[connection], connection):
                del names[connection]
                connection.close()
