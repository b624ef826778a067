"""Endpoints: where to listen and where to connect, as strings or as objects, on any asyncio loop.

    port = await weft.listen("tcp:8080:interface=127.0.0.1", Echo)
    transport, protocol = await weft.connect("tls:example.org:443", Fetch)
    port = await weft.serve_streams("unix:/run/app.sock:mode=660", conversation)
    reader, writer = await weft.open_stream("unix:/run/app.sock")

`TcpServer(8080, interface="127.0.0.1")` says the same as the first string, and can be given in its place.
"""

from weft.endpoints.base import ClientEndpoint, ServerEndpoint, TlsClientEndpoint, TlsServerEndpoint
from weft.endpoints.forms import Form, Kind
from weft.endpoints.opening import connect, listen, open_stream, serve_streams
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
from weft.endpoints.parsing import client, quote, server
from weft.endpoints.passed import Descriptor, Systemd
from weft.endpoints.port import Port
from weft.endpoints.process import Process
from weft.endpoints.proxied import HaproxyServer
from weft.endpoints.stdio import Stdio
from weft.endpoints.tcp import Tcp6Client, Tcp6Server, TcpClient, TcpServer
from weft.endpoints.tls import TlsClient, TlsServer
from weft.endpoints.unix import UnixClient, UnixServer

__all__ = [
    "ClientEndpoint",
    "Descriptor",
    "Form",
    "HaproxyServer",
    "Kind",
    "Parameter",
    "Port",
    "Process",
    "ServerEndpoint",
    "Stdio",
    "Systemd",
    "Tcp6Client",
    "Tcp6Server",
    "TcpClient",
    "TcpServer",
    "TlsClient",
    "TlsClientEndpoint",
    "TlsServer",
    "TlsServerEndpoint",
    "UnixClient",
    "UnixServer",
    "client",
    "connect",
    "endpoint",
    "listen",
    "one_of",
    "open_stream",
    "permissions",
    "quote",
    "seconds",
    "serve_streams",
    "server",
    "text",
    "whole_number",
    "words",
    "yes_or_no",
]
