"""Connecting to a host with several addresses: one after another, or with Happy Eyeballs (RFC 8305).

Happy Eyeballs begins the next attempt when the one before has failed or has taken long enough, lets them run side by
side, and takes the first that succeeds. The sockets of all others are closed.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Iterable
from typing import Any

Info = tuple[Any, Any, int, str, Any]
"""One address, as `socket.getaddrinfo` returns it: family, type, protocol, canonical name, address."""


async def connect_first(
    loop: Any, infos: list[Info], sources: list[Info] | None, *, delay_s: float | None, all_errors: bool
) -> socket.socket:
    """Return a socket connected to one of the addresses, bound to one of `sources` of its family if there are any.

    Without `delay_s` an address is tried when the one before failed; with it, also after that many seconds. Raises
    what each attempt said: an ExceptionGroup with `all_errors`, else the one OSError, or one that quotes them all.
    """
    errors: list[OSError] = []
    if delay_s is None:
        for info in infos:
            try:
                return await connect_one(loop, info, sources)
            except OSError as error:
                errors.append(error)
    else:
        sock = await Race(loop, infos, sources, delay_s, errors).run()
        if sock is not None:
            return sock
    if all_errors:
        raise ExceptionGroup("create_connection failed", errors)
    if len({str(error) for error in errors}) == 1:
        raise errors[0]
    raise OSError("Multiple exceptions: " + ", ".join(str(error) for error in errors))


async def connect_one(loop: Any, info: Info, sources: list[Info] | None) -> socket.socket:
    """Return a socket connected to an address. Raises OSError; the socket is closed then."""
    family, kind, proto, _, address = info
    sock = socket.socket(family, kind, proto)
    try:
        sock.setblocking(False)
        if sources is not None:
            bind_first(sock, sources)
        await loop.sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


class Race:
    """Attempts at several addresses, begun one after another and running side by side."""

    def __init__(
        self, loop: Any, infos: list[Info], sources: list[Info] | None, delay_s: float, errors: list[OSError]
    ) -> None:
        self.loop = loop
        self.infos = infos
        self.sources = sources
        self.delay_s = delay_s
        self.errors = errors
        self.attempts: list[asyncio.Task[socket.socket]] = []
        self.winner: socket.socket | None = None

    async def run(self) -> socket.socket | None:
        """Return the first socket that connects; None if none did, with `errors` filled in the addresses' order."""
        try:
            try:
                await self.hold()
            finally:
                await self.end()
        except BaseException:
            if self.winner is not None:
                self.winner.close()  # cancelled at the end: nobody will get hold of it
            raise
        if self.winner is None:
            self.errors += [error for error in map(error_of, self.attempts) if error is not None]
        return self.winner

    async def hold(self) -> None:
        """Begin attempts until one has won or all have failed. Raises what is not an OSError."""
        under_way: set[asyncio.Task[socket.socket]] = set()
        while self.winner is None:
            is_last = len(self.attempts) == len(self.infos)
            if not is_last:
                info = self.infos[len(self.attempts)]
                attempt = self.loop.create_task(connect_one(self.loop, info, self.sources))
                self.attempts.append(attempt)
                under_way.add(attempt)
                is_last = len(self.attempts) == len(self.infos)
            elif not under_way:
                return
            done, under_way = await asyncio.wait(
                under_way, timeout=None if is_last else self.delay_s, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in self.attempts:
                if attempt in done and error_of(attempt) is None and self.winner is None:
                    self.winner = attempt.result()

    async def end(self) -> None:
        """Give up the attempts that are still under way, and close what they connected."""
        for attempt in self.attempts:
            attempt.add_done_callback(self.drop)
            attempt.cancel()
        await asyncio.gather(*self.attempts, return_exceptions=True)

    def drop(self, attempt: asyncio.Task[socket.socket]) -> None:
        """Close the socket of an attempt that succeeded, and did not win."""
        if not attempt.cancelled() and attempt.exception() is None and attempt.result() is not self.winner:
            attempt.result().close()


def error_of(attempt: asyncio.Task[socket.socket]) -> OSError | None:
    """Return the OSError of an attempt that is over; None if it succeeded. Raises any other exception."""
    error = attempt.exception()
    if error is not None and not isinstance(error, OSError):
        raise error
    return error


def interleaved(infos: Iterable[Info], first_count: int) -> list[Info]:
    """Return addresses with their families taking turns, after `first_count` of the first one's (RFC 8305, 4)."""
    families: dict[Any, list[Info]] = {}
    for info in infos:
        families.setdefault(info[0], []).append(info)
    queues = list(families.values())
    ahead = queues[0][: first_count - 1] if first_count > 1 else []
    queues[0] = queues[0][len(ahead) :]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*queues))
    return ahead + [info for info in turns if info is not None]


def bind_first(sock: socket.socket, sources: list[Info]) -> None:
    """Bind a socket to the first of the local addresses that is of its family. Raises OSError."""
    errors = []
    for family, _, _, _, address in sources:
        if family != sock.family:
            continue
        try:
            sock.bind(address)
            return
        except OSError as error:
            errors.append(bind_error(address, error))
    raise errors[0] if errors else OSError(f"no matching local address with {sock.family!r} found")


def bind_error(address: Any, error: OSError) -> OSError:
    """Return an error that names the address that could not be bound."""
    reason = (error.strerror or str(error)).lower()
    return OSError(error.errno, f"error while attempting to bind on address {address!r}: {reason}")
