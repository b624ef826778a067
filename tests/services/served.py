"""`weft serve` in a process of its own, whose log is read; and clients that count every request."""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

TIMEOUT_S = 40
REQUESTS = 5
"""Requests on each connection of a client's."""

APPLICATION = """
import asyncio, os
from weft import Service, ServerService

async def handle(reader, writer):
    while line := await reader.readline():
        writer.write(b"%d %s" % (os.getpid(), line))
        await writer.drain()

class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(b"%d %s" % (os.getpid(), data))

service = Service(ServerService("tcp:0:interface=127.0.0.1", handle, name="web"), name="app")
"""


class Served:
    """A running `weft serve`, its log read line by line. `with` ends it, and all its workers, whatever happens."""

    def __init__(self, folder, *arguments, env=None, log="json"):
        self.folder = Path(folder)
        self.records = []
        self.lines = []
        self._rest = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "weft", "serve", *arguments, "--log", log],
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1"} | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.set_blocking(self.process.stderr.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.process.stderr, selectors.EVENT_READ)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        self._selector.close()

    def send(self, number):
        self.process.send_signal(number)

    def wait_for(self, *words, count=1):
        """Return the records whose message has all words, as soon as there are `count` of them."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            found = [record for record in self.records if all(word in record["message"] for word in words)]
            if len(found) >= count:
                return found
            left = deadline - time.monotonic()
            assert left > 0, f"{words} did not come {count} times; the log:\n" + "\n".join(self.lines)
            if self._selector.select(left):
                data = self.process.stderr.read()
                assert data, f"it ended before {words} came {count} times; the log:\n" + "\n".join(self.lines)
                self._take(data)

    def _take(self, data):
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.lines.append(line.decode())
            try:
                self.records.append(json.loads(line))
            except ValueError:
                self.records.append({"message": line.decode()})

    def address(self):
        """Return where it listens, when it is served."""
        self.wait_ready(0)
        return tuple_of(self.wait_for("listens on")[0]["addresses"][0])

    def wait_ready(self, workers=1):
        """Return the numbers of the workers' processes, when so many are ready and the application is served."""
        while not any(record.get("pid") == self.process.pid for record in self.wait_for("is served")):
            self.wait_for("is served", count=len(self.wait_for("is served")) + 1)
        return [record["worker_pid"] for record in self.wait_for("is ready", count=workers)] if workers else []

    def wait_ended(self):
        """Return the exit code, when it has ended by itself."""
        deadline = time.monotonic() + TIMEOUT_S
        while self._selector.select(max(0, deadline - time.monotonic())):
            data = self.process.stderr.read()
            if not data:
                return self.process.wait(TIMEOUT_S)
            self._take(data)
        raise AssertionError("it does not end; the log:\n" + "\n".join(self.lines))


def tuple_of(address):
    host, _, port = address.rpartition(":")
    return (host, int(port)) if port.isdecimal() and host else address


def connected(address):
    """Return a socket that is connected to an address."""
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(TIMEOUT_S)
            sock.connect(address)
        except OSError:
            sock.close()
            raise
        return sock
    return socket.create_connection(address, TIMEOUT_S)


def ask(sock, text=b"hello\n"):
    """Return (the number of the process that answered, what it answered)."""
    sock.sendall(text)
    answer = b""
    while not answer.endswith(b"\n"):
        data = sock.recv(65536)
        if not data:
            raise ConnectionError(f"the connection ended after {answer!r}")
        answer += data
    pid, _, rest = answer.partition(b" ")
    return int(pid), rest


def is_alive(pid):
    """Return whether there is a process of this number that is not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Load:
    """Clients in threads, which connect, ask a few times, and connect again, until told to stop; they count all."""

    def __init__(self, address, clients):
        self.address = address
        self.counts = Counter()
        self.answered_by = Counter()
        self.losses = []
        self._lock = threading.Lock()
        self._progress = threading.Condition(self._lock)
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._client) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """Have every client finish its connection, and return when all have."""
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def wait_refused(self):
        """Return when each client has found the port closed."""
        for thread in self._threads:
            thread.join(TIMEOUT_S)
            assert not thread.is_alive(), "a client is still being served"

    def wait_connections(self, more):
        """Return when so many more connections were served to their end."""
        with self._progress:
            goal = self.counts["connections"] + more
            assert self._progress.wait_for(lambda: self.counts["connections"] >= goal, TIMEOUT_S * 3), self.counts

    def wait_answers_of_others(self, pids):
        """Return when a process that is none of these has answered."""
        with self._progress:
            assert self._progress.wait_for(lambda: set(self.answered_by) - set(pids), TIMEOUT_S)

    def _client(self):
        while not self._ends.is_set():
            try:
                sock = connected(self.address)
            except (ConnectionRefusedError, FileNotFoundError):
                with self._lock:
                    self.counts["refused"] += 1
                return  # nobody listens any more: nothing was asked, nothing is lost
            except OSError as error:
                with self._lock:
                    self.counts["lost"] += 1
                    self.losses.append(f"connecting: {error!r}")
                return
            with sock:
                self._ask_all(sock)

    def _ask_all(self, sock):
        for number in range(REQUESTS):
            with self._lock:
                self.counts["requests"] += 1
            try:
                pid, answer = ask(sock, b"request %d\n" % number)
                assert answer == b"request %d\n" % number
            except (OSError, AssertionError) as error:
                with self._lock:
                    self.counts["lost"] += 1
                    self.losses.append(f"request {number}: {error!r}")
                return
            with self._lock:
                self.counts["answers"] += 1
                self.answered_by[pid] += 1
        with self._progress:
            self.counts["connections"] += 1
            self._progress.notify_all()


def stop(served):
    """End it as an operator would; return its exit code."""
    served.send(signal.SIGTERM)
    return served.wait_ended()
