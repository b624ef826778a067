"""Whether a built site stands by itself: every link in it leads somewhere, and no page fetches anything elsewhere.

python tools/check_site.py build/site
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {"src", "srcset", "poster", "data"}
"""Attributes whose address a browser fetches by itself; of `href`, those of <link>."""
FETCHING_LINKS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "manifest"}
URL = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")


class Page(HTMLParser):
    """What a page refers to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.names: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in what a tag refers to, and its name."""
        found = {key: value or "" for key, value in attrs}
        self.names.update(found[key] for key in ("id", "name") if key in found)
        self.fetched.extend(found[key] for key in FETCHED if key in found)
        if "href" in found:
            fetches = tag == "link" and FETCHING_LINKS & set(found.get("rel", "").split())
            (self.fetched if fetches else self.links).append(found["href"])


def complaints(site: Path) -> list[str]:
    """Return what is wrong with a site, a line for each."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    wrong = [] if pages else [f"{site}: there is no page in it"]
    for page in pages.values():
        for address in (*page.links, *page.fetched):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in page.fetched and parts.scheme != "data":
                    wrong.append(f"{page.path}: fetches {address}")
                continue
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path.resolve()
            if not target.exists():
                wrong.append(f"{page.path}: {address} leads nowhere")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].names:
                wrong.append(f"{page.path}: {address} names a place that is not there")
    for style in sorted(site.rglob("*.css")):
        for one, other in URL.findall(style.read_text(encoding="utf-8")):
            address = one or other
            if urlsplit(address).netloc:
                wrong.append(f"{style}: fetches {address}")
    return wrong


def main() -> int:
    """Check the site that the command line names; return 0 if nothing is wrong."""
    if len(sys.argv) != 2:
        print("check_site.py: name one folder, build/site say", file=sys.stderr)
        return 2
    wrong = complaints(Path(sys.argv[1]))
    for line in wrong:
        print(f"check_site.py: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
