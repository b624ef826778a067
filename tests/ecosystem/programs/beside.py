"""Twisted and asyncio in one process, on one loop: python beside.py [asyncio]. Prints what came of it, as JSON.

Klein and aiohttp serve; treq and aiohttp ask, each of both, many times and at the same time. `asyncio` chooses
Twisted's asyncio reactor; otherwise the program says nothing of reactors.
"""

import asyncio
import json
import sys
from typing import Any

if sys.argv[1:] == ["asyncio"]:
    from twisted.internet import asyncioreactor

    asyncioreactor.install()

import aiohttp
import treq
from aiohttp import web
from klein import Klein
from twisted.internet import defer, task
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.web.server import Site

TIMES = 50
klein: Any = Klein()


@klein.route("/double/<int:number>")
async def double_by_klein(request: Any, number: int) -> str:
    await Deferred.fromFuture(asyncio.ensure_future(asyncio.sleep(0.001)))
    return str(await deferToThread(lambda: 2 * number))


async def double_by_aiohttp(request: web.Request) -> web.Response:
    from twisted.internet import reactor

    loop = asyncio.get_running_loop()
    await task.deferLater(reactor, 0.001).asFuture(loop)
    return web.Response(text=str(await asyncio.to_thread(lambda: 2 * int(request.match_info["number"]))))


async def ask_by_treq(url: str) -> list[int]:
    """Ask with Twisted's client, in a coroutine of Twisted's."""

    async def ask(number: int) -> int:
        response = await treq.get(f"{url}/double/{number}")
        return int(await response.text())

    return list(await defer.gatherResults([Deferred.fromCoroutine(ask(number)) for number in range(TIMES)]))


async def ask_by_aiohttp(url: str) -> list[int]:
    """Ask with asyncio's client, in tasks."""
    async with aiohttp.ClientSession() as session:

        async def ask(number: int) -> int:
            async with session.get(f"{url}/double/{number}") as response:
                return int(await response.text())

        return list(await asyncio.gather(*[ask(number) for number in range(TIMES)]))


async def what_is_cancelled() -> list[str]:
    """Cancel a Deferred that waits for a Future, and a Future that waits for a Deferred."""
    loop = asyncio.get_running_loop()
    future, deferred = loop.create_future(), Deferred[None]()
    waiting, asked = Deferred.fromFuture(future), deferred.asFuture(loop)
    waiting.addErrback(lambda failure: None).cancel()
    asked.cancel()
    await asyncio.sleep(0)
    failed = Deferred.fromFuture(asyncio.ensure_future(fail()))
    try:
        await failed.asFuture(loop)
        said = "nothing"
    except LookupError as error:
        said = str(error)
    return [str(future.cancelled()), str(deferred.called), said]


async def fail() -> None:
    raise LookupError("on purpose")


async def main(reactor: Any) -> None:
    """Serve, ask, and tell."""
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = reactor.listenTCP(0, Site(klein.resource()), interface="127.0.0.1")
    urls = {
        "klein": f"http://127.0.0.1:{port.getHost().port}",
        "aiohttp": f"http://127.0.0.1:{runner.addresses[0][1]}",
    }
    asking = {}
    for name, url in urls.items():
        asking[f"treq asks {name}"] = asyncio.ensure_future(Deferred.fromCoroutine(ask_by_treq(url)).asFuture(loop))
        asking[f"aiohttp asks {name}"] = asyncio.ensure_future(ask_by_aiohttp(url))
    told: dict[str, Any] = {name: await answers for name, answers in asking.items()}
    told["cancelled"] = await what_is_cancelled()
    told["loop"] = type(loop).__module__.partition(".")[0]
    told["reactor"] = type(reactor).__module__.partition(".")[0]
    await runner.cleanup()
    await port.stopListening().asFuture(loop)
    print(json.dumps(told))


def application() -> web.Application:
    made = web.Application()
    made.router.add_get("/double/{number}", double_by_aiohttp)
    return made


if __name__ == "__main__":
    task.react(lambda reactor: Deferred.fromFuture(asyncio.ensure_future(main(reactor))), [])
