"""Fakes of what the core needs from outside, and protocols that write down what they are told."""

import asyncio
from typing import Any

from weft.ports import Channel, Clock, Poller, Source


class FakeClock(Clock):
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.ns = 0

    def now_ns(self) -> int:
        return self.ns


class FakePoller(Poller):
    """Tells the events that it was given; a wait lets the clock go on instead of lasting."""

    def __init__(self, clock: FakeClock, is_edge_triggered: bool = True) -> None:
        Poller.__init__(self, is_edge_triggered)
        self.clock = clock
        self.sources: dict[int, Source] = {}
        self.interest: dict[int, int] = {}
        self.coming: list[tuple[int, int]] = []
        self.told: list[tuple[int, int]] = []
        self.waits: list[int] = []

    def add(self, fd: int, source: Source, events: int) -> None:
        self.sources[fd] = source
        self.interest[fd] = events

    def modify(self, fd: int, events: int) -> None:
        self.interest[fd] = events

    def remove(self, fd: int) -> None:
        del self.sources[fd], self.interest[fd]

    def wait(self, timeout_ns: int) -> int:
        self.waits.append(timeout_ns)
        self.told, self.coming = [(fd, events) for fd, events in self.coming if fd in self.sources], []
        if not self.told and timeout_ns > 0:
            self.clock.ns += timeout_ns
        return len(self.told)

    def ready_source(self, index: int) -> Source | None:
        fd, self.ready_events = self.told[index]
        return self.sources.get(fd)

    def close(self) -> None:
        self.sources.clear()


class FakeChannel(Channel):
    """Hands out what `incoming` holds (bytes, None for would-block, or an exception) and takes `room` bytes."""

    def __init__(self, fd: int = 1000) -> None:
        self.fd = fd
        self.incoming: list[Any] = []
        self.room = 1 << 40
        self.calls: list[tuple[str, int]] = []
        self.sent = b""
        self.is_shut_down = False
        self.is_closed = False

    def fileno(self) -> int:
        return self.fd

    def recv(self, size: int) -> bytes | None:
        if not self.incoming:
            return None
        found = self.incoming.pop(0)
        if isinstance(found, OSError):
            raise found
        if found is not None and len(found) > size:
            self.incoming.insert(0, found[size:])
            found = found[:size]
        return found

    def recv_into(self, buffer: Any) -> int:
        data = self.recv(len(buffer))
        if data is None:
            return -1
        buffer[: len(data)] = data
        return len(data)

    def send(self, data: Any) -> int:
        self.calls.append(("send", 1))
        return self.take(bytes(data))

    def send_many(self, chunks: list[Any]) -> int:
        self.calls.append(("send_many", len(chunks)))
        return self.take(b"".join(bytes(chunk) for chunk in chunks))

    def take(self, data: bytes) -> int:
        if self.room < 0:
            raise ConnectionResetError("the fake peer is gone")
        taken = data[: self.room]
        self.room -= len(taken)
        self.sent += taken
        return len(taken) or -1

    def shutdown(self) -> None:
        self.is_shut_down = True

    def close(self) -> None:
        self.is_closed = True

    def name(self, which: str) -> Any:
        return None


class Witness(asyncio.Protocol):
    """Writes down its callbacks, in order, and lets a test wait for them."""

    def __init__(self, keeps_open: bool = False) -> None:
        self.calls: list[str] = []
        self.data = bytearray()
        self.error: Exception | None = None
        self.keeps_open = keeps_open
        self.transport: Any = None
        self.changed = asyncio.Event()

    def note(self, call: str) -> None:
        if not (call == "data" and self.calls[-1:] == ["data"]):
            self.calls.append(call)
        self.changed.set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.note("made")

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.note("data")

    def eof_received(self) -> bool:
        self.note("eof")
        return self.keeps_open

    def connection_lost(self, error: Exception | None) -> None:
        self.error = error
        self.note("lost")

    def pause_writing(self) -> None:
        self.note("pause")

    def resume_writing(self) -> None:
        self.note("resume")

    async def until(self, call: str) -> None:
        """Wait until `call` has happened."""
        while call not in self.calls:
            self.changed.clear()
            await self.changed.wait()

    async def until_data(self, size: int) -> bytes:
        """Wait until `size` bytes have come, and return all that came."""
        while len(self.data) < size:
            self.changed.clear()
            await self.changed.wait()
        return bytes(self.data)


class BufferWitness(asyncio.BufferedProtocol):
    """A Witness that owns its buffer."""

    def __init__(self, size: int) -> None:
        self.buffer = bytearray(size)
        self.counts: list[int] = []
        self.data = bytearray()
        self.calls: list[str] = []
        self.changed = asyncio.Event()
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, count: int) -> None:
        self.counts.append(count)
        self.data += self.buffer[:count]
        self.changed.set()

    def eof_received(self) -> None:
        self.calls.append("eof")
        self.changed.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.calls.append("lost")
        self.changed.set()

    async def until(self, call: str) -> None:
        while call not in self.calls:
            self.changed.clear()
            await self.changed.wait()

    async def until_data(self, size: int) -> bytes:
        while len(self.data) < size:
            self.changed.clear()
            await self.changed.wait()
        return bytes(self.data)


class SilentSource(Source):
    """A source for a poller's tests: nobody calls it."""
