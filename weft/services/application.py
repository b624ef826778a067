"""The application: a tree of services in a process, with the signals, systemd and the end of it.

SIGTERM and SIGINT stop it: nothing new is accepted, what is under way finishes, and is cut off at the deadline, or at
once when the signal comes again. SIGHUP reloads: each service's reload() is called, and nothing is stopped. SIGUSR1
shows the tree.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from weft.services.description import Node, text
from weft.services.notify import Notifier
from weft.services.service import DRAIN_S, Service, said

logger = logging.getLogger("weft.services")

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
SIGNS_A_WATCH = 2
"""How many signs of life systemd is given within the time in which it expects one, as its manual advises."""


class Application:
    """Serves a tree of services until it is asked to stop: `weft.run(Application(service).serve())`.

    `drain_s` is how long what is under way may take to finish at the end, None: as long as it needs. `signals` are
    those that it takes for itself, of the four above. `show` is given the tree when SIGUSR1 comes; by default it is
    logged, as text.
    """

    def __init__(
        self,
        service: Service,
        *,
        drain_s: float | None = DRAIN_S,
        signals: Sequence[signal.Signals] = SIGNALS,
        show: Callable[[Node], object] | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self.service = service
        self.drain_s = drain_s
        self._signals = tuple(signals)
        self._show = show or log_tree
        self._notifier = notifier or Notifier()
        self._starter: asyncio.Task[object] | None = None
        self._stop_asked = asyncio.Event()
        self._reload_asked = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself holds tasks by weak references only

    async def serve(self, ready: Callable[[], object] | None = None) -> None:
        """Start the tree, call `ready`, serve until `stop` is called or a signal asks for it, and stop the tree.

        Raises ServiceStartError where a service does not start, ServiceBrokenError when a run() raised, and an
        ExceptionGroup of what did not stop in good order; all that had started has been stopped then.
        """
        loop = asyncio.get_running_loop()
        handlers = {
            signal.SIGTERM: self.stop,
            signal.SIGINT: self.stop,
            signal.SIGHUP: self.reload,
            signal.SIGUSR1: self.show_tree,
        }
        taken = self._signals if threading.current_thread() is threading.main_thread() else ()
        for number in taken:
            loop.add_signal_handler(number, handlers[number])
        try:
            await self._serve(ready)
        finally:
            for number in taken:
                loop.remove_signal_handler(number)

    async def _serve(self, ready: Callable[[], object] | None) -> None:
        if not await self._starts():
            return
        background = [self._keep_reloading()]
        if self._notifier.watchdog_s:
            background.append(self._show_life(self._notifier.watchdog_s))
        for work in background:
            self._begin(work)
        try:
            logger.info("%s is served", self.service.name)
            self._notifier.ready(f"serving {self.service.name}")
            if ready is not None:
                ready()
            broken = await self._ends()
        finally:
            self._notifier.stopping(f"stopping {self.service.name}")
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            await self.service.stop_tree(self.drain_s)
        if broken is not None:
            raise broken

    async def _starts(self) -> bool:
        """Start the tree; return False if it was stopped before it had started."""
        if self._stop_asked.is_set():
            return False
        self._starter = asyncio.current_task()
        try:
            await self.service.start_tree()
        except asyncio.CancelledError:
            if not self._stop_asked.is_set() or self._starter is None or self._starter.uncancel():
                raise
            return False
        finally:
            self._starter = None
        return True

    async def _ends(self) -> Exception | None:
        """Return when it is time to stop: None because that was asked, or what broke."""
        loop = asyncio.get_running_loop()
        asked = loop.create_task(self._stop_asked.wait())
        over = loop.create_task(self.service.wait())
        try:
            await asyncio.wait({asked, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
            over.cancel()
            await asyncio.wait({asked, over})
        error = None if over.cancelled() else over.exception()
        return error if isinstance(error, Exception) else None

    def stop(self) -> None:
        """Have it stop; when that was asked before, have it wait no longer for what is under way."""
        if self._stop_asked.is_set():
            logger.warning("asked again to stop: what is under way is cut off")
            self.service.cut()
            return
        logger.info(
            "stopping: what is under way has %s to finish",
            "all the time it needs" if self.drain_s is None else f"{self.drain_s:g} s",
        )
        self._stop_asked.set()
        if self._starter is not None:
            self._starter.cancel()

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop_asked.is_set()

    def cut(self) -> None:
        """Have it stop at once, and cut off what is under way."""
        self.service.cut()
        if not self._stop_asked.is_set():
            self.stop()

    def reload(self) -> None:
        """Have every service reload. What fails is logged, and all go on; asking twice meanwhile is asking once."""
        self._reload_asked.set()

    async def _keep_reloading(self) -> None:
        while True:
            await self._reload_asked.wait()
            self._reload_asked.clear()
            logger.info("reloading")
            self._notifier.reloading()
            failed = 0
            for service in self.service.walk():
                try:
                    await service.reload()
                except Exception as error:
                    failed += 1
                    logger.error(
                        "%s could not reload and goes on as before: %s", service.path, said(error),
                        exc_info=error if logger.isEnabledFor(logging.DEBUG) else None,
                    )  # fmt: skip
            logger.info("reloaded" if not failed else "reloaded, but for what is said above")
            self._notifier.ready(f"serving {self.service.name}")

    def tree(self) -> str:
        """Return the tree as text: each service with its kind, its state and what it says of itself."""
        return text(self.service.describe())

    def show_tree(self) -> None:
        """Have the tree shown, as SIGUSR1 does."""
        self._begin(self._look_and_show())

    async def _look_and_show(self) -> None:
        try:
            self._show(await self.service.look())
        except OSError as error:
            logger.error("the tree cannot be shown: %s", said(error))

    async def _show_life(self, watchdog_s: float) -> None:
        while True:
            self._notifier.alive()
            await asyncio.sleep(watchdog_s / SIGNS_A_WATCH)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def log_tree(root: Node) -> None:
    """Log a tree as text."""
    logger.info("%s", text(root), extra={"tree": root.to_json()})
