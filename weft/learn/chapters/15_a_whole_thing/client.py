"""The client: many questions may be under way at once."""

from collections import deque

from server import CERTIFICATE

import weft
from weft.endpoints import TcpClient, TlsClient
from weft.protocols import LineProtocol


class Client(LineProtocol):
    def connected(self):
        self.greeting = weft.Deferred()
        self.under_way = deque([self.greeting])
        self.lost = weft.Deferred()

    def ask(self, request):
        """Return a Deferred of the answer; the answers come in the questions' order."""
        answer = weft.Deferred()
        self.under_way.append(answer)
        self.send_line(request.encode())
        return answer

    def line_received(self, line):
        self.under_way.popleft().callback(line.decode())

    def disconnected(self, error):
        while self.under_way:
            failed = ConnectionError("the server hung up")
            self.under_way.popleft().errback(failed)
        self.lost.callback(None)


async def connect(service):
    """Return a client, greeted by the server; raise ConnectionError if it is refused."""
    host, port = service.addresses[0]
    where = TlsClient(TcpClient(host, port), trust_roots=CERTIFICATE)
    _, client = await weft.connect(where, Client)
    greeting = await client.greeting
    if greeting != "welcome":
        raise ConnectionError(greeting)
    return client
