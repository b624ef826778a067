"""TLS: servers with certificates from files, clients that verify whom they speak with, over any other endpoint."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from weft.endpoints.base import (
    ClientEndpoint,
    Factory,
    P,
    ServerEndpoint,
    TlsClientEndpoint,
    TlsOptions,
    TlsServerEndpoint,
)
from weft.endpoints.certificates import Certificates, Pair, load_pair, load_roots
from weft.endpoints.port import Port
from weft.endpoints.tcp import TcpClient
from weft.endpoints.upgrade import connect_over, securing
from weft.errors import EndpointError
from weft.transports.security import require_ssl, ssl

Version = Literal["1.2", "1.3"]
LOOK_EVERY_S = 1.0
"""How often the files of certificates are looked at, at most."""
VERSIONS = ("1.2", "1.3")
"""What may be asked for at least. Older versions are broken (RFC 8996)."""


@dataclass(frozen=True)
class TlsServer(ServerEndpoint):
    """Listens at another endpoint, with TLS on each connection."""

    over: ServerEndpoint
    certificate: str
    """A PEM file with the certificate and its chain; or a folder of such files, from which a client gets the one for
    the name that it asks for, or else the one called default, or else the first by its file's name."""
    key: str | None = None
    """The PEM file with the key; None: it stands in the certificate's file, or beside it in a folder."""
    client_roots: str | None = None
    """The authorities whose client certificates are accepted: a PEM file or a folder of them. None: nobody is asked
    for a certificate."""
    client_certificate: Literal["required", "optional"] = "required"
    """Whether a client may come without one, if there are `client_roots`."""
    alpn: tuple[str, ...] = ()
    """The protocols to agree on with clients, the preferred one first."""
    minimum_version: Version = "1.2"
    look_every_s: float = LOOK_EVERY_S
    """How long a change of the files may go unnoticed; whoever connects then sees the certificate of before."""

    def __post_init__(self) -> None:
        check_version(self.minimum_version)
        if self.client_certificate not in ("required", "optional"):
            raise EndpointError(
                f"client_certificate is {self.client_certificate!r}, and must be required or optional"
            )
        if self.key is not None and Path(self.certificate).is_dir():
            raise EndpointError("key is for a certificate in a file; in a folder each has its key beside it")

    async def listen(self, factory: Factory[Any]) -> Port:
        """Listen. Raises OSError where that cannot be done, and EndpointError for certificates that cannot be used.

        Files that change are read again while the port is open; `port.reload()` does it at once.
        """
        require_ssl()
        certificates = Certificates(self.certificate, self.key, self._make_context, self.look_every_s)
        loop = asyncio.get_running_loop()
        context = self._make_context()

        def choose(connection: Any, name: str | None, context: ssl.SSLContext) -> None:
            connection.context = certificates.choose(name, loop.time())

        context.sni_callback = choose
        tls: TlsOptions = {"ssl": context}
        if isinstance(self.over, TlsServerEndpoint):
            port = await self.over.listen_with(factory, tls)
        else:
            port = await self.over.listen(securing(factory, tls))
        port.on_reload(certificates.reload)
        return port

    def _make_context(self) -> ssl.SSLContext:
        """Return a context that has everything but a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        configure(context, self.minimum_version, self.alpn)
        if self.client_roots is not None:
            is_required = self.client_certificate == "required"
            context.verify_mode = ssl.CERT_REQUIRED if is_required else ssl.CERT_OPTIONAL
            load_roots(context, self.client_roots)
        return context


@dataclass(frozen=True)
class TlsClient(ClientEndpoint):
    """Connects to another endpoint, with TLS; a server that does not prove who it is gets nothing.

    `hostname` is the name that it must prove. None: the host of a TCP endpoint below.
    """

    over: ClientEndpoint
    hostname: str | None = None
    trust_roots: str | None = None
    """The authorities to trust: a PEM file or a folder of them. None: those that the system trusts."""
    certificate: str | None = None
    """The PEM file with our own certificate and its chain, for servers that ask for one."""
    key: str | None = None
    """The PEM file with its key; None: it stands in the certificate's file."""
    alpn: tuple[str, ...] = ()
    """The protocols to agree on with the server, the preferred one first."""
    minimum_version: Version = "1.2"

    def __post_init__(self) -> None:
        check_version(self.minimum_version)
        if self.key is not None and self.certificate is None:
            raise EndpointError("key needs certificate: the file with the certificate that it belongs to")
        if self.hostname is None and not isinstance(self.over, TcpClient):
            raise EndpointError("hostname is missing: the name that the server must prove to have")

    async def connect(self, factory: Factory[P]) -> tuple[asyncio.Transport, P]:
        """Connect. Raises OSError where nobody answers, ssl.SSLError (one of them) where TLS fails.

        A server that cannot prove its name is an ssl.SSLCertVerificationError, files that cannot be used are an
        EndpointError.
        """
        require_ssl()
        hostname = self.over.host if self.hostname is None and isinstance(self.over, TcpClient) else self.hostname
        tls: TlsOptions = {"ssl": self._make_context(), "server_hostname": hostname}
        if isinstance(self.over, TlsClientEndpoint):
            return await self.over.connect_with(factory, tls)
        return await connect_over(self.over, factory, tls)

    def _make_context(self) -> ssl.SSLContext:
        if self.trust_roots is None and self.certificate is None:
            return system_context(self.minimum_version, self.alpn)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        configure(context, self.minimum_version, self.alpn)
        if self.trust_roots is None:
            context.load_default_certs()
        else:
            load_roots(context, self.trust_roots)
        if self.certificate is not None:
            certificate = Path(self.certificate)
            load_pair(context, Pair(certificate, certificate if self.key is None else Path(self.key)))
        return context


@functools.lru_cache(maxsize=32)
def system_context(minimum_version: Version, alpn: tuple[str, ...]) -> ssl.SSLContext:
    """Return a client's context that trusts whom the system trusts. Reading all of them takes milliseconds: kept."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    configure(context, minimum_version, alpn)
    context.load_default_certs()
    return context


def configure(context: ssl.SSLContext, minimum_version: Version, alpn: tuple[str, ...]) -> None:
    """Give a context what both sides have in common."""
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if minimum_version == "1.3" else ssl.TLSVersion.TLSv1_2
    if alpn:
        context.set_alpn_protocols(list(alpn))


def check_version(version: str) -> None:
    """Raise EndpointError for a version of TLS that cannot be asked for."""
    if version not in VERSIONS:
        raise EndpointError(f"minimum_version is {version!r}, and must be {' or '.join(VERSIONS)}")
