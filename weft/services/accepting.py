"""Ending to accept without losing anyone.

A client whose connection was made by the kernel, but not accepted yet, has perhaps sent its request already; closing
the listening socket resets it. So new ones are refused first, those that wait are accepted, and then the socket is
closed. Linux can refuse new TCP connections while those under way complete: a filter drops their first packets (SYN),
and their clients, who ask again after a second, find the port closed. A UNIX socket's file is removed, which does the
same. Elsewhere a client may still come in between the last look and the closing.
"""

from __future__ import annotations

import asyncio
import ctypes
import ipaddress
import logging
import os
import select
import socket
import stat
import struct
import sys
from collections.abc import Iterable
from typing import Any

logger = logging.getLogger("weft.services")

HANDSHAKE_S = 0.25
"""How long connections that are being made across a network may take to complete: about one round trip of the world.
On this machine itself they are complete at once."""
EAGER_TURNS = 100
"""How often in a row it is looked whether someone waits, before that is done every few milliseconds only."""
LOOK_S = 0.005

SO_ATTACH_FILTER = 26
"""As Linux has it on all machines that it shares with Python's wheels; Python does not name it."""
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte with TCP's flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # a SYN alone?
    (0x06, 0, 0, 0),  # then drop the packet,
    (0x06, 0, 0, 0xFFFFFFFF),  # else take all of it
)
"""A program for the kernel's packet filter (bpf(4)): code, jump if true, jump if false, operand."""


def refuse_new(sockets: Iterable[Any]) -> None:
    """Have the kernel let no new connection in at these listening sockets; those under way complete.

    It holds for the socket in all processes that share it.
    """
    for sock in sockets:
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            drop_first_packets(sock)
        elif sock.family == socket.AF_UNIX:
            remove_file(sock.getsockname())


def drop_first_packets(sock: Any) -> None:
    """Have a listening TCP socket ignore who asks for a connection, where the system can do so."""
    if sys.platform != "linux":
        return
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _DROP_SYN))
    program = struct.pack("@HP", len(_DROP_SYN), ctypes.addressof(code))
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
    except OSError as error:
        logger.debug("the kernel takes no filter for %s (%s): a client may come in too late", sock, error)


def remove_file(name: str | bytes) -> None:
    """Remove a UNIX socket's file, if it has one."""
    path = os.fsencode(name)
    if not path or path.startswith(b"\0"):
        return
    try:
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        logger.warning("the socket file %s cannot be removed: %s", os.fsdecode(path), error.strerror)


async def accept_waiting(sockets: Iterable[Any]) -> None:
    """Return when nobody waits to be accepted at these sockets, whom a server of this loop still serves."""
    listening = [sock for sock in sockets if sock.fileno() >= 0]
    if any(is_reached_from_afar(sock) for sock in listening):
        await asyncio.sleep(HANDSHAKE_S)
    turns = 0
    while any_waits(listening):
        await asyncio.sleep(0 if turns < EAGER_TURNS else LOOK_S)
        turns += 1


def any_waits(sockets: Iterable[Any]) -> bool:
    """Return whether a connection can be accepted at one of these sockets."""
    poll = select.poll()
    for sock in sockets:
        if sock.fileno() >= 0:
            poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def is_reached_from_afar(sock: Any) -> bool:
    """Return whether other machines can connect to a listening socket."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    host = sock.getsockname()[0].partition("%")[0]
    return not ipaddress.ip_address(host).is_loopback
