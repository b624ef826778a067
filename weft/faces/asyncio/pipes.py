"""Pipes, as asyncio asks for them: a file object and a protocol, one direction each."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

from weft.core.loop import Core
from weft.transports.pipe import read_pipe, write_pipe


class Pipes(Core):
    """`connect_read_pipe` and `connect_write_pipe`."""

    async def connect_read_pipe(self, protocol_factory: Callable[[], Any], pipe: Any) -> tuple[Any, Any]:
        """Give what comes out of a pipe to a protocol; return (transport, protocol).

        `pipe` is a file object; the transport makes it non-blocking, and closes it at its end. Raises ValueError for
        anything but a pipe, a socket or a character device.
        """
        return await self._begin_pipe(read_pipe, pipe, protocol_factory)

    async def connect_write_pipe(self, protocol_factory: Callable[[], Any], pipe: Any) -> tuple[Any, Any]:
        """Have a protocol write into a pipe; return (transport, protocol).

        `pipe` is a file object; the transport makes it non-blocking, and closes it at its end. Raises ValueError for
        anything but a pipe, a socket or a character device.
        """
        return await self._begin_pipe(write_pipe, pipe, protocol_factory)

    async def _begin_pipe(self, make: Callable[..., Any], pipe: Any, factory: Callable[[], Any]) -> tuple[Any, Any]:
        self._check_closed()  # type: ignore[attr-defined]
        protocol = factory()
        transport = make(self, pipe, protocol, contextvars.copy_context())
        try:
            transport.start()
        except (SystemExit, KeyboardInterrupt):
            transport.abort()  # nobody will get hold of it
            raise
        try:
            await asyncio.sleep(0)
        except BaseException:
            transport.close()  # cancelled: nobody will get hold of it
            raise
        return transport, protocol
