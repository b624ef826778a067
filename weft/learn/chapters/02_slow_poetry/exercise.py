"""Exercise 2: five poets recite at once, and every line is printed when it comes.

This hears one poet to the end before it turns to the next. Change it so that it listens
to all of them together, by hand: one thread, and select. Each line is printed with its
poet's name before it, as it is now.
"""

import socket

from weft.learn import drawn, poets


@drawn
def hear(name, port):
    """Print a poet's lines, one by one, until he hangs up."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while piece := connection.recv(1024):
            for line in piece.decode().splitlines():
                print(f"{name}: {line}")


with poets(snow=0.5, loom=0.4, kite=0.3, train=0.35, river=0.45) as ports:
    for name, port in ports.items():
        hear(name, port)
