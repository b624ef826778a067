"""A protocol that writes down what it is told."""

import asyncio
from typing import Any


class Witness(asyncio.Protocol):
    def __init__(self, keeps_open: bool = False) -> None:
        self.calls: list[Any] = []
        self.keeps_open = keeps_open
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.calls.append("made")

    def data_received(self, data: bytes) -> None:
        self.calls.append(data)

    def eof_received(self) -> bool:
        self.calls.append("eof")
        return self.keeps_open

    def connection_lost(self, error: Exception | None) -> None:
        self.calls.append("lost" if error is None else type(error))

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")

    @property
    def data(self) -> bytes:
        return b"".join(call for call in self.calls if isinstance(call, bytes))

    @property
    def others(self) -> list[Any]:
        return [call for call in self.calls if not isinstance(call, bytes)]


class Echo(Witness):
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.transport.write(data)


class BufferWitness(asyncio.BufferedProtocol):
    def __init__(self, size: int) -> None:
        self.buffer = bytearray(size)
        self.data = bytearray()
        self.counts: list[int] = []

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.counts.append(nbytes)
        self.data += self.buffer[:nbytes]
