"""Runs tests in processes of their own, several at a time; one that hangs or dies costs a process, not the run."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

START_S = 60.0
"""How long a worker may take to start, and to find the tests of a module."""
LAST_WORDS_S = 5.0
"""How long a process that answers no more may take to print why."""
Batch = TypeVar("Batch")
Runner = TypeVar("Runner", bound="Process")


@dataclass
class Outcome:
    """What became of one test. `status` is passed, failed, skipped, hung or died."""

    name: str
    status: str
    reason: str = ""
    seconds: float = 0.0
    ours: int = 0
    others: int = 0


class LostError(Exception):
    """The process gave no answer: "died", it ended, or "hung", the time was up."""


class BrokenError(Exception):
    """No process can be started at all; says why."""


class Process:
    """A process that answers in lines, on a descriptor of its own; what it prints is kept, to say why it was lost."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object
        self.answers = b""

    def launch(self, command: list[str], environ: dict[str, str], pass_fds: tuple[int, ...] = ()) -> None:
        """Start a process in a group of its own; CONFORMANCE_ANSWERS_FD names the descriptor for its answers."""
        self.answers_fd, answers_out = os.pipe()
        self.answers = b""
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            pass_fds=(*pass_fds, answers_out),
            start_new_session=True,
            env=environ | {"CONFORMANCE_ANSWERS_FD": str(answers_out)},
        )
        os.close(answers_out)

    def answer(self, limit_s: float) -> bytes:
        """Return the next line that the process answers. Raises LostError; the process is gone then."""
        while b"\n" not in self.answers:
            is_ready = select.select([self.answers_fd], [], [], limit_s)[0]
            data = os.read(self.answers_fd, 1 << 16) if is_ready else b""
            if not data:
                self.stop(LAST_WORDS_S if is_ready else 0)
                raise LostError("died" if is_ready else "hung")
            self.answers += data
        line, _, self.answers = self.answers.partition(b"\n")
        return line

    def said(self, position: int) -> str:
        """Return the end of what the process wrote since the log had this length."""
        self.log.seek(position)
        return self.log.read().decode(errors="replace")[-6000:]

    def stop(self, patience_s: float = 0) -> None:
        """End the process and what it started; it may end by itself first, and say why."""
        process = self.process
        if process is None:
            return
        self.process = None
        os.close(self.answers_fd)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        process.wait()

    def close(self) -> None:
        """End the process, and forget what it wrote: there will be no other."""
        self.stop()
        self.log.close()


class Worker(Process):
    """A process that runs CPython's tests, one by one, as it is asked; made anew after each loss."""

    def __init__(self, kind: str, environ: dict[str, str]) -> None:
        super().__init__()
        self.kind = kind
        self.environ = environ

    def start(self) -> None:
        """Start the process, unless it runs."""
        if self.process is not None:
            return
        commands_in, self.commands_fd = os.pipe()
        script = Path(__file__).with_name("worker.py")
        self.launch([sys.executable, str(script), self.kind, str(commands_in)], self.environ, (commands_in,))
        os.close(commands_in)
        try:
            self.answer(START_S)
        except LostError:
            raise BrokenError(f"the tests' process does not start:\n{self.said(0)}") from None

    def ask(self, command: dict[str, Any], limit_s: float) -> Any:
        """Give a command, return the answer. Raises LostError after `limit_s`, or if the process ends."""
        self.start()
        try:
            os.write(self.commands_fd, json.dumps(command).encode() + b"\n")
        except BrokenPipeError:
            self.stop()
            raise LostError("died") from None
        return json.loads(self.answer(limit_s))

    def run(self, name: str, limit_s: float) -> Outcome:
        """Run one test. What the worker wrote before it was lost is the reason for that."""
        position = self.log.seek(0, os.SEEK_END)
        begin_s = time.monotonic()
        try:
            return Outcome(name, **self.ask({"run": name, "limit_s": limit_s}, limit_s + 2))
        except LostError as lost:
            seconds = time.monotonic() - begin_s
            return Outcome(name, "hung" if seconds >= limit_s else str(lost), self.said(position), seconds)

    def stop(self, patience_s: float = 0) -> None:
        """Close the commands, and end the process and what it started."""
        if self.process is not None:
            os.close(self.commands_fd)
        super().stop(patience_s)


def find_tests(modules: list[str], environ: dict[str, str]) -> dict[str, list[str]]:
    """Return the names of each module's tests."""
    worker = Worker("asyncio", environ)
    try:
        return {module: worker.ask({"find": module}, START_S) for module in modules}
    finally:
        worker.close()


def run_tests(
    kind: str,
    names: list[str],
    environ: dict[str, str],
    limit_of: Callable[[str], float],
    jobs: int,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> dict[str, Outcome]:
    """Run tests, the tests of one class in order in one process, `jobs` processes at a time."""

    def outcomes_of(worker: Worker, batch: list[str]) -> Iterator[Outcome]:
        return (worker.run(name, limit_of(name)) for name in batch)

    return share_out(batches_of(names), lambda: Worker(kind, environ), outcomes_of, jobs, tell)


def batches_of(names: list[str]) -> list[list[str]]:
    """Return the names by class, the classes in the order in which they come."""
    batches: dict[str, list[str]] = {}
    for name in names:
        batches.setdefault(name.rpartition(".")[0], []).append(name)
    return list(batches.values())


def share_out(
    batches: Iterable[Batch],
    make: Callable[[], Runner],
    outcomes_of: Callable[[Runner, Batch], Iterable[Outcome]],
    jobs: int,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> dict[str, Outcome]:
    """Run batches, `jobs` at a time, each by one of as many processes; return what became of each test.

    The first error of the harness itself ends it all, and is raised.
    """
    waiting: queue.SimpleQueue[Batch] = queue.SimpleQueue()
    for batch in batches:
        waiting.put(batch)
    outcomes: dict[str, Outcome] = {}
    failures: list[BaseException] = []

    def work() -> None:
        runner = make()
        try:
            while not failures:
                for outcome in outcomes_of(runner, waiting.get_nowait()):
                    outcomes[outcome.name] = outcome
                    tell(outcome)
                    if failures:
                        break
        except queue.Empty:
            pass
        except BaseException as error:
            failures.append(error)
        finally:
            runner.close()

    threads = [threading.Thread(target=work) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException as error:
        failures.append(error)  # each ends with the test that it runs
        raise
    if failures:
        raise failures[0]
    return outcomes
