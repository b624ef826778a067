"""Its errback prints, and returns nothing: say is then told None.

Hint: What an errback returns is the value for the next callback. One without a return
statement recovers with None: return the text, and let say print it.
"""

import socket

from poetry import fetch

import weft
from weft.learn import keep_chain, poets


def judge(poem):
    if "late" in poem:
        raise ValueError("always this lateness")
    return f"{len(poem.split())} words"


def say(words, name):
    print(f"{name}: {words}")


# ----------------------------------------------------------------


def explain(failure, name):
    if failure.check(ConnectionRefusedError):
        print(f"{name}: nobody recites it")
    else:
        print(f"{name}: refused: {failure.value}")


def tell(poem, name):
    poem.add_callback(judge)
    poem.add_errback(explain, name)
    poem.add_callback(say, name)


# ----------------------------------------------------------------


def finish(result, name):
    under_way.remove(name)
    if not under_way:
        loop.stop()
    return result


loop = weft.new_event_loop()
chains = {}
with poets(loom=0.4, train=0.2) as ports, socket.socket() as nobody:
    nobody.bind(("127.0.0.1", 0))  # it has a port, and does not listen
    ports["kite"] = nobody.getsockname()[1]
    under_way = list(ports)
    for name, port in ports.items():
        chains[name] = fetch(loop, name, port)
        tell(chains[name], name)
        chains[name].add_both(finish, name)
    loop.run_forever()
loop.close()
for name, poem in chains.items():
    keep_chain(poem, name)
