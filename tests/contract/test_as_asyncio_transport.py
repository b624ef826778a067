"""What a protocol, its transport and the peer do, in any order: the protocol is told what asyncio's own tells it.

What is left out is what asyncio's transport does otherwise than it says, or leaves open: it takes some writes after
`close`, tells of an end again after `resume_reading`, and goes on when `connection_made` raised. And that a peer is
gone, asyncio's learns as it writes, Weft's when the callback that wrote returns.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weft

from .conftest import POLLERS
from .tapes import Tape

SIZES = (0, 1, 3, 100, 1_000_000)
"""What the system takes at once, however it comes, and what it does not."""
ROOM = 65_536
PEER_SIZES = (1, 2, 50, 3_000)
HIGH = (0, 10, 65_536)
TURNS = 12
"""So many turns, and nothing is under way between the ends of a socket pair."""


class Told(asyncio.Protocol):
    """Hands on what it is told."""

    def __init__(self, program: "Program") -> None:
        self.program = program

    def connection_made(self, transport: Any) -> None:
        self.program.transport = transport
        self.program.tell("made")

    def data_received(self, data: bytes) -> None:
        self.program.receive(data)

    def eof_received(self) -> bool:
        return self.program.end()

    def pause_writing(self) -> None:
        self.program.tell("pause")

    def resume_writing(self) -> None:
        self.program.tell("resume")

    def connection_lost(self, error: Exception | None) -> None:
        self.program.lose(error)


class ToldInItsBuffer(asyncio.BufferedProtocol):
    """The same with a buffer of its own."""

    def __init__(self, program: "Program") -> None:
        self.program = program
        self.buffer = bytearray(1 << 17)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.program.receive(bytes(self.buffer[:nbytes]))

    connection_made = Told.connection_made
    eof_received = Told.eof_received
    pause_writing = Told.pause_writing
    resume_writing = Told.resume_writing
    connection_lost = Told.connection_lost


class Program:
    """One connection whose ends do what a tape says; `said` says what its protocol was told, and answered."""

    def __init__(self, loop: Any, numbers: bytes) -> None:
        self.loop = loop
        self.tape = Tape(numbers)
        self.said: list[Any] = []
        self.transport: Any = None
        self.is_writable = True  # as asyncio and Weft agree on
        self.is_at_end = False
        self.is_over = False
        self.is_cut = False  # how much the peer has then is open
        self.peer_has = bytearray()
        self.actions = (
            self.write,
            self.write,
            self.write,
            self.write_lines,
            self.write_what_is_none,
            self.write_end,
            self.close,
            self.abort,
            self.pause,
            self.resume,
            self.resume,
            self.limit,
            self.change_protocol,
            self.look,
            self.peer_sends,
            self.peer_sends,
            self.peer_reads,
            self.peer_reads,
            self.peer_ends,
            self.peer_goes,
        )
        self.own_actions = self.actions[:14]
        loop.set_exception_handler(lambda loop, context: None)

    def run(self) -> list[Any]:
        """Run it to its end; return what was said, in order."""
        self.loop.run_until_complete(self.main())
        self.loop.close()
        return self.said

    async def main(self) -> None:
        ours, self.peer = socket.socketpair()
        for end in (ours, self.peer):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        if self.tape.below(2):
            await self.loop.create_connection(self.protocol, sock=ours)
        else:
            await self.loop.connect_accepted_socket(self.protocol, ours)
        await self.settle()
        for _ in range(1 + self.tape.below(20)):
            self.tape.one_of(self.actions)()
            await self.settle()
            self.said.append(("waiting", self.transport.get_write_buffer_size() > 0))
        self.tape.end()
        await self.finish()

    async def finish(self) -> None:
        """Have the connection end in order, if it has not ended; the peer reads to the end."""
        self.said.append("closing")
        self.transport.close()
        while not self.is_over:
            self.peer_reads(1 << 20)
            await self.settle()
        self.peer_reads(1 << 20)
        self.said.append("cut" if self.is_cut else self.peer_has)
        self.peer.close()

    async def settle(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    # -- what the protocol is told

    def protocol(self) -> Any:
        return Told(self) if self.tape.below(5) else ToldInItsBuffer(self)

    def tell(self, what: Any) -> None:
        self.said.append(what)
        for _ in range(self.tape.below(3)):
            self.tape.one_of(self.own_actions)()

    def receive(self, data: bytes) -> None:
        if type(self.said[-1]) is bytearray:
            self.said[-1] += data  # in how many pieces it comes is open
        else:
            self.said.append(bytearray(data))

    def end(self) -> bool:
        goes_on = self.tape.below(2) == 1
        self.is_at_end = True
        self.is_writable = self.is_writable and goes_on
        self.tell(("end", goes_on))
        return goes_on

    def lose(self, error: Exception | None) -> None:
        self.is_over = True
        self.is_writable = False
        self.tell(("lost", "connection" if isinstance(error, ConnectionError) else error))

    # -- what our end does

    def attempt(self, call: Callable[..., object], *args: Any) -> None:
        try:
            self.said.append((call.__name__, call(*args)))
        except Exception as error:
            self.said.append((call.__name__, type(error)))

    def write(self) -> None:
        data = bytes((65 + self.tape.below(26),)) * self.tape.one_of(SIZES)
        if self.is_writable:
            self.attempt(self.transport.write, data)

    def write_lines(self) -> None:
        lines = [b"x" * self.tape.one_of((1, 9, 300)) for _ in range(1 + self.tape.below(3))]
        if self.is_writable:
            self.attempt(self.transport.writelines, lines)

    def write_what_is_none(self) -> None:
        data = self.tape.one_of((bytearray(b"abc"), memoryview(b"def"), "text", None, 5))
        if self.is_writable:
            self.attempt(self.transport.write, data)

    def write_end(self) -> None:
        self.is_writable = False
        self.attempt(self.transport.write_eof)

    def close(self) -> None:
        if self.tape.below(3) == 2:
            self.is_writable = False
            self.attempt(self.transport.close)

    def abort(self) -> None:
        if self.tape.below(4) == 3:
            self.is_writable = False
            self.is_cut = True
            self.attempt(self.transport.abort)

    def pause(self) -> None:
        self.attempt(self.transport.pause_reading)

    def resume(self) -> None:
        if not self.is_at_end:
            self.attempt(self.transport.resume_reading)

    def limit(self) -> None:
        high = self.tape.one_of(HIGH)
        self.attempt(self.transport.set_write_buffer_limits, high, self.tape.one_of((None, 0, high // 4, high + 1)))
        self.attempt(self.transport.get_write_buffer_limits)

    def change_protocol(self) -> None:
        self.transport.set_protocol(self.protocol())

    def look(self) -> None:
        self.attempt(self.transport.is_closing)
        self.attempt(self.transport.can_write_eof)

    # -- what the peer does

    def peer_sends(self) -> None:
        try:
            self.said.append(("peer sent", self.peer.send(b"p" * self.tape.one_of(PEER_SIZES))))
        except OSError as error:
            self.said.append(("peer sent", type(error)))

    def peer_reads(self, most: int = 0) -> None:
        most = most or self.tape.one_of((1, 500, 1 << 20))
        try:
            while most > 0 and (data := self.peer.recv(most)):
                most -= len(data)
                self.peer_has += data
        except OSError:
            pass

    def peer_ends(self) -> None:
        if self.tape.below(3) == 2:
            try:
                self.peer.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def peer_goes(self) -> None:
        if self.tape.below(4) == 3:
            self.is_cut = True
            self.is_writable = False
            self.peer.close()


@pytest.mark.parametrize("make_poller", POLLERS, ids=lambda made_by: made_by.__name__)
@settings(max_examples=100)
@given(st.binary(min_size=150, max_size=250))
def test_a_protocol_is_told_what_asyncio_s_transport_tells_it(make_poller, numbers):
    poller = make_poller()
    poller.sees_every_turn = True  # as asyncio's does

    assert Program(weft.Loop(poller=poller), numbers).run() == Program(asyncio.SelectorEventLoop(), numbers).run()
