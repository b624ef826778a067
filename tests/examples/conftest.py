import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bound import bounded
from running import Program

POETRY = Path(__file__).resolve().parents[2] / "examples" / "poetry"

BOUND_S = 120

pytest_pyfunc_call = bounded(BOUND_S)

Start = Callable[..., Program]
StartServer = Callable[..., tuple["subprocess.Popen[str]", int]]


@pytest.fixture
def poetry_folder() -> Path:
    return POETRY


@pytest.fixture
def load_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import a module of the example as its scripts do: by its bare name, with its folder first on the path."""

    def load(name: str) -> ModuleType:
        monkeypatch.syspath_prepend(str(POETRY))
        monkeypatch.delitem(sys.modules, name, raising=False)
        module = __import__(name)
        monkeypatch.delitem(sys.modules, name)
        return module

    return load


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Start slow_server.py with the given arguments; give the process and its port. All are ended at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> tuple["subprocess.Popen[str]", int]:
        command = [sys.executable, str(POETRY / "slow_server.py"), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        word, port = process.stdout.readline().split()
        assert word == "READY"
        return process, int(port)

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def receive_all() -> Callable[[int], bytes]:
    """Connect to a port on this machine and read until the other side closes."""

    def receive(port: int) -> bytes:
        pieces = []
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            while piece := client.recv(65536):
                pieces.append(piece)
        return b"".join(pieces)

    return receive


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program, as `Program` does. All are ended at the end."""
    started: list[Program] = []

    def start(command: list[str], **options: Any) -> Program:
        started.append(Program(*command, **options))
        return started[-1]

    yield start
    for program in started:
        program.end()
