import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weft.cli import weft as command

Weft = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
TIMEOUT_S = 60


@pytest.fixture
def environment() -> dict[str, str]:
    """This process's environment, without what would change how wide or colourful output is."""
    away = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TERM", "PYTHONPATH", "PYTHONSAFEPATH")
    return {key: value for key, value in os.environ.items() if key not in away} | {"PYTHONIOENCODING": "utf-8"}


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Start]:
    """Start `python -m weft` with arguments in a folder of the test's own. All are ended at the end."""
    started: list[subprocess.Popen[str]] = []
    # A process that is started in the background of a shell ignores Ctrl-C, and so would its children.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)

    def start(*arguments: str, env: dict[str, str] | None = None, **options) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "weft", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=options.pop("stderr", subprocess.PIPE),
            text=True,
            encoding="utf-8",
            cwd=tmp_path,
            env=environment | (env or {}),
            **options,
        )
        started.append(process)
        return process

    yield start
    signal.signal(signal.SIGINT, handler)
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def weft(start: Start) -> Weft:
    """Run `python -m weft` with arguments to its end; `given` is its standard input."""

    def run(
        *arguments: str, given: str = "", env: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        process = start(*arguments, env=env)
        output, errors = process.communicate(given, timeout=TIMEOUT_S)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    return run


@pytest.fixture
def interrupt() -> Callable[["subprocess.Popen[str]"], tuple[str, str]]:
    """Wait until a process prints the line "ready", press Ctrl-C, and return what it writes after that."""

    def interrupt(process: "subprocess.Popen[str]") -> tuple[str, str]:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=TIMEOUT_S)

    return interrupt


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file in the folder that the command runs in."""

    def write(name: str, source: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return path

    return write


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Run the command in this process, in a folder of the test's own: for what runs no script."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    loaded = set(sys.modules)

    def invoke(*arguments: str) -> Result:
        importlib.invalidate_caches()
        result = CliRunner().invoke(command, arguments, prog_name="weft")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    yield invoke
    for name in set(sys.modules) - loaded:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
