"""The core: what happens next.

It owns the order of things: the ready queue, the timers, the poller and one turn of the loop. It knows nothing of
sockets, protocols, futures or coroutines; those are its users, and it never imports them.
"""
