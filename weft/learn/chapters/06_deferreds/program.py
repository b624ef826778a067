"""Three poems by Deferreds: one is good, one is refused, one has no poet."""

import socket

from poetry import fetch

import weft
from weft.learn import keep_chain, poets


def criticise(poem):
    if "late" in poem:
        raise ValueError("always this lateness")
    return poem


def count(poem):
    return f"{len(poem.split())} good words"


def explain(failure):
    return f"nothing, because of a {failure.type.__name__}"


def say(words, name):
    print(f"{name}: {words}")


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
        poem = fetch(loop, name, port)
        poem.add_callback(criticise)
        poem.add_callback(count)
        poem.add_errback(explain)
        poem.add_callback(say, name)
        poem.add_both(finish, name)
        chains[name] = poem
    keep_chain(chains["loom"], "loom, while it waits")
    loop.run_forever()
loop.close()
for name, poem in chains.items():
    keep_chain(poem, name)
