"""A slow poet: recites a poem to one listener after another, and thinks before each line.

    python poet.py loom.txt 0.4      # 0.4 seconds from the first thought to the last line

It is the simplest server there is: no threads, no event loop. It prints the port that it listens on.
"""

import socket
import sys
import time


def recite(listener: socket.socket, lines: list[bytes], pause: float) -> None:
    """Send the poem line by line, with a pause before each."""
    for line in lines:
        time.sleep(pause)
        listener.sendall(line)


def main() -> None:
    """Listen for whoever comes, for ever."""
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


if __name__ == "__main__":
    main()
