"""Three poems from three slow poets, fetched one after another."""

import socket

from weft.learn import drawn, poets


@drawn
def fetch(name, port):
    """Return a poem: read until the poet hangs up."""
    poem = b""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while piece := connection.recv(1024):
            poem += piece
    return poem.decode()


with poets(loom=0.4, train=0.2, river=0.3) as ports:
    poems = {name: fetch(name, port) for name, port in ports.items()}

for name, poem in poems.items():
    print(f"{name}: {len(poem.splitlines())} lines")
