"""The connector: an outgoing connection, until it stands or fails."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from weft.core import _os
from weft.core.loop import Core
from weft.core.timers import TimerHandle
from weft.ports import Source

IN_PROGRESS = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR})
RETRY_S = 0.001
"""How long to wait before knocking again at a UNIX socket whose backlog is full: the system does not tell when."""


class Connector(Source):
    """Connects a non-blocking socket, then calls `done(error)` once, with None for success.

    The socket stays its owner's. `cancel` stops it; `done` is not called then.
    """

    def __init__(
        self, loop: Core, sock: socket.socket, address: Any, done: Callable[[BaseException | None], None]
    ) -> None:
        self.loop = loop
        self.sock = sock
        self.address = address
        self.done = done
        self.fd = -1
        self.retry: TimerHandle | None = None

    def start(self) -> None:
        """Begin. An address that the system refuses at once is reported like any other failure, by `done`."""
        self.retry = None
        code = self.sock.connect_ex(self.address)
        if code == errno.EAGAIN and self.sock.family == socket.AF_UNIX:
            self.retry = self.loop.call_later(RETRY_S, self.start)
        elif code in IN_PROGRESS:
            self.fd = self.sock.fileno()
            self.loop.poller.add(self.fd, self, _os.WRITE)
        else:
            self.loop.call_soon(self.done, self.error_of(code))

    def ready(self, events: int) -> None:
        """The connection stands or failed: say which."""
        code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self.cancel()
        self.done(self.error_of(code))

    def error_of(self, code: int) -> BaseException | None:
        """Return the exception for an error number, None for 0."""
        if code == 0:
            return None
        return OSError(code, f"Connect call failed {self.address}: {os.strerror(code)}")

    def fail(self, error: BaseException) -> None:
        """Give up because of an exception in `ready`."""
        self.cancel()
        self.loop.report({"message": "Connecting failed", "exception": error})

    def cancel(self) -> None:
        """Stop watching; after that nothing is called any more."""
        if self.retry is not None:
            self.retry.cancel()
            self.retry = None
        if self.fd >= 0:
            self.loop.poller.remove(self.fd)
            self.fd = -1
