"""Certificates that the tests make, contexts that use them, and a TLS peer that is none of Weft's."""

import asyncio
import functools
import socket
import ssl
from typing import Any

import trustme

from weft.core.timers import TimerHandle
from weft.ports import Observer

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@functools.cache
def authority(name: str) -> trustme.CA:
    return trustme.CA(organization_name=name)


@functools.cache
def certificate(*names: str) -> trustme.LeafCert:
    return authority("trusted").issue_cert(*names)


def server_context(
    *names: str, version: ssl.TLSVersion | None = None, asks_for: ssl.VerifyMode = ssl.CERT_NONE
) -> ssl.SSLContext:
    """A server's context with a certificate for `names` (localhost), which asks clients for theirs or does not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate(*(names or ("localhost",))).configure_cert(context)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if asks_for != ssl.CERT_NONE:
        context.verify_mode = asks_for
        authority("trusted").configure_trust(context)
    return context


def client_context(
    *, trusts: str = "trusted", has_certificate: bool = False, version: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    """A client's context that trusts one authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority(trusts).configure_trust(context)
    if has_certificate:
        certificate("client@example.org").configure_cert(context)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


class Timers(Observer):
    """Keeps every timer that a loop makes."""

    def __init__(self) -> None:
        self.made: list[TimerHandle] = []

    def timer_made(self, timer: TimerHandle) -> None:
        self.made.append(timer)


class RaggedEndError(Exception):
    """The connection ended without a close_notify."""


class Peer:
    """TLS on a bare socket, step by step, so that a test says what leaves when."""

    def __init__(
        self,
        loop: Any,
        sock: socket.socket,
        context: ssl.SSLContext,
        hostname: str | None = None,
        session: Any = None,
    ) -> None:
        self.loop = loop
        self.sock = sock
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        is_server = context.protocol == ssl.PROTOCOL_TLS_SERVER
        self.tls = context.wrap_bio(
            self.incoming,
            self.outgoing,
            server_side=is_server,
            server_hostname=None if is_server else hostname or "localhost",
            session=session,
        )

    async def handshake(self) -> "Peer":
        await self.do(self.tls.do_handshake)
        return self

    async def send(self, data: bytes) -> None:
        self.tls.write(data)
        await self.send_out()

    async def send_out(self) -> None:
        data = self.outgoing.read()
        if data:
            await self.loop.sock_sendall(self.sock, data)

    async def recv(self, size: int = 65536) -> bytes:
        """What the other side sent; b"" at its close_notify."""
        try:
            data: bytes = await self.do(self.tls.read, size)
        except ssl.SSLZeroReturnError:
            return b""
        return data

    async def recv_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = await self.recv(size - len(data))
            assert more, f"the end came after {len(data)} bytes of {size}"
            data += more
        return data

    async def close_notify(self) -> None:
        """Say that no more comes; the answer is not awaited."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        await self.send_out()

    async def do(self, step: Any, *args: Any) -> Any:
        while True:
            try:
                result = step(*args)
                await self.send_out()
                return result
            except ssl.SSLWantReadError:
                await self.send_out()
                data = await self.loop.sock_recv(self.sock, 65536)
                if not data:
                    raise RaggedEndError from None
                self.incoming.write(data)


async def secured(
    loop: Any,
    pair: tuple[socket.socket, socket.socket],
    protocol: Any,
    server: ssl.SSLContext | None = None,
    client: ssl.SSLContext | None = None,
    **options: Any,
) -> tuple[Any, Peer]:
    """Weft's TLS server on one end of a pair, a Peer that is its client on the other, both agreed."""
    ours, theirs = pair
    peer = Peer(loop, theirs, client or client_context())
    begun = loop.connect_accepted_socket(lambda: protocol, ours, ssl=server or server_context(), **options)
    (transport, _), _ = await asyncio.gather(begun, peer.handshake())
    return transport, peer
