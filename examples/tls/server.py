"""A server over TLS: it tells each client what was agreed on, and who the client
has proved to be.

There is nothing of TLS in the program but that: the endpoint says it all. A
certificate to try it with, for a month:

    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \\
        -nodes -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost \\
        -keyout localhost.key -out localhost.pem

    python examples/tls/server.py                serves on port 7006 until Ctrl-C
    python examples/tls/client.py --trust localhost.pem hello

Let nobody in who does not prove who they are, here with the same certificate:

    python examples/tls/server.py --clients localhost.pem
    python examples/tls/client.py --trust localhost.pem \\
        --certificate localhost.pem --key localhost.key hello

A new certificate takes effect within a second, or at once with `kill -HUP`;
open connections do not notice.

Exits with 0 when it was stopped, 1 when it cannot serve, 2 for misuse.
"""

import argparse
import asyncio
import logging
import sys

import weft
from weft.endpoints import quote
from weft.errors import WeftError

WHERE = "tls:7006:interface=127.0.0.1:certificate=localhost.pem:key=localhost.key"


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each line with who said it, and over what."""
    tls = writer.get_extra_info("ssl_object")
    certificate = writer.get_extra_info("peercert") or {}
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    who = " ".join(names) or "somebody"
    while line := await reader.readline():
        writer.write(f"{who}, over {tls.version()}: ".encode() + line)
        await writer.drain()


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default=WHERE, metavar="ENDPOINT", help="where to listen (default: %(default)s)")
    parser.add_argument(
        "--clients", metavar="FILE", help="the authorities whose clients may come in (default: all may)"
    )
    options = parser.parse_args()
    listen = options.listen + (f":client_roots={quote(options.clients)}" if options.clients else "")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    server = weft.ServerService(listen, converse, finish=asyncio.StreamWriter.close, name="tls")
    try:
        weft.run(weft.Application(server).serve())
    except WeftError as error:
        sys.exit(f"server.py: {error}")


if __name__ == "__main__":
    main()
