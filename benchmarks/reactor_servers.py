"""A Twisted server on one reactor, in one process: python reactor_servers.py REACTOR KIND [--certificate PEM].

Prints "READY PORT" once it listens and serves until a signal ends it. The program is the same on every reactor, and
says nothing of them but which to install. At each SIGUSR1 it prints a line of JSON, as `idle_server.py` does.
"""

import argparse
import signal
import socket
import sys
from typing import Any

from idle_server import tell
from peers import REACTORS, WrongBuildError
from protocol_servers import twisted_factory
from servers import BACKLOG, RECEIVE_BUFFER_BYTES

TEXT = b"Hello, world\n"


def echo_factory() -> Any:
    """Return a factory of protocols that write back what comes."""
    from twisted.internet import protocol

    class Echo(protocol.Protocol):  # type: ignore[misc]
        def connectionMade(self) -> None:  # noqa: N802
            self.transport.setTcpNoDelay(True)
            self.factory.connected += 1

        def dataReceived(self, data: bytes) -> None:  # noqa: N802
            self.transport.write(data)

        def connectionLost(self, reason: object) -> None:  # noqa: N802
            self.factory.connected -= 1

    factory = protocol.Factory.forProtocol(Echo)
    factory.connected = 0
    return factory


def listen_echo(reactor: Any) -> Any:
    """Echo over TCP; return the port."""
    factory = echo_factory()
    signal.signal(signal.SIGUSR1, lambda *_: reactor.callFromThread(lambda: tell(factory.connected)))
    return reactor.listenTCP(0, factory, BACKLOG, "127.0.0.1")


def listen_tls(reactor: Any, certificate: str) -> Any:
    """Echo over TLS 1.3; return the port."""
    from pathlib import Path

    from twisted.internet import ssl

    own = ssl.PrivateCertificate.loadPEM(Path(certificate).read_bytes())
    options = ssl.CertificateOptions(
        privateKey=own.privateKey.original,
        certificate=own.original,
        raiseMinimumTo=ssl.TLSVersion.TLSv1_3,
    )
    return reactor.listenSSL(0, echo_factory(), options, BACKLOG, "127.0.0.1")


def listen_udp(reactor: Any) -> Any:
    """Echo over UDP, with as large a buffer in the kernel as it allows; return the port."""
    from twisted.internet import protocol

    class EchoDatagrams(protocol.DatagramProtocol):  # type: ignore[misc]
        def datagramReceived(self, data: bytes, address: tuple[str, int]) -> None:  # noqa: N802
            self.transport.write(data, address)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        bound.setblocking(False)
        bound.bind(("127.0.0.1", 0))
        return reactor.adoptDatagramPort(bound.fileno(), socket.AF_INET, EchoDatagrams())


def listen_web(reactor: Any) -> Any:
    """Answer every request for / with a short plain text, by twisted.web; return the port."""
    from twisted.web import resource, server

    class Hello(resource.Resource):  # type: ignore[misc]
        isLeaf = True  # noqa: N815

        def render_GET(self, request: Any) -> bytes:  # noqa: N802
            request.setHeader(b"content-type", b"text/plain")
            return TEXT

    site = server.Site(Hello())
    site.noisy = False
    return reactor.listenTCP(0, site, BACKLOG, "127.0.0.1")


def listen_messages(reactor: Any, kind: str) -> Any:
    """Answer lines, or netstrings, with themselves; return the port."""
    return reactor.listenTCP(0, twisted_factory(kind), BACKLOG, "127.0.0.1")


KINDS = ("echo", "tls", "udp", "lines", "netstrings", "web")


def run() -> int:
    """Run the server that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description="Run a Twisted server on one reactor until a signal ends it.")
    parser.add_argument("reactor", choices=REACTORS, help="which; weft-pure needs WEFT_PURE=1 as well")
    parser.add_argument("kind", choices=KINDS, nargs="?", default="echo", help="what it serves (%(default)s)")
    parser.add_argument("--certificate", metavar="PEM", help="for TLS: a file with the key and the certificates")
    arguments = parser.parse_args()
    try:
        REACTORS[arguments.reactor]()
    except WrongBuildError as error:
        print(f"{arguments.reactor}: {error}", file=sys.stderr)
        return 1
    from twisted.internet import reactor

    if arguments.kind == "tls":
        port = listen_tls(reactor, arguments.certificate)
    elif arguments.kind in ("lines", "netstrings"):
        port = listen_messages(reactor, arguments.kind)
    else:
        port = {"echo": listen_echo, "udp": listen_udp, "web": listen_web}[arguments.kind](reactor)
    print(f"READY {port.getHost().port}", flush=True)
    reactor.run()  # type: ignore[attr-defined]
    return 0


if __name__ == "__main__":
    sys.exit(run())
