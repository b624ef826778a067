"""It prints the right thing. But its callbacks do not take what has come: each waits
for a whole poem.

Hint: A callback waits, and it was the loop that called it: until it returns, nobody
else is called. Do not wait in a callback; take what has come and return, and you are
called again when there is more.
"""

import socket

import weft
from weft.learn import drawn, poets


def critic(poem):
    """Return a verdict. You cannot change the critic."""
    if "late" in poem:
        raise ValueError("always this lateness")
    return f"{len(poem.split())} words, all of them good"


@drawn
def hear(name, port):
    poem = b""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while piece := connection.recv(1024):
            poem += piece
    try:
        verdict = critic(poem.decode())
    except ValueError as refusal:
        verdict = f"refused: {refusal}"
    print(f"{name}: {verdict}")


loop = weft.new_event_loop()
with poets(loom=0.4, train=0.2, river=0.3) as ports:
    for name, port in ports.items():
        loop.call_soon(hear, name, port)
    loop.call_soon(loop.stop)
    loop.run_forever()
loop.close()
