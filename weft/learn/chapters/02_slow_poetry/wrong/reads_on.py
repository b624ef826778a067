"""It waits for all of them in select, and then reads on from the one that spoke, until
he hangs up.

Hint: select promised one recv that does not wait, and no more than one. The next recv
waits for the next line and holds the thread, while others have spoken. Take one piece,
and go back to select.
"""

import select
import socket

from weft.learn import drawn, poets


@drawn
def connect(name, port):
    """Return a connection."""
    return socket.create_connection(("127.0.0.1", port))


@drawn
def hear(name, connection):
    """Print a poet's lines, one by one, until he hangs up."""
    while piece := connection.recv(1024):
        for line in piece.decode().splitlines():
            print(f"{name}: {line}")


with poets(snow=0.5, loom=0.4, kite=0.3, train=0.35, river=0.45) as ports:
    names = {connect(name, port): name for name, port in ports.items()}
    while names:
        ready, _, _ = select.select(list(names), [], [])
        for connection in ready:
            hear(names.pop(connection), connection)
            connection.close()
