"""A spider of the linked site, for `scrapy runspider`: items go to the feed, statistics to the file of -a stats=."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import scrapy

FORMS = 20


class PagesSpider(scrapy.Spider):
    """Follows every link, posts a few forms, and makes an item of each page."""

    name = "pages"

    def __init__(self, url: str, stats: str, **options: Any) -> None:
        super().__init__(**options)
        self.start_urls = [f"{url}/page/0"]
        self.url = url
        self.stats_path = Path(stats)

    def parse(self, response: Any) -> Iterator[Any]:
        yield {
            "path": "/" + response.url.partition("127.0.0.1:")[2].partition("/")[2],
            "is_secure": response.url.startswith("https:"),
            "title": response.css("title::text").get(),
            "length": len(response.body),
            "depth": response.meta["depth"],
            "redirects": len(response.meta.get("redirect_urls", ())),
        }
        for link in response.css("a::attr(href)").getall():
            yield response.follow(link, errback=self.failed)
        if response.url.endswith("/page/0"):
            for number in range(FORMS):
                yield scrapy.FormRequest(f"{self.url}/form/{number}", formdata={"field": str(number)})

    def failed(self, failure: Any) -> Iterator[Any]:
        response = getattr(failure.value, "response", None)
        yield {
            "path": "/" + failure.request.url.partition("127.0.0.1:")[2].partition("/")[2],
            "failed": failure.type.__name__,
            "status": response.status if response else None,
        }

    def closed(self, reason: str) -> None:
        from twisted.internet import reactor

        stats = {name: str(value) for name, value in self.crawler.stats.get_stats().items()}
        told = {"reason": reason, "reactor": f"{type(reactor).__module__}.{type(reactor).__name__}", "stats": stats}
        self.stats_path.write_text(json.dumps(told))
