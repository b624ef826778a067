"""One poet, and two who want to hear him at the same time."""

import socket
import threading

from weft.learn import drawn, poets


@drawn
def listen(name, port):
    """Hear the poem to its end."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        lines = connection.makefile().readlines()
    print(f"{name} has heard {len(lines)} lines")


with poets(loom=0.4) as ports:
    threads = [
        threading.Thread(target=listen, args=(name, ports["loom"]))
        for name in ("Ada", "Ben")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
