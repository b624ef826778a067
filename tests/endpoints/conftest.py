"""What the tests of endpoints share: each on Weft's loop and on asyncio's, within a bound."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from bound import bounded

import weft

BOUND_S = 30
LOOPS: dict[str, Any] = {"weft": weft.new_event_loop, "asyncio": asyncio.new_event_loop}

Run = Callable[[Coroutine[Any, Any, Any]], Any]


pytest_pyfunc_call = bounded(BOUND_S)


@pytest.fixture(params=list(LOOPS))
def loop_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def reported() -> list[dict[str, Any]]:
    """What the loop's exception handler was told. A test that expects something takes it out."""
    return []


@pytest.fixture
def run(loop_name: str, reported: list[dict[str, Any]]) -> Iterator[Run]:
    """Runs a coroutine on a fresh loop; no descriptor may be left open, and nothing unexpected be reported."""

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
            runner.get_loop().set_exception_handler(lambda loop, context: reported.append(context))
            return runner.run(main)

    run(asyncio.sleep(0))  # what a first loop leaves open is no test's doing
    before = len(os.listdir("/dev/fd"))
    yield run
    assert reported == [], "the loop reported what no test expected"
    assert len(os.listdir("/dev/fd")) == before, "descriptors were left open, or others closed"


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each line in capitals."""
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()


async def ask(where: Any, question: bytes = b"hello") -> bytes:
    """Return what a server at an endpoint answers to one line; the connection has ended then."""
    reader, writer = await weft.open_stream(where)
    writer.write(question + b"\n")
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer.rstrip(b"\n")


class Authority:
    """Certificates in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.roots = folder / "roots.pem"
        self.authority.cert_pem.write_to_path(str(self.roots))

    def issue(self, path: str | Path, *names: str) -> Path:
        """Write a certificate and its key to one file."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        self.authority.issue_cert(*names).private_key_and_cert_chain_pem.write_to_path(str(file))
        return file

    def issue_apart(self, certificate: str, key: str, *names: str) -> Path:
        """Write a certificate and its key to two files; return the certificate's."""
        leaf = self.authority.issue_cert(*names)
        (self.folder / certificate).parent.mkdir(parents=True, exist_ok=True)
        leaf.private_key_pem.write_to_path(str(self.folder / key))
        for part in leaf.cert_chain_pems:
            part.write_to_path(str(self.folder / certificate), append=True)
        return self.folder / certificate


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)
