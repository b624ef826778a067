"""A worker process of `weft serve`: `python -m weft.worker SETTINGS DESCRIPTOR`, which nobody types.

SETTINGS is a JSON object, DESCRIPTOR the socket that leads to the process above. The user's code is imported here and
only here, after the user and the group were taken on.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import asdict, dataclass

from weft.faces.asyncio import run
from weft.services import logs
from weft.services.identity import Identity
from weft.services.loading import load
from weft.services.service import Service
from weft.services.worker import Worker


@dataclass(frozen=True)
class Settings:
    """What `weft serve` was asked for, as far as a worker must know it."""

    target: str
    listen: tuple[str, ...]
    drain_s: float
    log: str
    log_level: str
    watchdog_s: float | None = None
    user: int | None = None
    group: int | None = None
    groups: tuple[int, ...] = ()

    def command(self) -> list[str]:
        """Return the command of a worker with these settings; its link's descriptor comes last."""
        return [sys.executable, "-m", "weft.worker", json.dumps(asdict(self))]


async def work(settings: Settings, sock: socket.socket) -> int:
    """Serve until told to stop; return the exit code."""

    async def make() -> Service:
        Identity(settings.user, settings.group, tuple(settings.groups)).take()
        return await load(settings.target, settings.listen)

    worker = Worker(sock, drain_s=settings.drain_s, watchdog_s=settings.watchdog_s)
    return await worker.serve(make)


def main() -> None:
    """Run a worker, and exit with its code."""
    settings = Settings(**json.loads(sys.argv[1]))
    sock = socket.socket(fileno=int(sys.argv[2]))
    logs.configure(settings.log, settings.log_level, f"worker {os.getpid()}")
    sys.exit(run(work(settings, sock)))


if __name__ == "__main__":
    main()
