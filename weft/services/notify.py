"""What systemd is told of a service (sd_notify(3)): that it is ready, reloads, stops, and is alive.

Where the environment names no NOTIFY_SOCKET, nothing is told to nobody.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

logger = logging.getLogger("weft.services")

OWN_VARIABLES = (
    "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
)  # fmt: skip
"""What systemd says to the process that it started, and to no child of it."""


class Notifier:
    """Sends a service's state to the socket that NOTIFY_SOCKET names."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.address = environment.get("NOTIFY_SOCKET", "")
        self.watchdog_s = watchdog_s(environment)
        """Within how many seconds systemd expects a sign of life; None if it expects none."""

    def send(self, *assignments: str) -> None:
        """Send assignments such as "READY=1". What cannot be sent is logged: the service works without it."""
        if not self.address:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(assignments).encode(), address)
        except OSError as error:
            logger.warning("systemd cannot be told %s at %s: %s", assignments[0], self.address, error)

    def ready(self, status: str) -> None:
        """Say that the service is ready, after its start or after a reload."""
        self.send("READY=1", f"STATUS={status}", f"MAINPID={os.getpid()}")

    def reloading(self) -> None:
        """Say that it reloads; `ready` ends that."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self, status: str) -> None:
        """Say that it stops."""
        self.send("STOPPING=1", f"STATUS={status}")

    def alive(self) -> None:
        """Say that it is alive."""
        self.send("WATCHDOG=1")


def watchdog_s(environment: Mapping[str, str]) -> float | None:
    """Return within how many seconds systemd expects signs of life from this process, None if from it none."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) else None


def without_own(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for a child process: without what systemd said to this one."""
    return {name: value for name, value in environment.items() if name not in OWN_VARIABLES}
