"""An AMP client: python amp_client.py (tcp | tls | starttls) PORT AUTHORITY. Prints, as JSON, what its calls gave."""

import json
import sys
from pathlib import Path
from typing import Any

from amp_commands import Add, Divide, Double, Fail, Reverse, Wait
from twisted.internet import defer, endpoints, ssl, task
from twisted.protocols import amp

CALLS = 3000
UNDER_WAY = 100


class Client(amp.AMP):  # type: ignore[misc]
    """Answers what the server asks meanwhile."""

    doubled = 0

    @Double.responder
    def double(self, number: int) -> dict[str, int]:
        self.doubled += 1
        return {"number": 2 * number}


async def talk(client: Client) -> dict[str, Any]:
    """Make every kind of call, thousands of the first."""
    totals: list[int] = [0] * CALLS

    async def add(number: int) -> None:
        totals[number] = (await client.callRemote(Add, a=number, b=1))["total"]

    work = (defer.Deferred.fromCoroutine(add(number)) for number in range(CALLS))
    await defer.gatherResults([task.coiterate(work) for _ in range(UNDER_WAY)])

    quotient = (await client.callRemote(Divide, a=1, b=4))["quotient"]
    divided = []
    for divisor in (0, 2):
        try:
            divided.append((await client.callRemote(Divide, a=1, b=divisor))["quotient"])
        except ZeroDivisionError as reason:
            divided.append(str(reason))

    data = bytes(range(256)) * 255
    rows = [{"name": f"línea {number}", "size": number} for number in range(1000)]
    reversed_ = await client.callRemote(Reverse, data=data, rows=rows)

    waiting = client.callRemote(Wait)
    waiting.cancel()
    cancelled = await waiting.addErrback(lambda failure: failure.type.__name__)

    unanswered = client.callRemote(Wait)
    failed = await client.callRemote(Fail).addErrback(lambda failure: failure.type.__name__)
    client.transport.loseConnection()
    return {
        "totals": totals == [2 * (number + 1) for number in range(CALLS)],
        "doubled": client.doubled,
        "quotient": quotient,
        "divided": divided,
        "reversed": reversed_ == {"data": data[::-1], "rows": rows[::-1]},
        "cancelled": cancelled,
        "failed": failed,
        "unanswered": await unanswered.addErrback(lambda failure: failure.type.__name__),
    }


async def main(reactor: Any, mode: str, port: str, path: str) -> None:
    authority = ssl.Certificate.loadPEM(Path(path).read_bytes())
    endpoint: Any = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port))
    if mode == "tls":
        options = ssl.optionsForClientTLS("localhost", trustRoot=ssl.trustRootFromCertificates([authority]))
        endpoint = endpoints.wrapClientTLS(options, endpoint)
    client = await endpoints.connectProtocol(endpoint, Client())
    if mode == "starttls":
        await client.callRemote(amp.StartTLS, tls_verifyAuthorities=[authority])
    told = await talk(client)
    told["encrypted"] = client.peerCertificate is not None if mode == "starttls" else mode == "tls"
    told["reactor"] = type(reactor).__module__.partition(".")[0]
    print(json.dumps(told))


task.react(lambda reactor, *argv: defer.Deferred.fromCoroutine(main(reactor, *argv)), sys.argv[1:])
