"""A server of one peer that answers messages with themselves: python protocol_servers.py PEER KIND.

Prints "READY PORT" once it listens. What is compared is how each peer has such servers written: Weft with its
protocols, Twisted with those of `twisted.protocols.basic`, asyncio and uvloop with asyncio's streams, which is what
the standard library has for messages.
"""

import argparse
import asyncio
import sys
from typing import Any

from peers import LOOPS
from servers import BACKLOG, make_prompt, run_on

KINDS = ("lines", "lines-only", "netstrings")
"""Twisted has a receiver of lines with a raw mode, as Weft has, and a faster one without (lines-only)."""
WITH_PROTOCOLS = ("weft", "weft-pure")
TWISTED = "twisted"
PEERS = (*WITH_PROTOCOLS, "uvloop", "asyncio", TWISTED)


def protocol_class(kind: str) -> Any:
    """Return the class of Weft's protocol that answers messages of this kind."""
    from weft import protocols

    class EchoLines(protocols.LineProtocol):
        delimiter = b"\n"

        def connected(self) -> None:
            make_prompt(self.transport)

        def line_received(self, line: bytes) -> None:
            self.send_line(line)

    class EchoNetstrings(protocols.NetstringProtocol):
        def connected(self) -> None:
            make_prompt(self.transport)

        def string_received(self, string: bytes) -> None:
            self.send_string(string)

    return EchoNetstrings if kind == "netstrings" else EchoLines


async def answer_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a connection's lines."""
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()


async def answer_netstrings(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a connection's netstrings, as strictly as one does by hand."""
    while True:
        length = int((await reader.readuntil(b":"))[:-1])
        string = await reader.readexactly(length + 1)
        if string[-1:] != b",":
            raise ValueError("a netstring ends with a comma")
        writer.write(b"%d:%b" % (length, string))
        await writer.drain()


async def serve(peer: str, kind: str) -> None:
    """Serve for ever, on the loop that runs."""
    if peer in WITH_PROTOCOLS:
        server: Any = await asyncio.get_running_loop().create_server(
            protocol_class(kind), "127.0.0.1", 0, backlog=BACKLOG
        )
    else:

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            make_prompt(writer)
            try:
                await (answer_netstrings if kind == "netstrings" else answer_lines)(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass  # the client has gone
            finally:
                writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=BACKLOG)
    print(f"READY {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def twisted_factory(kind: str) -> Any:
    """Return a factory of Twisted's protocols that answer messages of this kind."""
    from twisted.internet import protocol
    from twisted.protocols import basic

    class EchoLines(basic.LineReceiver if kind == "lines" else basic.LineOnlyReceiver):  # type: ignore[misc]
        delimiter = b"\n"

        def connectionMade(self) -> None:  # noqa: N802
            self.transport.setTcpNoDelay(True)

        def lineReceived(self, line: bytes) -> None:  # noqa: N802
            self.sendLine(line)

    class EchoNetstrings(basic.NetstringReceiver):  # type: ignore[misc]
        def connectionMade(self) -> None:  # noqa: N802
            super().connectionMade()
            self.transport.setTcpNoDelay(True)

        def stringReceived(self, string: bytes) -> None:  # noqa: N802
            self.sendString(string)

    return protocol.Factory.forProtocol(EchoNetstrings if kind == "netstrings" else EchoLines)


def run_twisted(kind: str) -> int:
    """Serve on Twisted's own reactor until a signal ends it."""
    from twisted.internet import reactor

    port = reactor.listenTCP(0, twisted_factory(kind), BACKLOG, "127.0.0.1")  # type: ignore[attr-defined]
    print(f"READY {port.getHost().port}", flush=True)
    reactor.run()  # type: ignore[attr-defined]
    return 0


def run() -> int:
    """Run the server that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description="Run one peer's server of messages until a signal ends it.")
    parser.add_argument("peer", choices=PEERS, help="whose; weft-pure needs WEFT_PURE=1 as well")
    parser.add_argument("kind", choices=KINDS, help="what its messages are")
    arguments = parser.parse_args()
    if arguments.peer == TWISTED:
        return run_twisted(arguments.kind)
    assert arguments.peer in LOOPS
    return run_on(arguments.peer, serve(arguments.peer, arguments.kind))


if __name__ == "__main__":
    sys.exit(run())
