"""httpx, uvicorn and Starlette, on Weft as on asyncio; uvicorn in this process and in processes of its own."""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import uvicorn
import websockets

from .servers import read_until
from .site import PIECE, PIECES, make_app

ROOT = Path(__file__).resolve().parents[2]
LARGE = b"".join(number.to_bytes(4, "big") + PIECE for number in range(PIECES))
END_S = 30


@contextlib.asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[str]:
    """Serve an application; clients may connect at once, since the socket listens already."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", loop="none", **options))
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"{'https' if server.config.is_ssl else 'http'}://localhost:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


async def requests(http: str, options: dict[str, Any], verify: Any) -> Any:
    app = make_app()
    async with serving(app, http=http, **options) as url, httpx.AsyncClient(base_url=url, verify=verify) as client:

        async def ask(first: int) -> list[Any]:
            return [
                (await client.post("/hash", params={"number": number}, content=bytes([number % 256]) * number)).json()
                for number in range(first, first + 20)
            ]

        answers = await asyncio.gather(*[ask(first) for first in range(0, 200, 20)])
        in_thread = (await client.get("/thread")).json()
        failed = (await client.get("/fail")).status_code
    return [each for batch in answers for each in batch], in_thread, failed, app.state.life


@pytest.mark.parametrize("http, is_secure", [("h11", False), ("httptools", False), ("httptools", True)])
def test_two_hundred_requests_from_ten_tasks(
    run_on_both: Any, http: str, tls_files: dict[str, Any], client_context: ssl.SSLContext, is_secure: bool
) -> None:
    answers, in_thread, failed, life = run_on_both(requests, http, tls_files if is_secure else {}, client_context)

    assert answers == [
        {"sha256": hashlib.sha256(bytes([number % 256]) * number).hexdigest(), "query": {"number": str(number)}}
        for number in range(200)
    ]
    assert in_thread == {"sum": sum(range(1000))}
    assert failed == 500
    assert life == ["began", "ended"]


@pytest.fixture
def tls_files(authority: trustme.CA, tmp_path: Path) -> dict[str, Any]:
    """A certificate and its key as uvicorn wants them: in files."""
    certificate = authority.issue_cert("localhost")
    path = tmp_path / "server.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(path))
    return {"ssl_certfile": str(path), "ssl_keyfile": str(path)}


async def download_slowly(options: dict[str, Any], verify: Any) -> Any:
    digest = hashlib.sha256()
    async with (
        serving(make_app(), **options) as url,
        httpx.AsyncClient(base_url=url, verify=verify) as client,
        client.stream("GET", "/large") as response,
    ):
        async for piece in response.aiter_bytes(1 << 17):
            digest.update(piece)
            await asyncio.sleep(0.001)  # this is how slow it is
    return digest.hexdigest()


@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_a_slow_reader_gets_all_of_a_large_download(
    run_on_both: Any, tls_files: dict[str, Any], client_context: ssl.SSLContext, is_secure: bool
) -> None:
    digest = run_on_both(download_slowly, tls_files if is_secure else {}, client_context)

    assert digest == hashlib.sha256(LARGE).hexdigest()


async def talk() -> Any:
    heard: list[Any] = []
    async with (
        serving(make_app(), ws="websockets-sansio") as url,
        websockets.connect(url.replace("http", "ws") + "/talk") as socket,
    ):
        for number in range(200):
            await socket.send(f"message {number}")
            heard.append(await socket.recv())
        await socket.send("x" * 500_000 + "y")
        heard.append(await socket.recv() == "y" + "x" * 500_000)
    return heard


def test_a_websocket(run_on_both: Any) -> None:
    heard = run_on_both(talk)

    assert heard == [f"message {number}"[::-1] for number in range(200)] + [True]


# -- processes


class Process:
    """A uvicorn process that is ready to serve."""

    def __init__(self, process: "subprocess.Popen[str]", printed: str) -> None:
        self.process = process
        found = re.search(r"running on (http://\S+|unix socket (\S+))", printed)
        assert found, printed
        self.url = "http://localhost" if found[2] else found[1]
        self.path = found[2]

    def client(self) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(uds=self.path) if self.path else None
        return httpx.AsyncClient(base_url=self.url, transport=transport, timeout=END_S)

    def wait(self) -> int:
        assert self.process.stdout is not None
        self.process.stdout.read()
        return self.process.wait(END_S)


@contextlib.contextmanager
def uvicorn_process(*arguments: str, life: Path) -> Iterator[Process]:
    command = [sys.executable, "-m", "uvicorn", "--factory", "tests.ecosystem.site:make_app", *arguments]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"WEFT_TEST_LIFE": str(life), "PYTHONWARNINGS": "error"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            # The one comes last with a process alone, the other with workers.
            lines = [read_until("running on", process.stdout)]
            if "startup complete" not in lines[0]:
                lines.append(read_until("startup complete", process.stdout))
            yield Process(process, "".join(lines))
        finally:
            process.kill()


async def ask_process(process: Process) -> Any:
    """Ask a process for this and that; end it while it is answering, and read on."""
    async with process.client() as client:
        module = (await client.get("/loop")).text
        hashed = await asyncio.gather(*[client.post("/hash", content=b"x" * number) for number in range(100)])
        async with client.stream("GET", "/large") as response:
            digest = hashlib.sha256()
            body = response.aiter_bytes()
            digest.update(await anext(body))
            process.process.send_signal(signal.SIGTERM)
            async for piece in body:
                digest.update(piece)
    return module, [each.status_code for each in hashed], digest.hexdigest()


@pytest.mark.parametrize("is_unix", [False, True], ids=["tcp", "unix"])
def test_a_uvicorn_process_ends_gracefully_on_sigterm(short_folder: Path, is_unix: bool) -> None:
    outcomes = {}
    for name, loop in (("asyncio", "asyncio"), ("weft", "weft:new_event_loop")):
        life = short_folder / f"{name}.json"
        where = ["--uds", str(short_folder / f"{name}.sock")] if is_unix else ["--port", "0"]
        with uvicorn_process("--loop", loop, *where, life=life) as process:
            module, *answers = asyncio.run(ask_process(process))
            outcomes[name] = (*answers, process.wait(), json.loads(life.read_text()))
        assert module == name

    assert outcomes["weft"] == outcomes["asyncio"]
    statuses, digest, _, life_of_app = outcomes["weft"]
    assert statuses == [200] * 100
    assert digest == hashlib.sha256(LARGE).hexdigest()
    assert life_of_app == ["began", "ended"]


def test_uvicorn_with_two_worker_processes(short_folder: Path) -> None:
    async def ask(process: Process) -> set[str]:
        async with process.client() as client:
            return {(await client.get("/loop")).text for _ in range(20)}

    loops = ("--loop", "weft:new_event_loop")
    with uvicorn_process(*loops, "--workers", "2", "--port", "0", life=short_folder / "life") as process:
        answers = asyncio.run(ask(process))
        process.process.send_signal(signal.SIGTERM)
        process.wait()

    assert answers == {"weft"}
