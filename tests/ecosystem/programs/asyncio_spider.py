"""A spider of the linked site that is written with asyncio, for `scrapy runspider`; options as `pages_spider`'s."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from pages_spider import PagesSpider as _PagesSpider
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

MOST_DEPTH = 2


class AsyncioSpider(_PagesSpider):
    """In each page's coroutine: a sleep, a thread's answer, a Deferred, and the page once more, by aiohttp."""

    name = "asyncio"

    async def start(self) -> AsyncIterator[Any]:
        self.session = aiohttp.ClientSession()
        async for request in super().start():
            yield request

    async def parse(self, response: Any) -> AsyncIterator[Any]:
        await asyncio.sleep(0.001)
        length = await deferToThread(len, response.body).asFuture(asyncio.get_running_loop())
        async with self.session.get(response.url, ssl=False) as again:
            body = await again.read()
        fired: Deferred[str] = Deferred()
        asyncio.get_running_loop().call_soon(fired.callback, type(asyncio.get_running_loop()).__module__)
        yield {
            "path": "/" + response.url.partition("127.0.0.1:")[2].partition("/")[2],
            "length": length,
            "is_same": body == response.body,
            "loop": (await fired.asFuture(asyncio.get_running_loop())).partition(".")[0],
        }
        if response.meta["depth"] < MOST_DEPTH:
            for link in response.css("a[href*='/page/']::attr(href)").getall():
                yield response.follow(link)

    async def closed(self, reason: str) -> None:
        await self.session.close()
        super().closed(reason)
