"""Inside a worker: what it asks of the process above it, and what that one tells it to do."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from weft.endpoints.base import TlsServerEndpoint
from weft.errors import ApplicationError, WeftError
from weft.services import listening, shared
from weft.services.application import Application
from weft.services.link import Link, Message
from weft.services.listening import SharedOpener
from weft.services.notify import Notifier
from weft.services.service import Service, said

logger = logging.getLogger("weft.services")

SIGNS_A_WATCH = 3
"""How many signs of life a worker gives within the time after which it would be killed."""


class Worker:
    """Serves one tree, and stops when it is told to, or when the process above is gone."""

    def __init__(self, sock: socket.socket, *, drain_s: float, watchdog_s: float | None) -> None:
        self._drain_s = drain_s
        self._watchdog_s = watchdog_s
        self._link = Link(sock, self._heard, self._left_alone)
        self._opener = SharedOpener(self._ask, self._say_closed)
        self._answers: asyncio.Queue[tuple[Message, list[socket.socket]]] = asyncio.Queue()
        self._asking = asyncio.Lock()
        self._application: Application | None = None
        self._must_stop = False
        self._is_ready = False

    async def serve(self, make: Callable[[], Awaitable[Service]]) -> int:
        """Make the tree and serve it to its end; return the exit code. What fails is told to the process above."""
        try:
            service = await make()
            listening.open_with(self._opener)
            signals = (signal.SIGTERM,)
            silent = Notifier({})  # systemd hears of the process above
            self._application = Application(service, drain_s=self._drain_s, signals=signals, notifier=silent)
            if self._must_stop:
                self._application.stop()
            await self._application.serve(self._ready)
        except Exception as error:
            if logger.isEnabledFor(logging.DEBUG) or (self._is_ready and not isinstance(error, WeftError)):
                logger.error("the worker failed", exc_info=error)
            self._link.send({"failed": said(error), "has_more": error.__cause__ is not None})
            return 1
        finally:
            await self._link.flush()
            self._link.close()
        return 0

    def _ready(self) -> None:
        self._is_ready = True
        self._link.send({"ready": os.getpid()})
        if self._watchdog_s:
            self._show_life(self._watchdog_s / SIGNS_A_WATCH)

    def _show_life(self, interval_s: float) -> None:
        self._link.send({"alive": True})
        asyncio.get_running_loop().call_later(interval_s, self._show_life, interval_s)

    def _say_closed(self) -> None:
        self._link.send({"closed": True})

    async def _ask(self, endpoint: TlsServerEndpoint) -> Sequence[socket.socket] | None:
        """Return the sockets of an endpoint from the process above; None where it has none to give."""
        described = shared.to_json(endpoint)
        if described is None:
            return None
        async with self._asking:
            self._link.send({"listen": described})
            answer, sockets = await self._answers.get()
        if "refused" in answer:
            raise ApplicationError(answer["refused"])
        if "failed" in answer:
            raise OSError(answer["number"], answer["failed"])
        return sockets or None

    def _heard(self, message: Message, sockets: list[socket.socket]) -> None:
        what = message.get("do")
        if what == "stop":
            self._opener.others_accept = message["others_accept"]
            self._stop(message["drain_s"])
            if not self._opener.has_ports:
                self._say_closed()
        elif what == "cut":
            self._cut()
        elif what == "look":
            self._link.send({"tree": self._tree()})
        else:
            self._answers.put_nowait((message, sockets))

    def _stop(self, drain_s: float | None) -> None:
        self._must_stop = True
        if self._application is not None and not self._application.is_stopping:
            self._application.drain_s = drain_s
            self._application.stop()

    def _tree(self) -> dict[str, Any] | None:
        return self._application.service.describe().to_json() if self._application is not None else None

    def _left_alone(self) -> None:
        logger.error("the process above this worker is gone: it stops")
        self._answers.put_nowait(({"refused": "the process above this worker is gone"}, []))
        self._stop(self._drain_s)
        # It may have been finishing already, with all the time it needs: nobody is there now to end that.
        asyncio.get_running_loop().call_later(self._drain_s, self._cut)

    def _cut(self) -> None:
        if self._application is not None:
            self._application.cut()
