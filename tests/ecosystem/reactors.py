"""Twisted programs as processes of their own, each on the reactor that it is told: Twisted's and Weft's beside it."""

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import weft

PROGRAMS = Path(__file__).parent / "programs"
SCRIPTS = Path(sys.executable).parent
EPOLL, WEFT = "epoll", "weft"
END_S = 100
BUILD = weft.BUILD


def environment() -> dict[str, str]:
    """Return the environment of such a process: it finds the scripts that were installed, and our programs."""
    paths = {
        "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PROGRAMS),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return os.environ | paths


@dataclass
class Ended:
    """What a process left: its exit code and all that it printed."""

    code: int
    printed: str


def run_beside(commands: Mapping[str, Sequence[str]], folder: Path) -> dict[str, Ended]:
    """Run commands at the same time, each in a folder of its own below `folder`, to their ends."""
    with contextlib.ExitStack() as stack:
        processes = {}
        for name, command in commands.items():
            place = folder / name
            place.mkdir()
            printed = stack.enter_context(tempfile.TemporaryFile("w+"))
            processes[name] = stack.enter_context(started(command, printed, cwd=place)), printed
        ended = {}
        for name, (process, printed) in processes.items():
            code = process.wait(END_S)
            printed.seek(0)
            ended[name] = Ended(code, printed.read())
        return ended


@contextlib.contextmanager
def started(command: Sequence[str], output: IO[Any] | int, **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """Start a process that is killed at the end of the block, should it not have ended."""
    options |= {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env=environment(), **options) as process:
        try:
            yield process
        finally:
            process.kill()


class Server:
    """A server process; what it prints is read all the time, lest it waits for room to print more."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.ports: list[int] = []
        self._printed: list[str] = []
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._printed.append(line)
            self._lines.put(line)
        self._lines.put("")

    def wait_ready(self, ready: str, count: int) -> None:
        """Wait until it has printed `ready` so often; the groups of what matches are its ports."""
        while count:
            line = self._lines.get()
            assert line, f"{self.process.args} did not start:\n{''.join(self._printed)}"
            for match in re.finditer(ready, line):
                self.ports += map(int, match.groups())
                count -= 1

    def stop(self) -> Ended:
        """Interrupt it, as Ctrl-C does, and return what it left."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(END_S)
        self._reading.join()
        return Ended(code, "".join(self._printed))


@contextlib.contextmanager
def serving(command: Sequence[str], ready: str, count: int = 1, **options: Any) -> Iterator[Server]:
    """Run a server, from when it has printed `ready` so often, with its ports as groups, to the end of the block."""
    with started(command, subprocess.PIPE, **options) as process:
        server = Server(process)
        server.wait_ready(ready, count)
        yield server


# -- trial


CHOSEN = PROGRAMS / "chosen.py"
VERDICT = re.compile(r"^ +(\w+) \.\.\. .*?\[(OK|ERROR|FAIL|SKIPPED|TODO)\]$", re.MULTILINE | re.DOTALL)
"""A test and its verdict, with all that it printed between them."""


def try_beside(
    tests: Sequence[str], folder: Path, more: Mapping[str, str] | None = None
) -> dict[str, list[tuple[str, str]]]:
    """Run tests under trial on Twisted's epoll reactor and on Weft's; return for each the tests and their verdicts.

    Each run must pass, and tells on which reactor it ran. `more` is what is tried on one of them.
    """
    own = more or {}
    commands = {
        name: [sys.executable, str(SCRIPTS / "trial"), f"--reactor={name}", str(CHOSEN), *tests]
        + ([own[name]] if name in own else [])
        for name in (EPOLL, WEFT)
    }
    verdicts = {}
    for name, ended in run_beside(commands, folder).items():
        assert ended.code == 0, ended.printed
        assert f"reactor: {'weft' if name == WEFT else 'twisted'}." in ended.printed
        assert f"build: {BUILD}" in ended.printed
        verdicts[name] = sorted(VERDICT.findall(ended.printed))
    return verdicts
