"""What a loop can do besides running: methods that are imported when they are first asked for.

A program pays for TLS, datagrams, pipes or child processes when it uses them, not when it starts. Each feature is a
class of a module of its own; its methods take their places in `Features` one by one, for every loop at once, and from
then on cost what any method does.

Asked for with no descriptor left, a method whose module was not read yet raises OSError (EMFILE), as whatever opens
one does, and works again later. `load_features` reads all of them at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

FEATURES = {
    "connections.Connections": (
        "create_connection",
        "connect_accepted_socket",
        "create_server",
        "_begin_stream",
        "_listening_addresses",
        "_resolve",
    ),
    "datagrams.Datagrams": (
        "create_datagram_endpoint",
        "sock_recvfrom",
        "sock_recvfrom_into",
        "sock_sendto",
        "_begin_datagrams",
        "_datagram_addresses",
        "_first_datagram_socket",
    ),
    "debugging.Debugging": (
        "set_debug",
        "check_call",
        "took",
        "_current_handle",
        "_look_up_timed",
        "_track_origins",
    ),
    "descriptors.Descriptors": (
        "add_reader",
        "add_writer",
        "remove_reader",
        "remove_writer",
        "sock_accept",
        "sock_connect",
        "sock_recv",
        "sock_recv_into",
        "sock_sendall",
        "_check_nonblocking",
        "_connect",
        "_refuse_transport",
        "_unwatch",
        "_watch",
        "_watcher",
        "_when",
    ),
    "pipes.Pipes": ("connect_read_pipe", "connect_write_pipe", "_begin_pipe"),
    "processes.Processes": ("subprocess_exec", "subprocess_shell"),
    "sendfile.Sendfile": (
        "sendfile",
        "sock_sendfile",
        "_read",
        "_send_some",
        "_sendfile_fallback",
        "_sendfile_native",
        "_sock_sendfile_fallback",
        "_sock_sendfile_native",
    ),
    "signals.Signals": ("add_signal_handler", "remove_signal_handler", "_forget_signals"),
    "tls.TLS": ("start_tls",),
    "unix.UnixSockets": ("create_unix_connection", "create_unix_server"),
}
"""The module and the class of each feature -> every method of that class."""


class Later:
    """Stands in a class for a method that is not imported yet, and gives its place to it."""

    __slots__ = ("home", "name", "owner")

    def __init__(self, owner: type, home: str, name: str) -> None:
        self.owner = owner
        self.home = home
        self.name = name

    def __get__(self, instance: Any, owner: type | None) -> Any:
        method = self.load()
        return method.__get__(instance, owner)

    def load(self) -> Any:
        """Return the method itself, which stands in the class from now on."""
        module, _, feature = self.home.partition(".")
        found = getattr(importlib.import_module(f"weft.faces.asyncio.{module}"), feature)
        method = vars(found)[self.name]
        setattr(self.owner, self.name, method)
        return method


if TYPE_CHECKING:
    from weft.faces.asyncio.connections import Connections
    from weft.faces.asyncio.datagrams import Datagrams
    from weft.faces.asyncio.debugging import Debugging
    from weft.faces.asyncio.descriptors import Descriptors
    from weft.faces.asyncio.pipes import Pipes
    from weft.faces.asyncio.processes import Processes
    from weft.faces.asyncio.sendfile import Sendfile
    from weft.faces.asyncio.signals import Signals
    from weft.faces.asyncio.tls import TLS
    from weft.faces.asyncio.unix import UnixSockets

    class Features(
        Connections, UnixSockets, Datagrams, Debugging, Descriptors, Pipes, Processes, Sendfile, Signals, TLS
    ):
        """All of them, as a type checker is to see them."""

else:

    class Features:
        """All of them, each read when it is first asked for."""

    for home, names in FEATURES.items():
        for name in names:
            setattr(Features, name, Later(Features, home, name))


def load_features() -> None:
    """Import every feature that is not imported yet: before the program gives up the right to read its files, say."""
    for names in FEATURES.values():
        for name in names:
            getattr(Features, name)
