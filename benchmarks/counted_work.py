"""Fixed work for `instructions.py` to count, in this process: python counted_work.py CERTIFICATE.

Each piece of work is done three times: a little to fill the caches, then as little again, then more. Between them
stands a mark, a call that the counting program knows. By what more exceeds little, the operations are told apart from
what is made once. Client and server share one loop and take turns, so that the order of events is always the same.
Nothing depends on the time, and the garbage collector is off, for its turns would depend on what ran before.
"""

import argparse
import asyncio
import gc
import os
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import deferred_calls
import loops
from peers import LOOPS
from servers import listen

LITTLE, MORE = 1000, 2000
"""How many operations each piece of work is done with; `loops.py` and `deferred_calls.py` work in thousands."""

SIZE = 256
"""Bytes of a message: Python's own allocator makes them. What the C library's does for larger ones, and how much that
costs, depends on what lay in its heap before."""

mark = os.getppid
"""Ends one count and begins the next: nothing else in this process calls that function of the C library."""

Work = Callable[[int], object]


class Caller(asyncio.Protocol, asyncio.DatagramProtocol):
    """The client: sends a message and waits until it is back, again and again."""

    line = b"x" * (SIZE - 1) + b"\n"

    def connection_made(self, transport: Any) -> None:
        """Keep how to send."""
        self.transport = transport
        self.send = transport.sendto if hasattr(transport, "sendto") else transport.write
        self.left = self.received = 0

    async def call(self, count: int) -> None:
        """Exchange so many messages."""
        self.left = count
        self.done = asyncio.get_running_loop().create_future()
        self.send(self.line)
        await self.done

    def data_received(self, data: bytes) -> None:
        """Send the next message once this one is back whole."""
        self.received += len(data)
        if self.received == SIZE:
            self.received = 0
            self.left -= 1
            if self.left:
                self.send(self.line)
            else:
                self.done.set_result(None)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Do the same over UDP."""
        self.data_received(data)


EXCHANGES: dict[str, dict[str, Any]] = {
    "protocol echo": {},
    "protocol echo in two pieces": {"pieces": 2},
    "streams echo, readline": {"style": "streams-readline"},
    "streams echo, readexactly": {"style": "streams-readexactly"},
    "TLS echo": {"mode": "tls"},
    "UDP echo": {"mode": "udp"},
}
"""What is exchanged, over TCP where nothing else is said: in what it differs from the first."""

CALLS = ("call_soon chain", "call_soon burst", "call_later, cancelled", "sleep(0)", "create_task and gather",
         "future wake-up")  # fmt: skip
"""Of the measurements in `loops.py`: those in which no time has to pass and no other thread runs."""

DEFERREDS = ("make, ten callbacks, fire", "inline step, waits")
"""Of the measurements in `deferred_calls.py`."""


async def connect(loop: asyncio.AbstractEventLoop, arguments: argparse.Namespace, port: int) -> tuple[Any, Caller]:
    """Return a client of the server that the arguments describe: its transport and its protocol."""
    if arguments.mode == "udp":
        return await loop.create_datagram_endpoint(Caller, remote_addr=("127.0.0.1", port))
    context = None
    if arguments.mode == "tls":
        context = ssl.create_default_context(cafile=arguments.certificate)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return await loop.create_connection(Caller, "127.0.0.1", port, ssl=context)


@contextmanager
def exchange(loop: asyncio.AbstractEventLoop, certificate: str, differences: dict[str, Any]) -> Iterator[Work]:
    """Give what exchanges so many messages between a client and a server, both on this loop."""
    usual = {"mode": "tcp", "style": "protocol", "pieces": 1, "port": 0, "message_bytes": SIZE}
    arguments = argparse.Namespace(**(usual | {"certificate": certificate} | differences))
    server, port = loop.run_until_complete(listen(arguments))
    transport, caller = loop.run_until_complete(connect(loop, arguments, port))
    yield lambda count: loop.run_until_complete(caller.call(count))
    transport.close()
    server.close()
    loop.run_until_complete(asyncio.sleep(0))


@contextmanager
def recorded_exchange(loop: asyncio.AbstractEventLoop, certificate: str) -> Iterator[Work]:
    """Give the same over TCP while a recorder watches."""
    import weft.record

    recorder = weft.record.Recorder()
    recorder.attach(loop)
    with exchange(loop, certificate, {}) as work:
        yield work
    recorder.detach(loop)


def all_work(loop: asyncio.AbstractEventLoop, certificate: str) -> dict[str, AbstractContextManager[Work]]:
    """Return each piece of work by its name, in the order in which it is done."""
    work: dict[str, AbstractContextManager[Work]] = {}
    for name in CALLS:
        work[name] = nullcontext(loops.runner_of(name, loop)[0])
    for name in DEFERREDS:
        work[f"Deferred: {name}"] = nullcontext(
            partial(deferred_calls.MEASUREMENTS[name][0], deferred_calls.Kind("weft"))
        )
    for name, differences in EXCHANGES.items():
        work[name] = exchange(loop, certificate, differences)
    work["protocol echo, recorded"] = recorded_exchange(loop, certificate)
    return work


def main() -> int:
    """Do all of it, and print the names in the order of the counts."""
    loop = LOOPS["weft"]()
    gc.disable()
    names = []
    for name, made in all_work(loop, sys.argv[1]).items():
        with made as work:
            work(LITTLE)
            gc.collect()
            mark()
            work(LITTLE)
            mark()
            work(MORE)
            mark()
        names.append(name)
    loop.close()
    print("\n".join(names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
