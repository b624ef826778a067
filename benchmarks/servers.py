"""An echo server of one peer, in one process: python servers.py KIND [--mode tcp] [--style protocol] ...

Prints "READY PORT" once it listens (the port is 0 for a UNIX socket) and serves until a signal ends it. The server is
the same for all of them, so that only the loops differ. `--style` says what it is written with:

  protocol                  a plain `asyncio.Protocol` that writes back what it gets; over UDP a `DatagramProtocol`
  buffered                  a `BufferedProtocol`, which reads into a buffer of its own
  streams-readline          `asyncio.start_server`, unchanged: a line is read, written, and drained
  streams-readexactly       the same, with --message-bytes read at a time
  weft-streams-readline     the same server by `weft.serve_streams`, whose streams are Weft's on every peer's loop
  weft-streams-readexactly  and with --message-bytes read at a time
"""

import argparse
import asyncio
import signal
import socket
import ssl
import sys
from collections.abc import Coroutine
from typing import Any, cast

from peers import LOOPS, WrongBuildError

MODES = ("tcp", "unix", "tls", "udp")
STREAM_STYLES = ("streams-readline", "streams-readexactly", "weft-streams-readline", "weft-streams-readexactly")
STYLES = ("protocol", "buffered", *STREAM_STYLES)

BACKLOG = 4096
"""Room for every connection that a load opens at once; the kernel may allow less."""

BUFFER_BYTES = 64 * 1024
"""What a `BufferedProtocol` here offers to read into."""

LEAST_LIMIT_BYTES = 64 * 1024
"""How much asyncio's streams buffer by default; the limit must be above the size of a line."""

RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
"""What is asked of the kernel for a UDP socket, so that few datagrams are lost; it may allow less."""


def parts_of(data: bytes, count: int) -> list[bytes]:
    """Return the data in as many parts, as equal as can be and none of them empty."""
    step = -(-len(data) // count)
    return [data[begin : begin + step] for begin in range(0, len(data), step)]


def make_prompt(transport: asyncio.BaseTransport | asyncio.StreamWriter) -> None:
    """Have small messages leave at once on TCP, whatever the peer's own default is."""
    connection = transport.get_extra_info("socket")
    if connection.family == socket.AF_INET:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Echo(asyncio.Protocol):
    """Writes back whatever comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance, only by its methods
        make_prompt(transport)

    def data_received(self, data: bytes) -> None:
        """Write the data back."""
        self.transport.write(data)


class EchoInPieces(Echo):
    """Writes back whatever comes, in several writes, as a server writes headers and then a body."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces

    def data_received(self, data: bytes) -> None:
        """Write the data back, a part at a time."""
        for part in parts_of(data, self.pieces):
            self.transport.write(part)


class BufferedEcho(asyncio.BufferedProtocol):
    """Writes back whatever comes, which it has read into its own buffer."""

    def __init__(self) -> None:
        self.buffer = bytearray(BUFFER_BYTES)
        self.view = memoryview(self.buffer)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)
        make_prompt(transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the whole buffer."""
        return self.view

    def buffer_updated(self, nbytes: int) -> None:
        """Write a copy back: a transport may keep what it is given, and the buffer is read into again."""
        self.transport.write(bytes(self.view[:nbytes]))


class EchoDatagrams(asyncio.DatagramProtocol):
    """Sends each datagram back to where it came from."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Send the datagram back."""
        self.transport.sendto(data, addr)


class EchoStreams:
    """Serves a connection with streams, a message at a time."""

    def __init__(self, message_bytes: int | None, pieces: int) -> None:
        self.message_bytes = message_bytes
        self.pieces = pieces

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Echo until the client closes."""
        make_prompt(writer)
        try:
            while message := await self._read(reader):
                if self.pieces == 1:
                    writer.write(message)
                else:
                    for part in parts_of(message, self.pieces):
                        writer.write(part)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone, as it may in the midst of a message
        finally:
            writer.close()

    def _read(self, reader: asyncio.StreamReader) -> Coroutine[Any, Any, bytes]:
        return reader.readline() if self.message_bytes is None else reader.readexactly(self.message_bytes)


async def listen_by_endpoint(
    arguments: argparse.Namespace, serve_client: EchoStreams, limit_bytes: int
) -> tuple[Any, int]:
    """Listen with `weft.serve_streams`; return what it gives, and the port (0 for a UNIX socket)."""
    import weft

    is_unix = arguments.mode == "unix"
    where = f"unix:{arguments.path}" if is_unix else f"tcp:{arguments.port}:interface=127.0.0.1"
    port = await weft.serve_streams(where, serve_client, limit_bytes=limit_bytes)
    return port, 0 if is_unix else port.addresses[0][1]


async def listen(arguments: argparse.Namespace) -> tuple[Any, int]:
    """Return a server that listens, or over UDP its transport, and its port (0 for a UNIX socket)."""
    loop = asyncio.get_running_loop()
    if arguments.mode == "udp":
        return await listen_to_datagrams(arguments.port)
    options: dict[str, Any] = {"backlog": BACKLOG}
    if arguments.mode == "tls":
        options["ssl"] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        options["ssl"].minimum_version = ssl.TLSVersion.TLSv1_3
        options["ssl"].load_cert_chain(arguments.certificate)
    where = {"path": arguments.path} if arguments.mode == "unix" else {"host": "127.0.0.1", "port": arguments.port}
    if arguments.style in STREAM_STYLES:
        is_by_line = arguments.style.endswith("readline")
        serve_client = EchoStreams(None if is_by_line else arguments.message_bytes, arguments.pieces)
        options["limit"] = max(LEAST_LIMIT_BYTES, 2 * arguments.message_bytes)
        if arguments.style.startswith("weft"):
            return await listen_by_endpoint(arguments, serve_client, options["limit"])
        start = asyncio.start_unix_server if arguments.mode == "unix" else asyncio.start_server
        server = await start(serve_client, **where, **options)
    else:
        if arguments.style == "buffered":
            factory: Any = BufferedEcho
        else:
            factory = Echo if arguments.pieces == 1 else lambda: EchoInPieces(arguments.pieces)
        create = loop.create_unix_server if arguments.mode == "unix" else loop.create_server
        server = await create(factory, **where, **options)
    return server, 0 if arguments.mode == "unix" else server.sockets[0].getsockname()[1]


async def listen_to_datagrams(port: int) -> tuple[asyncio.DatagramTransport, int]:
    """Return the transport of a UDP server, and its port."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    listening.setblocking(False)
    listening.bind(("127.0.0.1", port))
    bound_port: int = listening.getsockname()[1]  # rloop takes the socket away
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(EchoDatagrams, sock=listening)
    return transport, bound_port


async def serve(arguments: argparse.Namespace) -> None:
    """Serve on 127.0.0.1, or on a UNIX socket, for ever."""
    _server, port = await listen(arguments)
    print(f"READY {port}", flush=True)
    await asyncio.Event().wait()


def run_on(kind: str, main: Coroutine[Any, Any, None]) -> int:
    """Run the coroutine on the loop of this kind until a signal ends it; return the process's exit code."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        if kind == "weft-recorded":
            LOOPS[kind]().close()  # refuses the wrong build, as for the other kinds
            import weft
            import weft.record

            weft.run(main, recorder=weft.record.Recorder())
        else:
            with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
                runner.run(main)
    except WrongBuildError as error:
        main.close()
        print(f"{kind}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def run() -> int:
    """Run the server that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description="Run one peer's echo server until a signal ends it.")
    parser.add_argument("kind", choices=LOOPS, help="whose event loop; weft-pure needs WEFT_PURE=1 as well")
    parser.add_argument("--mode", choices=MODES, default="tcp", help="kind of connection (%(default)s)")
    parser.add_argument("--style", choices=STYLES, default="protocol", help="what it is written with (%(default)s)")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port on 127.0.0.1 (0: a free one)")
    parser.add_argument("--path", help="path of the UNIX socket to make")
    parser.add_argument("--certificate", metavar="PEM", help="for TLS: a file with the key and the certificates")
    parser.add_argument("--message-bytes", type=int, default=1024, help="a message's size, or the greatest of them")
    parser.add_argument("--pieces", type=int, default=1, help="in how many writes a message goes back (1)")
    arguments = parser.parse_args()
    return run_on(arguments.kind, serve(arguments))


if __name__ == "__main__":
    sys.exit(run())
