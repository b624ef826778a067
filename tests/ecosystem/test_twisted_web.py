"""twisted.web and Klein, served by twist on Weft's reactor as on Twisted's, to clients that are kind or are not.

The clients are asyncio's streams and the standard library's, on no loop of Weft's.
"""

import asyncio
import contextlib
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import ssl
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from .reactors import BUILD, EPOLL, WEFT, Server, serving

PIECE, PIECES = bytes(range(256)) * 256, 300
MOST_AHEAD_BYTES = 12_000_000
"""How far a server may be ahead of a slow reader: what the kernel keeps at both ends, and a few pieces."""
BODY = random.Random(5).randbytes(3_000_000)
CONNECTIONS = 30
IN_PIPELINE = 30


@contextlib.contextmanager
def twist_web(reactor: str, *options: str, listen: list[str]) -> Iterator[Server]:
    """Run twist's web server on a reactor. It must end well on Ctrl-C, and have logged none but LookupErrors."""
    command = [sys.executable, "-m", "twisted", f"--reactor={reactor}", "--log-format=text", "web", *options]
    command += [f"--listen={where}" for where in listen]
    with serving(command, r"Site(?: \(TLS\))? starting on (\d+)", len(listen)) as server:
        yield server
        ended = server.stop()
    assert ended.code == -signal.SIGINT, ended.printed
    assert ended.printed.count("Traceback") == ended.printed.count("LookupError: on purpose"), ended.printed


@pytest.fixture(params=[EPOLL, WEFT], scope="module")
def reactor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def site(reactor: str, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("site") / "certificate.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(path))
    listen = ["tcp:0:interface=127.0.0.1", f"ssl:0:interface=127.0.0.1:privateKey={path}:certKey={path}"]
    with twist_web(reactor, "--class=klein_site.resource", listen=listen) as server:
        yield server


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def where(request: pytest.FixtureRequest, site: Server, client_context: ssl.SSLContext) -> dict[str, Any]:
    """Where a client connects, in the words of `asyncio.open_connection`."""
    if request.param:
        return {"host": "127.0.0.1", "port": site.ports[1], "ssl": client_context, "server_hostname": "localhost"}
    return {"host": "127.0.0.1", "port": site.ports[0]}


def ask(port: int, path: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, bytes]:
    """Ask a server once; return the status and the body of the reply."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.read()


def request_of(path: str, body: bytes | None = None) -> bytes:
    method, rest = ("GET", b"") if body is None else ("POST", body)
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(rest)}\r\n\r\n".encode() + rest


async def read_reply(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return a reply's status and body, which says its length or comes in chunks."""
    status, length = await read_head(reader)
    if length is not None:
        return status, await reader.readexactly(length)
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    assert await reader.readline() == b"\r\n"
    return status, body


async def read_head(reader: asyncio.StreamReader) -> tuple[int, int | None]:
    """Return a reply's status, and its length if it says so."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    lengths = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
    return int(head.split()[1]), int(lengths[0].split()[1]) if lengths else None


async def end(writer: asyncio.StreamWriter) -> None:
    """Close a connection, and wait until it is closed."""
    writer.close()
    await writer.wait_closed()


def test_a_site_tells_on_what_it_runs(site: Server, reactor: str) -> None:
    status, text = ask(site.ports[0], "/reactor")

    assert status == 200
    expected = "weft.faces.twisted" if reactor == WEFT else "twisted.internet.epollreactor"
    assert text.decode().startswith(expected)
    assert text.decode().endswith(BUILD)


def test_requests_in_pipelines_on_many_connections_are_answered_in_order(where: dict[str, Any]) -> None:
    async def converse(first: int) -> list[tuple[int, bytes]]:
        reader, writer = await asyncio.open_connection(**where)
        numbers = range(first, first + IN_PIPELINE)
        writer.write(b"".join(request_of(f"/number/{number}") for number in numbers))
        replies = [await read_reply(reader) for _ in numbers]
        writer.write(request_of("/hello"))  # the connection was kept
        replies.append(await read_reply(reader))
        await end(writer)
        return replies

    async def main() -> list[list[tuple[int, bytes]]]:
        return await asyncio.gather(*[converse(IN_PIPELINE * number) for number in range(CONNECTIONS)])

    conversations = asyncio.run(main())

    for first, replies in zip(range(0, IN_PIPELINE * CONNECTIONS, IN_PIPELINE), conversations, strict=True):
        numbers = range(first, first + IN_PIPELINE)
        assert replies[:-1] == [(200, f"{number} {2 * number} {3 * number}".encode()) for number in numbers]
        assert replies[-1] == (200, b"hello")


def test_bodies_that_are_posted_arrive_whole(where: dict[str, Any]) -> None:
    bodies = [BODY[:length] for length in (0, 1, 65_535, 65_536, 100_001, len(BODY))]

    async def main() -> list[Any]:
        reader, writer = await asyncio.open_connection(**where)
        answers = []
        for body in bodies:
            writer.write(request_of("/hash", body))
            status, answer = await read_reply(reader)
            answers.append((status, json.loads(answer)))
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(body), body) for body in bodies if body)
        writer.write(b"POST /hash HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        writer.write(b"0\r\n\r\n")
        status, answer = await read_reply(reader)
        await end(writer)
        return [*answers, (status, json.loads(answer))]

    answers = asyncio.run(main())

    expected = [*bodies, b"".join(bodies)]
    assert answers == [(200, {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}) for body in expected]


@pytest.mark.parametrize("kind", ["pull", "push"])
def test_a_slow_reader_gets_all_of_a_large_download_and_holds_its_producer_back(
    site: Server, where: dict[str, Any], kind: str
) -> None:
    async def main() -> tuple[bytes, int]:
        reader, writer = await asyncio.open_connection(**where)
        teller, asked = await asyncio.open_connection("127.0.0.1", site.ports[0])
        writer.write(request_of(f"/large/{kind}"))
        status, length = await read_head(reader)
        assert (status, length) == (200, PIECES * len(PIECE))
        digest, count, most_ahead = hashlib.sha256(), 0, 0
        while count < PIECES * len(PIECE):
            asked.write(request_of(f"/made/{kind}"))
            made = int((await read_reply(teller))[1])
            most_ahead = max(most_ahead, made * len(PIECE) - count)
            data = await reader.readexactly(10 * len(PIECE))
            digest.update(data)
            count += len(data)
        await end(writer)
        await end(asked)
        return digest.digest(), most_ahead

    digest, most_ahead = asyncio.run(main())

    assert digest == hashlib.sha256(PIECE * PIECES).digest()
    assert most_ahead < MOST_AHEAD_BYTES


@pytest.mark.parametrize("name, expected", [("reset", b"ConnectionLost"), ("ended", b"ConnectionDone")])
def test_a_server_learns_that_its_client_disappeared(site: Server, name: str, expected: bytes) -> None:
    with socket.create_connection(("127.0.0.1", site.ports[0])) as client:
        client.sendall(request_of(f"/endless/{name}"))
        assert client.recv(65536)
        if name == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        else:
            client.shutdown(socket.SHUT_WR)
        status, told = ask(site.ports[0], f"/lost/{name}")

    assert (status, told) == (200, expected)


def test_a_handler_that_raises_is_answered_with_an_error_and_disturbs_nobody(site: Server) -> None:
    statuses = [ask(site.ports[0], path)[0] for path in ("/fail", "/hello", "/nothing/here")]

    assert statuses == [500, 200, 404]


def test_files_are_served_whole_in_part_and_not_at_all(reactor: str, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(BODY)
    os.utime(tmp_path / "body", (1_600_000_000, 1_600_000_000))

    with twist_web(reactor, f"--path={tmp_path}", listen=["tcp:0:interface=127.0.0.1"]) as server:
        port = server.ports[0]
        whole = ask(port, "/body")
        part = ask(port, "/body", Range="bytes=1000-2999")
        head = ask(port, "/body", "HEAD")
        known = ask(port, "/body", If_Modified_Since="Sun, 13 Sep 2020 12:26:40 GMT")
        missing, listed = ask(port, "/missing"), ask(port, "/")

    assert whole == (200, BODY)
    assert part == (206, BODY[1000:3000])
    assert head == (200, b"")
    assert known == (304, b"")
    assert missing[0] == 404
    assert b'<a href="body">' in listed[1]


def test_a_wsgi_application_answers_from_threads(reactor: str) -> None:
    with twist_web(reactor, "--wsgi=klein_site.application", listen=["tcp:0:interface=127.0.0.1"]) as server:
        answers = [ask(server.ports[0], f"/path?{size}", "POST", BODY[:size]) for size in range(0, 100_000, 9_000)]

    assert answers == [
        (200, "".join(f"{part} /path {size} {size}\n" for part in range(3)).encode())
        for size in range(0, 100_000, 9_000)
    ]
