"""A client over TLS: it says nothing before the server has proved who it is.

Here the endpoint is an object, and not a string, since its parts come from
options.

    python examples/tls/client.py --trust localhost.pem hello

server.py says how to make the certificate. A server with another name than it
has proved is refused, and so is one that nobody told us to trust:

    python examples/tls/client.py --trust localhost.pem --host 127.0.0.1 hello
    python examples/tls/client.py hello

Exits with 0 when every line was answered, 1 when the server is not there, is
not to be trusted, or ends too soon, 2 for misuse, 130 after Ctrl-C.
"""

import argparse
import ssl
import sys

import weft
from weft.endpoints import TcpClient, TlsClient
from weft.errors import WeftError


async def say(where: TlsClient, lines: list[str]) -> None:
    """Send the lines one by one, and print the answer to each. Raises EOFError if one does not come."""
    reader, writer = await weft.open_stream(where)
    try:
        for line in lines:
            writer.write(f"{line}\n".encode())
            answer = await reader.readline()
            if not answer.endswith(b"\n"):
                raise EOFError("the server ended the connection before it answered")
            print(answer.decode(errors="replace"), end="")
    finally:
        writer.close()


def main() -> None:
    """Talk, and print the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", nargs="+", metavar="LINE", help="what to say")
    parser.add_argument("--host", default="localhost", help="whom to connect to (default: %(default)s)")
    parser.add_argument("--port", type=int, default=7006, help="the port there (default: %(default)s)")
    parser.add_argument("--trust", metavar="FILE", help="whose certificates to trust (default: the system's)")
    parser.add_argument("--certificate", metavar="FILE", help="our own certificate, for a server that asks for one")
    parser.add_argument("--key", metavar="FILE", help="its key (default: in the certificate's file)")
    options = parser.parse_args()
    try:
        where = TlsClient(
            TcpClient(options.host, options.port),
            trust_roots=options.trust,
            certificate=options.certificate,
            key=options.key,
        )
        weft.run(say(where, options.lines))
    except ssl.SSLCertVerificationError as error:
        sys.exit(f"client.py: {options.host} is not to be trusted: {error.verify_message}")
    except (OSError, EOFError, WeftError) as error:
        sys.exit(f"client.py: {options.host} port {options.port}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
