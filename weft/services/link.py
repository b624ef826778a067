"""The line between the process that watches over workers and one of them: JSON messages, with sockets in hand.

It runs over a pair of connected UNIX sockets. A message is a JSON object on a line; sockets go beside it, as
SCM_RIGHTS (unix(7)).
"""

from __future__ import annotations

import array
import asyncio
import json
import logging
import select
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

logger = logging.getLogger("weft.services")

MOST_MESSAGE_BYTES = 4 << 20
"""A longer message ends the line: the largest that is meant is a tree of services."""
MOST_SOCKETS = 64
"""How many sockets a message may carry: an endpoint has one for each address of its interface."""
_READ_BYTES = 65536
_INT_BYTES = array.array("i").itemsize

Message = dict[str, Any]


class Link:
    """One end. `heard(message, sockets)` is called with each message, `ended()` once, when the other end is gone."""

    def __init__(
        self,
        sock: socket.socket,
        heard: Callable[[Message, list[socket.socket]], object],
        ended: Callable[[], object],
    ) -> None:
        self._sock = sock
        self._heard = heard
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._descriptors: deque[int] = deque()
        self._unsent: deque[tuple[memoryview, Sequence[socket.socket]]] = deque()
        self._all_sent = asyncio.Event()
        self._all_sent.set()
        self._is_open = True
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._readable)

    def send(self, message: Message, sockets: Sequence[socket.socket] = ()) -> None:
        """Send a message, and duplicates of some sockets with it. Where the other end is gone, nobody hears it."""
        if not self._is_open:
            return
        line = json.dumps(message | ({"sockets": len(sockets)} if sockets else {})).encode() + b"\n"
        self._unsent.append((memoryview(line), tuple(sockets)))
        if self._all_sent.is_set():
            self._all_sent.clear()
            self._loop.add_writer(self._sock.fileno(), self._writable)
            self._writable()

    async def flush(self) -> None:
        """Return when all was sent, or the other end is gone."""
        await self._all_sent.wait()

    def read_rest(self) -> None:
        """Hear at once what has come in already: the other end is gone, and may have said why."""
        if not self._is_open:
            return
        poll = select.poll()
        poll.register(self._sock.fileno(), select.POLLIN)
        while self._is_open and poll.poll(0):
            self._readable()

    def close(self) -> None:
        """Hang up; `ended` is not called. Twice does nothing."""
        if not self._is_open:
            return
        self._is_open = False
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        self._unsent.clear()
        self._all_sent.set()
        for descriptor in self._descriptors:
            socket.close(descriptor)
        self._descriptors.clear()

    def _writable(self) -> None:
        try:
            while self._unsent:
                view, sockets = self._unsent[0]
                rights = array.array("i", [sock.fileno() for sock in sockets])
                beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if sockets else []
                sent = self._sock.sendmsg([view], beside)
                if sent == len(view):
                    self._unsent.popleft()
                else:
                    self._unsent[0] = (view[sent:], ())
        except BlockingIOError:
            return
        except OSError:
            self._unsent.clear()  # the other end is gone: reading will tell
        self._loop.remove_writer(self._sock.fileno())
        self._all_sent.set()

    def _readable(self) -> None:
        try:
            data, beside, _, _ = self._sock.recvmsg(_READ_BYTES, socket.CMSG_SPACE(MOST_SOCKETS * _INT_BYTES))
        except BlockingIOError:
            return
        except OSError:
            data, beside = b"", []
        for level, kind, content in beside:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                rights = array.array("i")
                rights.frombytes(content[: len(content) - len(content) % _INT_BYTES])
                self._descriptors.extend(rights)
        if not data or len(self._rest) + len(data) > MOST_MESSAGE_BYTES:
            self.close()
            self._ended()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self._is_open:
                self._hear(line)

    def _hear(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            count = int(message.pop("sockets", 0))
            sockets = [socket.socket(fileno=self._descriptors.popleft()) for _ in range(count)]
        except (ValueError, TypeError, AttributeError, IndexError, RecursionError) as error:
            logger.error("what came from the other process is no message: %s", error)
            return
        self._heard(message, sockets)
