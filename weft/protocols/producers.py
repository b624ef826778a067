"""Producers: whoever makes bytes for a connection at the pace at which its peer takes them.

A push producer makes bytes on its own, and is paused and resumed. A pull producer makes some each time that it is
asked. Both are registered with `StreamProtocol.register_producer`. The protocol of one connection can itself be the
push producer of another: see relay.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class PushProducer(Protocol):
    """The shape of a producer that makes bytes on its own, until it is paused."""

    def pause_producing(self) -> None:
        """Make nothing until `resume_producing`."""

    def resume_producing(self) -> None:
        """Go on making."""

    def stop_producing(self) -> None:
        """Make nothing ever again: the connection is over."""


class PullProducer(Protocol):
    """The shape of a producer that makes some bytes each time that it is asked."""

    def resume_producing(self) -> None:
        """Write some bytes now, or unregister: there are no more."""

    def stop_producing(self) -> None:
        """You will not be asked again: the connection is over."""


class Pump:
    """Makes a push producer of a pull producer: asks it once a turn of the loop, for as long as it is not paused."""

    def __init__(self, producer: PullProducer, fail: Callable[[], None]) -> None:
        self._producer: PullProducer | None = producer
        self._fail = fail
        self._call: asyncio.Handle | None = None

    def pause_producing(self) -> None:
        """Ask no more until `resume_producing`."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def resume_producing(self) -> None:
        """Ask, from the next turn on."""
        if self._call is None and self._producer is not None:
            self._call = asyncio.get_running_loop().call_soon(self._ask)

    def stop_producing(self) -> None:
        """Tell the producer that the connection is over."""
        producer = self._producer
        self.release()
        if producer is not None:
            producer.stop_producing()

    def release(self) -> None:
        """Ask never again."""
        self.pause_producing()
        self._producer = None

    def _ask(self) -> None:
        self._call = None
        if self._producer is None:
            return
        self.resume_producing()  # first, so that a pause from within the call takes it back
        try:
            self._producer.resume_producing()
        except BaseException:
            self._fail()
            raise
