"""The server: conversations about a store, over TLS, within limits."""

from pathlib import Path

import weft
from weft.endpoints import TcpServer, TlsServer
from weft.learn import drawn
from weft.protocols import ConnectionLimit, IdleLimit, LineProtocol

CERTIFICATE = str(Path(__file__).with_name("loopback.pem"))


class Conversation(LineProtocol):
    name = "server"
    max_length = 200

    def __init__(self, store):
        self.store = store

    def connected(self):
        self.send_line(b"welcome")

    @drawn
    def line_received(self, line):
        answer = self.store.answer(line.decode(errors="replace"))
        self.send_line(answer.encode())


def serving(factory, patience_s=0.5):
    """Return a service in which the factory makes a protocol for each connection."""
    patient = IdleLimit(factory, patience_s)
    limited = ConnectionLimit(patient, total=8, refusal=b"come back later\r\n")
    where = TlsServer(TcpServer(0, interface="127.0.0.1"), certificate=CERTIFICATE)
    return weft.ServerService(where, limited, name="server")
