"""Scrapy crawls a site of a thousand pages on Weft's reactor as on Twisted's: the same items, the same statistics."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from .reactors import EPOLL, PROGRAMS, WEFT, Server, run_beside, serving

REACTORS = {
    EPOLL: "twisted.internet.epollreactor.EPollReactor",
    WEFT: "weft.faces.twisted.WeftReactor",
    "asyncio": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
}
SETTINGS = {
    "ROBOTSTXT_OBEY": 1,
    "COOKIES_ENABLED": 0,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
    "DOWNLOAD_DELAY": 0,
    "LOG_LEVEL": "WARNING",
    "TELNETCONSOLE_ENABLED": 0,
}
TIMED = re.compile("time|memusage|per_minute")
"""Statistics that no two crawls have in common."""


@pytest.fixture(scope="module")
def site(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("site") / "certificate.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    command = [sys.executable, str(PROGRAMS / "linked_site.py"), str(path)]
    with serving(command, r"READY (\d+) (\d+)") as server:
        yield server


def crawls(spider: str, reactors: dict[str, dict[str, str]], site: Server, folder: Path) -> dict[str, Any]:
    """Crawl the site with each reactor's settings, all at the same time; return each one's items and statistics."""
    commands = {}
    for name, more in reactors.items():
        settings = [f"{key}={value}" for key, value in (SETTINGS | more).items()]
        options = [option for setting in settings for option in ("-s", setting)]
        arguments = ["-a", f"url=http://127.0.0.1:{site.ports[0]}", "-a", "stats=stats.json", "-O", "items.jsonl"]
        commands[name] = [sys.executable, "-m", "scrapy", "runspider", str(PROGRAMS / spider), *options, *arguments]
    crawled = {}
    for name, ended in run_beside(commands, folder).items():
        assert ended.code == 0, ended.printed
        assert "Traceback" not in ended.printed
        items = Counter((folder / name / "items.jsonl").read_text().splitlines())
        crawled[name] = items, json.loads((folder / name / "stats.json").read_text())
    return crawled


def without_times(stats: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stats.items() if not TIMED.search(name)}


def test_a_crawl_of_a_thousand_pages_finds_what_it_finds_on_epoll(site: Server, tmp_path: Path) -> None:
    settings = {name: {"TWISTED_REACTOR": REACTORS[name]} for name in (EPOLL, WEFT)}

    crawled = crawls("pages_spider.py", settings, site, tmp_path)

    items, told = crawled[WEFT]
    assert told["reactor"].startswith("weft.faces.twisted")
    assert items == crawled[EPOLL][0]
    assert without_times(told["stats"]) == without_times(crawled[EPOLL][1]["stats"])
    paths = [item["path"] for item in map(json.loads, items)]
    assert sum(path.startswith("/page/") for path in paths) == 1000
    assert sum(path.startswith("/form/") for path in paths) == 20
    failed = Counter(item["failed"] for item in map(json.loads, items) if "failed" in item)
    assert failed == {"HttpError": 8, "ResponseDataLossError": 4, "IgnoreRequest": 4}


def test_a_spider_that_awaits_asyncio_runs_as_on_twisteds_asyncio_reactor(site: Server, tmp_path: Path) -> None:
    settings = {
        "asyncio": {"TWISTED_REACTOR": REACTORS["asyncio"]},
        "weft-loop": {"TWISTED_REACTOR": REACTORS["asyncio"], "ASYNCIO_EVENT_LOOP": "weft.Loop"},
        WEFT: {"TWISTED_REACTOR": REACTORS[WEFT]},
    }

    crawled = crawls("asyncio_spider.py", settings, site, tmp_path)

    found = {
        name: Counter((item["path"], item["length"], item["is_same"]) for item in map(json.loads, items))
        for name, (items, _) in crawled.items()
    }
    loops = {name: {json.loads(item)["loop"] for item in items} for name, (items, _) in crawled.items()}
    assert loops == {"asyncio": {"asyncio"}, "weft-loop": {"weft"}, WEFT: {"weft"}}
    assert found[WEFT] == found["weft-loop"] == found["asyncio"]
    assert all(is_same for _, _, is_same in found[WEFT])
    assert sum(found[WEFT].values()) == 111
