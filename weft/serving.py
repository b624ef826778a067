"""The command `weft serve`: an application, its workers, its pidfile, its log.

It parses, starts, and chooses exit codes: 0 for an application that stopped as it was asked to, 1 for one that could
not start or broke, 2 for misuse.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from weft.endpoints.base import TlsServerEndpoint
from weft.errors import EndpointError, ServiceStartError, WeftError
from weft.faces.asyncio import run
from weft.figures import service_tree
from weft.services import logs
from weft.services.application import Application, log_tree
from weft.services.description import Node, text
from weft.services.identity import Identity, identity
from weft.services.listening import as_endpoint, innermost
from weft.services.loading import load
from weft.services.notify import Notifier
from weft.services.pidfile import pidfile
from weft.services.pool import WorkerPool
from weft.services.service import said
from weft.worker import Settings

DRAIN_SECONDS = 30.0


@click.command("serve")
@click.argument("target", metavar="MODULE:SERVICE")
@click.option(
    "-l",
    "--listen",
    multiple=True,
    metavar="ENDPOINT",
    help="Where to listen, tcp:8080 or unix:/run/app.sock say; again for more. A Service says itself where it "
    "listens, but with --user, name here what only root can open.",
)
@click.option(
    "-w",
    "--workers",
    type=click.IntRange(0, 1024),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that share the ports. 0: serve in this very process, for a debugger, say.",
)
@click.option(
    "--reuse-port", is_flag=True, help="A socket for each worker on the same port (SO_REUSEPORT), not one for all."
)
@click.option(
    "--drain-seconds",
    type=click.FloatRange(min=0),
    default=DRAIN_SECONDS,
    show_default=True,
    metavar="S",
    help="How long open connections may take to finish when it stops.",
)
@click.option(
    "--watchdog-seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Replace a worker that does not turn for so long. [default: what systemd asks for, else never]",
)
@click.option(
    "--pidfile",
    "pid_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Hold FILE with the process's number.",
)
@click.option("--user", metavar="USER", help="Run the workers as this user, by name or number.")
@click.option("--group", metavar="GROUP", help="Run the workers as this group. [default: the user's]")
@click.option(
    "--log",
    type=click.Choice(logs.FORMS),
    default="text",
    show_default=True,
    help="How log records are written to standard error.",
)
@click.option("--log-level", type=click.Choice(logs.LEVELS), default="info", show_default=True)
@click.option(
    "--tree",
    "tree_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where SIGUSR1 writes the tree of services: a picture if FILE ends in .svg, else text. [default: the log]",
)
def serve_command(**options: Any) -> None:
    """Serve an application: MODULE:SERVICE is a weft.Service, a function that makes one, a protocol class, or a
    coroutine function of (reader, writer).

    \b
    weft serve echo:Echo --listen tcp:8080            a protocol
    weft serve chat:service --workers 4               a tree of services, in four processes

    Signals: SIGTERM or Ctrl-C stops: nobody new is let in, open connections finish, and are cut off after
    --drain-seconds, or at once by a second signal. SIGHUP reloads: new workers start with the code as it is now, the
    old ones finish their connections; none is dropped, and if the new ones cannot start, the old ones go on. SIGUSR1
    shows the tree of services.

    A worker that dies is replaced, after a delay that grows while they go on dying. systemd is told of readiness,
    reloads and life (Type=notify-reload, WatchdogSec=); it may hand the sockets over (--listen systemd:name=web).

    Exits with 0 when it stopped as it was asked to, 1 when it could not start or broke, 2 for misuse.
    """
    Serving(**options).serve()


class Serving:
    """One run of the command."""

    def __init__(
        self,
        *,
        target: str,
        listen: tuple[str, ...],
        workers: int,
        reuse_port: bool,
        drain_seconds: float,
        watchdog_seconds: float | None,
        pid_path: Path | None,
        user: str | None,
        group: str | None,
        log: str,
        log_level: str,
        tree_path: Path | None,
    ) -> None:
        self.target = target
        self.listen = listen
        self.workers = workers
        self.reuse_port = reuse_port
        self.drain_s = drain_seconds
        self.watchdog_s = watchdog_seconds
        self.pid_path = pid_path
        self.user = user
        self.group = group
        self.log = log
        self.log_level = log_level
        self.tree_path = tree_path

    def serve(self) -> None:
        """Serve to the end, and exit with its code."""
        identity = self.checked()
        logs.configure(self.log, self.log_level)
        work = self.serve_here() if self.workers == 0 else self.serve_workers(identity)
        try:
            with pidfile(self.pid_path):
                run(work)
        except ServiceStartError as error:
            cause = error.__cause__
            reason = cause if self.workers and isinstance(cause, WeftError) else error
            has_more = isinstance(reason, ServiceStartError) and self.log_level != "debug"
            hint = " (--log-level debug says more)" if has_more else ""
            fail(f"{self.target} cannot be served: {reason}{hint}", 1)
        except WeftError as error:
            work.close()
            fail(f"{self.target}: {error}", 1)
        except ExceptionGroup as errors:
            fail(f"{self.target}: {errors.message}: {'; '.join(map(said, errors.exceptions))}", 1)

    def checked(self) -> Identity:
        """Return whom the workers run as. What cannot be is said, and exits with 2, before anything is done."""
        module, colon, name = self.target.partition(":")
        if not (module and colon and name):
            fail(f"{self.target!r} names no service: write MODULE:NAME, as in chat:service", 2)
        if self.workers == 0:
            for option, is_given in (
                ("--user", self.user), ("--group", self.group), ("--reuse-port", self.reuse_port),
                ("--watchdog-seconds", self.watchdog_s),
            ):  # fmt: skip
                if is_given:
                    fail(f"{option} is for workers: leave --workers 0 away, or {option}", 2)
        try:
            for where in self.listen:
                as_endpoint(where)
            return identity(self.user, self.group)
        except EndpointError as error:
            fail(f"--listen: {error}", 2)
        except WeftError as error:
            fail(f"{error}", 2)

    async def serve_here(self) -> None:
        """Serve in this process."""
        sys.path.insert(0, os.getcwd())
        service = await load(self.target, self.listen)
        await Application(service, drain_s=self.drain_s, show=self.show()).serve()

    async def serve_workers(self, who: Identity) -> None:
        """Serve in workers."""
        notifier = Notifier()
        watchdog_s = self.watchdog_s or notifier.watchdog_s
        settings = Settings(
            self.target,
            self.listen,
            self.drain_s,
            self.log,
            self.log_level,
            watchdog_s,
            who.user,
            who.group,
            who.groups,
        )
        inner = [innermost(as_endpoint(where)) for where in self.listen]
        pool = WorkerPool(
            settings.command(),
            self.workers,
            listed=[endpoint for endpoint in inner if isinstance(endpoint, TlsServerEndpoint)],
            only_listed=who.is_needed,
            each=self.reuse_port,
            drain_s=self.drain_s,
            watchdog_s=watchdog_s,
            name=self.target,
        )
        await Application(pool, drain_s=self.drain_s, show=self.show(), notifier=notifier).serve()

    def show(self) -> Callable[[Node], object]:
        """Return what shows the tree."""
        path = self.tree_path
        if path is None:
            return log_tree

        def write(root: Node) -> None:
            shown = service_tree(root) if path.suffix == ".svg" else text(root) + "\n"
            path.write_text(shown, encoding="utf-8")

        return write


def fail(message: str, code: int) -> NoReturn:
    """Print one line and exit."""
    click.echo(f"weft: {message}", err=True)
    sys.exit(code)
