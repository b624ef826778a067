"""A slow poet: a plain blocking server that sends one poem, a few bytes at a time.

It owns one listening socket and serves one client after another, each from the poem's first byte.
It is deliberately the simplest server there is: no threads, no event loop, no Weft. While it sleeps it does nothing
else, which is just what makes it a good thing to wait for.
"""

import argparse
import math
import signal
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn


def open_listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens on `host` and `port`; port 0 lets the system choose a free one."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


def recite(poem: bytes, client: socket.socket, pause_s: float, chunk_bytes: int) -> None:
    """Send the whole poem to one client: think for a while, send a few bytes, and so on to the end."""
    for start in range(0, len(poem), chunk_bytes):
        time.sleep(pause_s)
        client.sendall(poem[start : start + chunk_bytes])


def serve_forever(listener: socket.socket, poem: bytes, pause_s: float, chunk_bytes: int) -> NoReturn:
    """Serve clients one after another; a client that goes away early costs only its own recital."""
    while True:
        client, address = listener.accept()
        with client:
            try:
                recite(poem, client, pause_s, chunk_bytes)
            except OSError as error:
                print(f"{address[0]}:{address[1]} went away: {error}", file=sys.stderr, flush=True)


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """End the program with exit code 2 and the message."""
        self.exit(2, f"{self.prog}: {message} (--help explains)\n")


def poem_bytes(path: str) -> bytes:
    """Return the poem in the file at `path`."""
    try:
        poem = Path(path).read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot read {path}: {error.strerror}") from error
    if not poem:
        raise argparse.ArgumentTypeError(f"{path} is empty: there is nothing to send")
    return poem


def port_number(text: str) -> int:
    """Return `text` as a TCP port, 0 to 65535."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a whole number from 0 to 65535")
    return int(text)


def pause_seconds(text: str) -> float:
    """Return `text` as a pause in seconds, 0 to 3600."""
    try:
        pause_s = float(text)
    except ValueError:
        pause_s = math.nan
    if not 0 <= pause_s <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a pause: give seconds, from 0 to 3600")
    return pause_s


def chunk_size(text: str) -> int:
    """Return `text` as a number of bytes, 1 or more."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: give a whole number of bytes, 1 or more")
    return int(text)


def make_parser() -> OneLineParser:
    """Return the parser of this program's command line."""
    parser = OneLineParser(
        prog="slow_server.py",
        description="Send a poem over TCP, slowly, to one client after another.",
        epilog="Try it: start 'slow_server.py poems/loom.txt --port 9001' in one terminal and 'nc localhost 9001' in "
        "two others. The second client gets nothing until the first has heard the whole poem: that is what "
        "blocking means. Ctrl-C or SIGTERM ends the server.",
    )
    parser.add_argument("poem", type=poem_bytes, metavar="POEM", help="the file to send")
    parser.add_argument(
        "--port",
        type=port_number,
        default=0,
        metavar="N",
        help="port to listen on (default: any free one; see READY)",
    )
    parser.add_argument(
        "--pause",
        type=pause_seconds,
        default=0.1,
        metavar="SECONDS",
        help="sleep before each chunk (default: %(default)s)",
    )
    parser.add_argument(
        "--chunk", type=chunk_size, default=32, metavar="BYTES", help="bytes sent at a time (default: %(default)s)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="IPv4 address to listen on (default: %(default)s)")
    return parser


def main() -> int:
    """Run the server until it is told to end; return its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM then ends the program as Ctrl-C does
    parser = make_parser()
    try:
        arguments = parser.parse_args()
        try:
            listener = open_listener(arguments.host, arguments.port)
        except OSError as error:
            parser.error(f"cannot listen on {arguments.host}:{arguments.port}: {error.strerror or error}")
        with listener:
            print(f"READY {listener.getsockname()[1]}", flush=True)
            serve_forever(listener, arguments.poem, arguments.pause, arguments.chunk)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
