"""A Klein site, for `twist web --class=klein_site.resource`, and a WSGI one, for `--wsgi=klein_site.application`."""

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from klein import Klein
from twisted.internet import reactor as reactor_module
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from zope.interface import implementer

import weft

reactor: Any = reactor_module
app: Any = Klein()
PIECE = bytes(range(256)) * 256
PIECES = 300
lost: dict[str, Deferred[str]] = {"reset": Deferred(), "ended": Deferred()}
"""How the connection of each endless download ended."""
made = {"pull": 0, "push": 0}
"""How many pieces of the large downloads were made so far."""


class Producer:
    """Makes the pieces of a large download."""

    def __init__(self, request: Any, kind: str) -> None:
        self.request = request
        self.kind = kind
        self.left = PIECES
        made[kind] = 0
        request.registerProducer(self, kind == "push")

    def make(self) -> None:
        self.request.write(PIECE)
        made[self.kind] += 1
        self.left -= 1
        if not self.left:
            self.request.unregisterProducer()
            self.request.finish()

    def stopProducing(self) -> None:
        self.left = 0


@implementer(IPullProducer)
class PullProducer(Producer):
    """Makes a piece when it is asked."""

    def resumeProducing(self) -> None:
        self.make()


@implementer(IPushProducer)
class PushProducer(Producer):
    """Makes pieces until it is paused."""

    is_paused = False

    def resumeProducing(self) -> None:
        self.is_paused = False
        while self.left and not self.is_paused:
            self.make()

    def pauseProducing(self) -> None:
        self.is_paused = True


@app.route("/hello")
def hello(request: Any) -> str:
    return "hello"


@app.route("/reactor")
def which(request: Any) -> str:
    return f"{type(reactor).__module__} {weft.BUILD}"


@app.route("/hash", methods=["POST"])
def hash_body(request: Any) -> str:
    body = request.content.read()
    return json.dumps({"length": len(body), "sha256": hashlib.sha256(body).hexdigest()})


@app.route("/number/<int:number>")
async def later(request: Any, number: int) -> str:
    await deferLater(reactor, 0.001)
    doubled = deferToThread(lambda: 2 * number)
    tripled = deferLater(reactor, 0, lambda: 3 * number)
    return f"{number} {await doubled} {await tripled}"


@app.route("/fail")
def fail(request: Any) -> str:
    raise LookupError("on purpose")


@app.route("/large/<kind>")
def large(request: Any, kind: str) -> Deferred[None]:
    request.setHeader(b"content-length", str(PIECES * len(PIECE)).encode())
    finished: Deferred[None] = request.notifyFinish()
    if kind == "pull":
        PullProducer(request, kind)
    else:
        reactor.callLater(0, PushProducer(request, kind).resumeProducing)
    return finished


@app.route("/made/<kind>")
def made_so_far(request: Any, kind: str) -> str:
    return str(made[kind])


@app.route("/endless/<name>")
async def endless(request: Any, name: str) -> None:
    gone = request.notifyFinish()
    gone.addErrback(lambda failure: lost[name].callback(failure.type.__name__))
    while not gone.called:
        request.write(PIECE)
        await deferLater(reactor, 0.001)


@app.route("/lost/<name>")
def tell_lost(request: Any, name: str) -> Deferred[str]:
    return lost[name]


resource = app.resource


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer by WSGI, in a thread."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("content-type", "text/plain")])
    for number in range(3):
        yield f"{number} {environ['PATH_INFO']} {environ['QUERY_STRING']} {len(body)}\n".encode()
