"""A site of linked pages, and a Scrapy spider that crawls it on one Twisted reactor, each a process.

python crawl.py site PAGES             prints "READY PORT" and serves the pages until a signal ends it
python crawl.py REACTOR PAGES PORT     crawls them all once, and prints a line of JSON
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

from peers import REACTORS
from processor import core_time
from servers import BACKLOG

LINKS = 10
FILLER = "<p>" + "warp and weft " * 20 + "</p>"
CONCURRENCY = 16
"""How many requests are under way at once: Scrapy's default for all sites, given to the one there is."""


def page(number: int, pages: int) -> str:
    """Return a page's HTML: text, and links to the next pages of a tree with LINKS branches at each."""
    first = number * LINKS + 1
    children = range(first, min(first + LINKS, pages))
    links = "".join(f'<a href="/{child}">page {child}</a>{FILLER}' for child in children)
    return f"<html><head><title>page {number}</title></head><body>{links or FILLER * LINKS}</body></html>"


async def serve_site(pages: int) -> None:
    """Serve the pages with aiohttp on asyncio's loop, for ever."""
    from aiohttp import web

    bodies = [page(number, pages).encode() for number in range(pages)]

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=bodies[int(request.match_info["number"])], content_type="text/html")

    application = web.Application()
    application.router.add_get(r"/{number:\d+}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG).start()
    print(f"READY {runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


def crawl(reactor_name: str, pages: int, port: int) -> int:
    """Crawl the site from its first page, on this reactor; print what it took, and return the exit code."""
    REACTORS[reactor_name]()
    import scrapy
    from scrapy.crawler import CrawlerProcess

    class Spider(scrapy.Spider):  # type: ignore[misc]
        name = "pages"
        start_urls = [f"http://127.0.0.1:{port}/0"]
        pages = 0

        def parse(self, response: Any) -> Iterator[Any]:
            Spider.pages += 1
            yield {"title": response.css("title::text").get()}
            yield from response.follow_all(css="a")

    settings = {
        "TWISTED_REACTOR": None,  # the one that is installed
        "CONCURRENT_REQUESTS_PER_DOMAIN": CONCURRENCY,
        "DOWNLOAD_DELAY": 0,
        "LOG_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
    }
    process = CrawlerProcess(settings)
    process.crawl(Spider)
    core = min(os.sched_getaffinity(0))
    core_before, wall_begin, cpu_begin = core_time(core), time.perf_counter(), time.process_time()
    process.start()
    wall_s, cpu_s = time.perf_counter() - wall_begin, time.process_time() - cpu_begin
    foreign = max(0.0, 1 - core_time(core).idle_share_since(core_before) - cpu_s / wall_s)
    print(json.dumps({"pages": Spider.pages, "wall_s": wall_s, "cpu_s": cpu_s, "foreign": foreign}))
    return 0 if Spider.pages == pages else 1


def run() -> int:
    """Run the site or the spider; return the exit code."""
    parser = argparse.ArgumentParser(description="Serve a site of linked pages, or crawl it with Scrapy.")
    parser.add_argument("what", choices=("site", *REACTORS), help="the site, or the reactor to crawl it on")
    parser.add_argument("pages", type=int, help="how many pages the site has")
    parser.add_argument("port", type=int, nargs="?", help="where the site is")
    arguments = parser.parse_args()
    if arguments.what == "site":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        asyncio.run(serve_site(arguments.pages))
        return 0
    if arguments.port is None:
        parser.error("to crawl the site, say its port")
    return crawl(arguments.what, arguments.pages, arguments.port)


if __name__ == "__main__":
    sys.exit(run())
