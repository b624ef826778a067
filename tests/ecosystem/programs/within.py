"""Twisted within a program of asyncio's that runs already: python within.py. Prints what `beside` prints."""

import asyncio

import weft
import weft.faces.twisted


async def begin() -> None:
    """Start the reactor on the loop that runs, do all of `beside`, and stop it; the loop goes on."""
    reactor = weft.faces.twisted.install()
    reactor.run()
    import beside

    stopped = asyncio.Event()
    reactor.addSystemEventTrigger("after", "shutdown", stopped.set)
    await beside.main(reactor)
    reactor.stop()
    await stopped.wait()


weft.run(begin())
