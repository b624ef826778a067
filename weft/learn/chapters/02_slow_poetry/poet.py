"""A slow poet: recites a poem to one listener after another, and thinks before
each line. The simplest server there is: no threads, no event loop.

    python poet.py loom.txt 0.4

takes 0.4 seconds for a poem, and prints the port that it listens on.
"""

import socket
import sys
import time


def recite(listener, lines, pause):
    """Send the poem line by line, with a pause before each."""
    for line in lines:
        time.sleep(pause)
        listener.sendall(line)


with open(sys.argv[1], "rb") as file:
    lines = file.readlines()
pause = float(sys.argv[2]) / len(lines)

server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    listener, _ = server.accept()
    with listener:
        try:
            recite(listener, lines, pause)
        except OSError:
            print("a listener went away early", file=sys.stderr)
