"""Datagrams, as asyncio asks for them: endpoints with a protocol, and coroutines on a socket of the user's own."""

from __future__ import annotations

import asyncio
import contextvars
import socket
import sys
from collections.abc import Callable
from typing import Any

from weft.core.loop import Core
from weft.faces.asyncio.tls import refuse_ssl_socket
from weft.faces.asyncio.unix import remove_stale
from weft.transports.datagram import DatagramEndpoint, SocketDatagramChannel

EXPECTED = "A datagram socket" if sys.version_info >= (3, 13) else "A UDP Socket"  # as asyncio of each Python says


class Datagrams(Core):
    """`create_datagram_endpoint`, `sock_recvfrom`, `sock_recvfrom_into` and `sock_sendto`."""

    async def create_datagram_endpoint(
        self,
        protocol_factory: Callable[[], Any],
        local_addr: Any = None,
        remote_addr: Any = None,
        *,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        reuse_port: bool | None = None,
        allow_broadcast: bool | None = None,
        sock: socket.socket | None = None,
    ) -> tuple[Any, Any]:
        """Make a datagram endpoint and return (transport, protocol).

        Addresses are pairs (host, port), or paths with `family=AF_UNIX`. With `remote_addr` the endpoint sends there
        alone, and hears from there alone unless `allow_broadcast` is set. Raises OSError where no address works.
        """
        self._check_closed()  # type: ignore[attr-defined]
        remote = None
        if sock is not None:
            check_datagram_socket(sock)
            refuse_beside_sock(
                local_addr=local_addr,
                remote_addr=remote_addr,
                family=family,
                proto=proto,
                flags=flags,
                reuse_port=reuse_port,
                allow_broadcast=allow_broadcast,
            )
        else:
            pairs = await self._datagram_addresses(local_addr, remote_addr, family, proto, flags)
            sock, remote = await self._first_datagram_socket(pairs, bool(reuse_port), bool(allow_broadcast))
        return await self._begin_datagrams(sock, protocol_factory, remote)

    async def _begin_datagrams(self, sock: socket.socket, factory: Callable[[], Any], remote: Any) -> tuple[Any, Any]:
        """Start an endpoint on a socket; if that fails, the socket is closed."""
        try:
            sock.setblocking(False)
            protocol = factory()
            channel = SocketDatagramChannel(sock)
            endpoint = DatagramEndpoint(self, channel, protocol, contextvars.copy_context(), remote)
        except BaseException:
            sock.close()
            raise
        try:
            endpoint.start()
        except (SystemExit, KeyboardInterrupt):
            endpoint.abort()  # nobody will get hold of it
            raise
        try:
            await asyncio.sleep(0)
        except BaseException:
            endpoint.close()  # cancelled: nobody will get hold of it
            raise
        return endpoint, protocol

    async def _datagram_addresses(
        self, local: Any, remote: Any, family: int, proto: int, flags: int
    ) -> list[tuple[int, int, Any, Any]]:
        """Return what an endpoint can be made of: (family, protocol, local address, remote address), best first."""
        if not local and not remote:
            if family == 0:
                raise ValueError("unexpected address family")
            return [(family, proto, None, None)]
        if family == socket.AF_UNIX:
            for address in (local, remote):
                if address is not None and not isinstance(address, str):
                    raise TypeError("string is expected")
            if local:
                remove_stale(local)
            return [(family, proto, local, remote)]
        found: dict[tuple[int, int], list[Any]] = {}
        for index, address in enumerate((local, remote)):
            if address is None:
                continue
            if not (isinstance(address, tuple) and len(address) == 2):
                raise TypeError("2-tuple is expected")
            infos = await self._resolve(  # type: ignore[attr-defined]
                *address, family=family, type=socket.SOCK_DGRAM, proto=proto, flags=flags
            )
            for info in infos:
                found.setdefault((info[0], info[2]), [None, None])[index] = info[4]
        # A family that one of the two addresses is not of is of no use.
        pairs = [
            (*key, ours, theirs)
            for key, (ours, theirs) in found.items()
            if not (local and ours is None) and not (remote and theirs is None)
        ]
        if not pairs:
            raise ValueError("can not get address information")
        return pairs

    async def _first_datagram_socket(
        self, pairs: list[tuple[int, int, Any, Any]], reuse_port: bool, allow_broadcast: bool
    ) -> tuple[socket.socket, Any]:
        """Return a socket for the first of the pairs that works, and its remote address. Raises the first OSError."""
        first: OSError | None = None
        for family, proto, local, remote in pairs:
            sock = None
            try:
                sock = socket.socket(family, socket.SOCK_DGRAM, proto)
                sock.setblocking(False)
                if reuse_port:
                    share_port(sock)
                if allow_broadcast:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                if local:
                    sock.bind(local)
                if remote and not allow_broadcast:
                    await self.sock_connect(sock, remote)  # type: ignore[attr-defined]
                return sock, remote
            except OSError as error:
                if sock is not None:
                    sock.close()
                first = first or error
            except BaseException:
                if sock is not None:
                    sock.close()
                raise
        assert first is not None, "there is at least one pair"
        raise first

    # -- sockets of the user's own

    async def sock_recvfrom(self, sock: socket.socket, bufsize: int) -> tuple[bytes, Any]:
        """Return a datagram from a non-blocking socket, up to `bufsize` bytes of it, and its sender's address."""
        refuse_ssl_socket(sock)
        face: Any = self
        received: tuple[bytes, Any] = await face._when(
            face.add_reader, face.remove_reader, sock, lambda: sock.recvfrom(bufsize)
        )
        return received

    async def sock_recvfrom_into(self, sock: socket.socket, buf: Any, nbytes: int = 0) -> tuple[int, Any]:
        """Fill `buf`, or `nbytes` of it, with a datagram; return how many bytes came, and its sender's address."""
        refuse_ssl_socket(sock)
        face: Any = self
        received: tuple[int, Any] = await face._when(
            face.add_reader, face.remove_reader, sock, lambda: sock.recvfrom_into(buf, nbytes or len(buf))
        )
        return received

    async def sock_sendto(self, sock: socket.socket, data: Any, address: Any) -> int:
        """Send a datagram from a non-blocking socket to `address`; return how many bytes were sent."""
        refuse_ssl_socket(sock)
        face: Any = self
        sent: int = await face._when(face.add_writer, face.remove_writer, sock, lambda: sock.sendto(data, address))
        return sent


def check_datagram_socket(sock: socket.socket) -> None:
    """Raise ValueError for a socket that is not for datagrams."""
    if sock.type == socket.SOCK_STREAM:
        raise ValueError(f"{EXPECTED} was expected, got {sock!r}")


def refuse_beside_sock(**options: Any) -> None:
    """Raise ValueError where options come with a socket that is ready made."""
    given = ", ".join(f"{name}={value}" for name, value in options.items() if value)
    if given:
        raise ValueError(f"socket modifier keyword arguments can not be used when sock is specified. ({given})")


def share_port(sock: socket.socket) -> None:
    """Let other sockets be bound to the same port (SO_REUSEPORT). Raises ValueError where the system cannot."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except (AttributeError, OSError) as error:
        raise ValueError(f"reuse_port is not supported by this system: {error}") from None
