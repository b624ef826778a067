"""An AMP server: python amp_server.py (tcp | tls | starttls) CERTIFICATE. Prints "READY PORT"."""

import sys
from pathlib import Path
from typing import Any

from amp_commands import Add, Divide, Double, Fail, Reverse, Wait
from twisted.internet import reactor as reactor_module
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThread
from twisted.protocols import amp

reactor: Any = reactor_module


class Server(amp.AMP):  # type: ignore[misc]
    """Answers a client."""

    @Add.responder
    async def add(self, a: int, b: int) -> dict[str, int]:
        return {"total": (await self.callRemote(Double, number=a + b))["number"]}

    @Divide.responder
    def divide(self, a: int, b: int) -> Deferred[Any]:
        return deferToThread(lambda: {"quotient": a / b})

    @Reverse.responder
    def reverse(self, data: bytes, rows: list[Any]) -> dict[str, Any]:
        return {"data": data[::-1], "rows": rows[::-1]}

    @Wait.responder
    def wait(self) -> Deferred[Any]:
        return Deferred()

    @Fail.responder
    def fail(self) -> None:
        raise LookupError("on purpose")

    @amp.StartTLS.responder
    def start(self) -> dict[str, Any]:
        return {"tls_localCertificate": certificate}


mode, path = sys.argv[1:]
certificate = ssl.PrivateCertificate.loadPEM(Path(path).read_bytes())
factory = Factory.forProtocol(Server)
if mode == "tls":
    port = reactor.listenSSL(0, factory, certificate.options(), interface="127.0.0.1")
else:
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
print("READY", port.getHost().port, flush=True)
reactor.run()
