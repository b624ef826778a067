"""What a reader is told and asked, in any order: Weft's answers as asyncio's, on Weft's loop and on asyncio's own."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weft.streams

from .fakes import FakeClock
from .tapes import Tape, asyncio_loop, weft_loop

LIMITS = (3, 5, 8, 64, 1 << 16)
SEPARATORS = (b"\n", b"\r\n", b"ab", b"a", b"", b"aab")
COUNTS = (0, 1, 2, 3, 5, 9, -1)
SIZES = (0, 1, 1, 2, 3, 5, 9, 20)


class Program(asyncio.Transport):
    """One reader, what feeds it, and tasks that read, one at a time; it is the reader's transport as well."""

    def __init__(self, loop: Any, reader_class: Callable[..., asyncio.StreamReader], numbers: bytes) -> None:
        super().__init__()
        self.loop = loop
        self.tape = Tape(numbers)
        self.said: list[Any] = []
        self.reader = reader_class(limit=self.tape.one_of(LIMITS), loop=loop)
        if self.tape.below(4):
            self.reader.set_transport(self)
        self.is_at_end = False
        self.task: asyncio.Task[None] | None = None

    def run(self) -> list[Any]:
        """Run it to its end; return what was said, in order."""
        self.loop.run_until_complete(self.main())
        self.loop.close()
        return self.said

    async def main(self) -> None:
        for _ in range(self.tape.below(25)):
            if self.task is None or self.task.done():
                self.task = self.loop.create_task(self.read_some())
            action = self.tape.below(6)
            if action == 0:
                self.said.append(("cancel", self.task.cancel()))
            elif action == 1:
                await asyncio.sleep(self.delay_s())
            else:
                self.feed()
            if self.tape.below(2):
                await asyncio.sleep(0)
        self.tape.end()
        while self.task is not None and not self.task.done():
            self.task.cancel()  # which `asyncio.wait_for` on Python 3.11 may take for its own
            await asyncio.sleep(self.delay_s())
        self.said.append((bytes(self.reader._buffer), self.reader.at_eof(), type(self.reader.exception())))

    def delay_s(self) -> float:
        return self.tape.delay_s(self.loop.time())

    def pause_reading(self) -> None:
        self.said.append("pause")

    def resume_reading(self) -> None:
        self.said.append("resume")

    def feed(self) -> None:
        """Tell the reader something: bytes mostly, else the end, or an error and the end."""
        if self.is_at_end:
            return
        kind = self.tape.below(20)
        if kind < 18:
            data = bytes(self.tape.one_of(list(b"aab\r\n")) for _ in range(self.tape.one_of(SIZES)))
            self.said.append(("fed", data))
            self.reader.feed_data(bytearray(data) if kind == 17 else data)
            return
        self.is_at_end = True
        self.said.append(("ended", kind))
        if kind == 19:
            self.reader.set_exception(ConnectionResetError("mine"))
        self.reader.feed_eof()

    async def read_some(self) -> None:
        for _ in range(1 + self.tape.below(5)):
            await self.read_once()
            if self.tape.below(3) == 2:
                await asyncio.sleep(0)
            if self.tape.below(3) == 2:
                self.feed()
            if self.tape.below(12) == 11:
                self.said.append((bytes(self.reader._buffer), self.reader.at_eof()))

    async def read_once(self) -> None:
        reading, delay_s = self.reading(), self.delay_s()
        how = self.tape.below(4)
        try:
            if how == 0:
                self.said.append(await asyncio.wait_for(reading, delay_s))
            elif how == 1:
                async with asyncio.timeout(delay_s):
                    self.said.append(await reading)
            else:
                self.said.append(await reading)
        except asyncio.CancelledError:
            self.said.append("cancelled")
            raise
        except Exception as error:
            self.said.append((type(error), str(error), vars(error)))

    def reading(self) -> Any:
        """Return a call of the reader's, of any kind."""
        kind = self.tape.below(6)
        if kind == 0:
            return self.reader.readline()
        if kind == 1:
            return self.reader.readuntil(self.tape.one_of(SEPARATORS))
        if kind == 2:
            return self.reader.read(self.tape.one_of(COUNTS))
        if kind == 3:
            return anext(self.reader)
        return self.reader.readexactly(self.tape.one_of(COUNTS))


@pytest.mark.parametrize("make_loop", [weft_loop, asyncio_loop])
@settings(max_examples=300)
@given(st.binary(min_size=200, max_size=300))
def test_any_order_of_feeding_reading_and_cancelling_gives_what_it_gives_with_asyncio_s_reader(make_loop, numbers):
    def run(make_loop: Callable[..., Any], reader_class: Callable[..., asyncio.StreamReader]) -> list[Any]:
        return Program(make_loop(FakeClock())[0], reader_class, numbers).run()

    assert run(make_loop, weft.streams.StreamReader) == run(asyncio_loop, asyncio.StreamReader)
