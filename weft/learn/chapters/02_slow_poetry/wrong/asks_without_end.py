"""It never waits: it asks every poet, again and again, whether something has come. It
prints the right thing.

Hint: It asks again and again whether something has come, and keeps a processor busy
with it. Let the system say when: select sleeps until at least one connection has
something.
"""

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
    try:
        piece = connection.recv(1024)
    except BlockingIOError:
        return True
    for line in piece.decode().splitlines():
        print(f"{name}: {line}")
    return piece != b""


with poets(snow=0.5, loom=0.4, kite=0.3, train=0.35, river=0.45) as ports:
    names = {connect(name, port): name for name, port in ports.items()}
    while names:
        for connection in list(names):
            if not hear(names[connection], connection):
                del names[connection]
                connection.close()
