"""The table of kinds: Weft's own, and those that installed distributions add by entry points.

A distribution adds a kind by an entry point of the group "weft.endpoints": its name is the kind's, what it names is a
`Kind`.

    [project.entry-points."weft.endpoints"]
    memory = "package.module:KIND"
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from typing import Any

from weft.endpoints.base import ClientEndpoint, ServerEndpoint
from weft.endpoints.forms import Form, Kind
from weft.endpoints.parameters import (
    Parameter,
    endpoint,
    one_of,
    permissions,
    seconds,
    text,
    whole_number,
    words,
    yes_or_no,
)
from weft.endpoints.passed import LARGEST_DESCRIPTOR, Descriptor, Systemd
from weft.endpoints.process import Process
from weft.endpoints.proxied import HaproxyServer
from weft.endpoints.stdio import Stdio
from weft.endpoints.tcp import Tcp6Client, Tcp6Server, TcpClient, TcpServer
from weft.endpoints.tls import TlsClient, TlsServer
from weft.endpoints.unix import UnixClient, UnixServer
from weft.errors import EndpointError

GROUP = "weft.endpoints"

LISTENING = (
    whole_number("port", 0, 65535, is_positional=True),
    text("interface", "the address or the name of an interface of this machine"),
    whole_number("backlog", 1, 2**31 - 1),
    yes_or_no("reuse_port"),
)
CONNECTING = (
    text("host", "a host's name or address; colons in it have a backslash before them", is_positional=True),
    whole_number("port", 1, 65535, is_positional=True),
    seconds("timeout"),
    seconds("happy_eyeballs_delay"),
    text("bind_address", "an address of this machine"),
)
CERTIFICATE = (
    text("certificate", "the path of a PEM file or of a folder of them"),
    text("key", "the path of a PEM file"),
)
AGREEMENT = (
    words("alpn", "names of protocols with commas between them, such as h2,http/1.1"),
    one_of("minimum_version", "1.2", "1.3"),
)
ROOTS = "the path of a PEM file with authorities' certificates, or of a folder of them"
PATH = text("path", "the path of a socket", is_positional=True)
ABSTRACT = yes_or_no("abstract")


def split_options(options: dict[str, Any], parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """Take what belongs to `parameters` out of `options`, and return it."""
    names = [parameter.argument or parameter.name for parameter in parameters]
    return {name: options.pop(name) for name in names if name in options}


def make_tls_server(*places: int, over: ServerEndpoint | None = None, **options: Any) -> ServerEndpoint:
    """Return TLS over a TCP port, or over another endpoint."""
    carrying = split_options(options, LISTENING)
    if "certificate" not in options:
        raise EndpointError("certificate= is missing: it must be the path of a PEM file or of a folder of them")
    if over is None:
        if not places:
            raise EndpointError("port is missing: it must be a whole number from 0 to 65535; or over= in its place")
        return TlsServer(TcpServer(places[0], **carrying), **options)
    refuse_beside_over([*places, *carrying])
    return TlsServer(over, **options)


def make_tls_client(*places: Any, over: ClientEndpoint | None = None, **options: Any) -> ClientEndpoint:
    """Return TLS over a connection to a host's TCP port, or over another endpoint."""
    carrying = split_options(options, CONNECTING)
    if over is None:
        if len(places) < 2:
            missing = "port" if places else "host and port"
            raise EndpointError(f"{missing} must be given, as in tls:example.org:443; or over= in their place")
        return TlsClient(TcpClient(*places, **carrying), **options)
    refuse_beside_over([*places, *carrying])
    return TlsClient(over, **options)


def refuse_beside_over(values: list[Any]) -> None:
    """Raise EndpointError if there are values that belong to TCP, which `over` takes the place of."""
    if values:
        raise EndpointError(f"over= takes the place of TCP, so {values[0]} belongs into it or nowhere")


def tls_listening() -> Form[ServerEndpoint]:
    """Return how TLS is written where one listens."""
    return Form(
        make_tls_server,
        (
            replace(LISTENING[0], is_optional=True),
            *CERTIFICATE,
            text("client_roots", ROOTS),
            one_of("client_certificate", "required", "optional"),
            *AGREEMENT,
            *LISTENING[1:],
            endpoint("over"),
        ),
        "tls:443:certificate=/etc/ssl/site.pem",
    )


def tls_connecting() -> Form[ClientEndpoint]:
    """Return how TLS is written where one connects."""
    return Form(
        make_tls_client,
        (
            *(replace(parameter, is_optional=True) for parameter in CONNECTING[:2]),
            text("hostname", "the name that the server must prove to have"),
            text("trust_roots", ROOTS),
            *CERTIFICATE,
            *AGREEMENT,
            *CONNECTING[2:],
            endpoint("over"),
        ),
        "tls:example.org:443",
    )


NUMBER = (whole_number("number", 0, LARGEST_DESCRIPTOR, is_positional=True),)
PASSED = (
    whole_number("index", 0, LARGEST_DESCRIPTOR - 3),
    text("name", "the FileDescriptorName= of a unit, or the unit's name"),
)
OWN: dict[str, Kind] = {
    "fd": Kind(Form(Descriptor, NUMBER, "fd:3"), Form(Descriptor, NUMBER, "fd:3")),
    "haproxy": Kind(Form(HaproxyServer, (), "haproxy:tcp:8080", wraps=True)),
    "process": Kind(
        connecting=Form(
            lambda *command, **options: Process(command[0] if command else (), **options),
            (
                text("command", "a program and its arguments", is_positional=True, is_repeated=True),
                one_of("errors", "inherit", "drop", "log"),
                text("folder", "the path of a folder"),
                seconds("end_timeout"),
            ),
            "process:ssh:example.org:nc:localhost:25",
        )
    ),
    "stdio": Kind(Form(Stdio, (), "stdio:"), Form(Stdio, (), "stdio:")),
    "systemd": Kind(Form(Systemd, PASSED, "systemd:name=web"), Form(Systemd, PASSED, "systemd:index=0")),
    "tcp": Kind(
        Form(TcpServer, LISTENING, "tcp:8080:interface=127.0.0.1"), Form(TcpClient, CONNECTING, "tcp:example.org:80")
    ),
    "tcp6": Kind(
        Form(Tcp6Server, LISTENING, r"tcp6:8080:interface=\:\:1"), Form(Tcp6Client, CONNECTING, "tcp6:example.org:80")
    ),
    "tls": Kind(tls_listening(), tls_connecting()),
    "unix": Kind(
        Form(
            UnixServer,
            (PATH, permissions("mode"), yes_or_no("lockfile"), ABSTRACT, whole_number("backlog", 1, 2**31 - 1)),
            "unix:/run/app.sock:mode=660",
        ),
        Form(UnixClient, (PATH, ABSTRACT, seconds("timeout")), "unix:/run/app.sock"),
    ),
}
"""Weft's own kinds. They cannot be replaced: what a string means does not depend on what else is installed."""


def find(name: str) -> Kind | None:
    """Return the kind of a name; None if there is none.

    Raises EndpointError if a distribution adds one that cannot be used, or if two add one of the same name.
    """
    if name in OWN:
        return OWN[name]
    found = list(metadata.entry_points(group=GROUP, name=name))
    if not found:
        return None
    if len(found) > 1:
        raise EndpointError(
            f"{len(found)} distributions add a kind of endpoint called {name!r}: "
            f"{', '.join(map(origin, found))}. Uninstall all but one"
        )
    try:
        kind = found[0].load()
    except Exception as error:
        raise EndpointError(f"{origin(found[0])} adds the kind {name!r}, but it cannot be loaded: {error}") from error
    if not isinstance(kind, Kind):
        raise EndpointError(f"{origin(found[0])} adds the kind {name!r}, but {kind!r} is no weft.endpoints.Kind")
    return kind


def names(choose: Callable[[Kind], Form[Any] | None]) -> list[str]:
    """Return the names of Weft's own kinds that have a form, and of all those that distributions add."""
    added = {entry.name for entry in metadata.entry_points(group=GROUP)}
    return sorted({name for name, kind in OWN.items() if choose(kind)} | added)


def origin(entry: metadata.EntryPoint) -> str:
    """Return where an entry point comes from, in words."""
    distribution = entry.dist.name if entry.dist is not None else "a distribution"
    return f"{distribution} ({entry.value})"
