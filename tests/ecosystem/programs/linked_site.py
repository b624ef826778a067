"""A site of a thousand linked pages for crawlers, by twisted.web on Twisted's default reactor, over HTTP and HTTPS.

python linked_site.py CERTIFICATE prints "READY PORT SECURE_PORT" and serves until a signal ends it. Page N links to
its ten children in a tree and to those that it descends from, some of them over HTTPS; some link to pages that are
missing, moved, slow, compressed, in chunks, forbidden to robots, broken off, out of order, large or empty.
"""

import gzip
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor as reactor_module
from twisted.internet import ssl
from twisted.web import resource, server

reactor: Any = reactor_module
PAGES = 1000
CHILDREN = 10
SLOW_S = 0.2
KINDS = ("missing", "moved", "slow", "compressed", "chunked", "forbidden", "broken", "unavailable", "large", "empty")
"""Page N, up to ONE_EACH, links to a page of the kind whose place is N modulo ten."""
ONE_EACH = 40
LARGE = b"<html><title>large</title>" + b"0123456789abcdef" * 65536 + b"</html>"
TEXT = b"<p>" + b"warp and weft " * 20 + b"</p>"


class Site(resource.Resource):
    """Answers every path."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.origins: list[str] = []

    def render_GET(self, request: Any) -> Any:
        kind, _, number = request.path.decode().strip("/").partition("/")
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        return getattr(self, f"get_{kind.replace('.', '_')}")(request, int(number or 0))

    def render_POST(self, request: Any) -> bytes:
        field = request.args.get(b"field", [b"none"])[0]
        return b"<html><title>posted " + field + b"</title></html>"

    def get_robots_txt(self, request: Any, number: int) -> bytes:
        request.setHeader(b"content-type", b"text/plain")
        return b"User-agent: *\nDisallow: /forbidden/\n"

    def get_page(self, request: Any, number: int) -> bytes:
        first = number * CHILDREN + 1
        title = f"<html><title>page {number}</title>".encode()
        rest = TEXT * (number % 7) + b"</html>"
        links = [self.page(child) for child in range(first, min(first + CHILDREN, PAGES))]
        if number < ONE_EACH:
            links.append(f"/{KINDS[number % len(KINDS)]}/{number}")
        while number > CHILDREN:  # Scrapy does not remember what it starts with, page 0, as seen
            number = (number - 1) // CHILDREN
            links.append(self.page(number))
        anchors = "".join(f'<a href="{link}">to {link}</a>' for link in links)
        return title + anchors.encode() + rest

    def page(self, number: int) -> str:
        """Return a page's address; one in ten is to be had over HTTPS."""
        return f"{self.origins[number % 10 == 3]}/page/{number}"

    def get_missing(self, request: Any, number: int) -> bytes:
        request.setResponseCode(404)
        return b"<html><title>missing</title></html>"

    def get_moved(self, request: Any, number: int) -> bytes:
        request.setResponseCode((301, 302, 303, 307)[number // 10 % 4])
        request.setHeader(b"location", f"/target/{number}".encode())
        return b""

    def get_target(self, request: Any, number: int) -> bytes:
        return b"<html><title>target %d</title></html>" % number

    def get_slow(self, request: Any, number: int) -> int:
        request.write(b"<html><title>slow")
        reactor.callLater(SLOW_S, self.finish, request, b" %d</title></html>" % number)
        return server.NOT_DONE_YET

    def finish(self, request: Any, rest: bytes) -> None:
        request.write(rest)
        request.finish()

    def get_compressed(self, request: Any, number: int) -> bytes:
        request.setHeader(b"content-encoding", b"gzip")
        return gzip.compress(b"<html><title>compressed %d</title>%b</html>" % (number, TEXT * 100))

    def get_chunked(self, request: Any, number: int) -> int:
        self.write_chunk(request, number, 20)
        return server.NOT_DONE_YET

    def write_chunk(self, request: Any, number: int, left: int) -> None:
        if left:
            request.write(TEXT * left)
            reactor.callLater(0, self.write_chunk, request, number, left - 1)
        else:
            self.finish(request, b"<title>chunked %d</title>" % number)

    def get_broken(self, request: Any, number: int) -> int:
        request.setHeader(b"content-length", b"1000")
        request.write(b"<html><title>broken")
        request.transport.loseConnection()
        return server.NOT_DONE_YET

    def get_unavailable(self, request: Any, number: int) -> bytes:
        request.setResponseCode(503)
        return b"<html><title>unavailable</title></html>"

    def get_large(self, request: Any, number: int) -> bytes:
        return LARGE

    def get_empty(self, request: Any, number: int) -> bytes:
        request.setResponseCode(204)
        return b""

    def get_forbidden(self, request: Any, number: int) -> bytes:
        return b"<html><title>read in spite of robots.txt</title></html>"


def main() -> None:
    """Serve until a signal comes."""
    site = Site()
    certificate = ssl.PrivateCertificate.loadPEM(Path(sys.argv[1]).read_bytes())
    plain = reactor.listenTCP(0, server.Site(site), interface="127.0.0.1")
    secure = reactor.listenSSL(0, server.Site(site), certificate.options(), interface="127.0.0.1")
    ports = [port.getHost().port for port in (plain, secure)]
    site.origins = [f"http://127.0.0.1:{ports[0]}", f"https://127.0.0.1:{ports[1]}"]
    print("READY", *ports, flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
