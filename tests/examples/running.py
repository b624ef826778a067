"""The examples as a user runs them: programs whose output is read, that are talked to, and ended by Ctrl-C."""

import importlib.util
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
TIMEOUT_S = 40
LOCAL = "tcp:0:interface=127.0.0.1"
MOST_GROWTH_KB = 16 * 1024
"""What a program may grow by while a client does not read: far less than what is sent, far more than its buffers."""


class Program:
    """A running program, whose output and log are read line by line, as one."""

    def __init__(self, *command, given=None, env=None):
        self.lines = []
        self._rest = b""
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"} | (env or {}),
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that it ends with whatever it started
        )
        if given is not None:
            self.process.stdin.write(given.encode())
            self.process.stdin.close()
            self.process.stdin = None
        os.set_blocking(self.process.stdout.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.process.stdout, selectors.EVENT_READ)

    def wait_for(self, pattern, after=0):
        """Return the match of a regular expression in the first line that has one, of those after so many lines."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            for number, line in enumerate(self.lines[after:], after + 1):
                if match := re.search(pattern, line):
                    self.seen = number
                    return match
            assert self._read(deadline), f"{pattern!r} did not come; the output:\n{self.output()}"

    def wait_for_next(self, pattern):
        """Return the match in the first line that has one and stands behind the last that was waited for."""
        return self.wait_for(pattern, after=self.seen)

    seen = 0

    def address(self):
        """Return (host, port) of where it listens, as it says itself."""
        return "127.0.0.1", int(self.wait_for(r"listens on \S+:(\d+)")[1])

    def where(self):
        """Return the endpoint to connect to."""
        return "tcp:{}:{}".format(*self.address())

    def interrupt(self):
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def wait_ended(self):
        """Return the exit code, when it has ended by itself."""
        deadline = time.monotonic() + TIMEOUT_S
        while self._read(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def end(self):
        """End it, whatever it does."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # all of them have ended
        self.process.stdout.close()
        self.process.wait()
        self._selector.close()

    def output(self):
        """Return all that it has said."""
        return "\n".join(self.lines)

    def most_memory_kb(self):
        """Return the most memory that it has ever had."""
        return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())[1])

    def _read(self, deadline):
        if not self._selector.select(max(0, deadline - time.monotonic())):
            return False
        data = self.process.stdout.read()
        if not data:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.lines += [line.decode() for line in lines]
        return True


def example(name, *arguments):
    """Return the command of an example."""
    return [sys.executable, str(EXAMPLES / name), *map(str, arguments)]


def load(name):
    """Return an example's module."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, EXAMPLES / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def weft(*arguments):
    """Return a command of Weft's own."""
    return [sys.executable, "-m", "weft", *map(str, arguments)]


def ended(command, given=None, env=None):
    """Run a program to its end; return (exit code, output, errors)."""
    result = subprocess.run(
        command, cwd=ROOT, env=os.environ | (env or {}), input=given or "", capture_output=True, text=True,
        timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    return result.returncode, result.stdout, result.stderr


class Talk:
    """A client's connection, line by line."""

    def __init__(self, address):
        self.sock = socket.create_connection(address, timeout=TIMEOUT_S)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def say(self, *lines):
        self.sock.sendall("".join(f"{line}\n" for line in lines).encode())

    def hear(self):
        line = self.file.readline()
        assert line.endswith(b"\n"), f"the connection ended after {line!r}"
        return line.decode().rstrip("\n")

    def hear_end(self):
        """Return what comes until the other side closes."""
        return self.file.read()

    def ask(self, line):
        self.say(line)
        return self.hear()


def fill(sock, piece, most_bytes):
    """Send pieces until the other side has taken none for a while, or `most_bytes` are sent; return how many were.

    That "a while" may be too short makes what is tested milder, and nothing else.
    """
    sock.settimeout(0.5)
    sent = 0
    try:
        while sent < most_bytes:
            sent += sock.send(piece[sent % len(piece) :])
    except TimeoutError:
        pass
    sock.settimeout(TIMEOUT_S)
    return sent


def is_alive(pid):
    """Return whether there is a process of this number that is not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
