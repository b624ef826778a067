"""Worker processes that share ports: started, watched over, replaced when they die, exchanged for new ones on reload.

This process has nothing of the application's own code in it, so it can start workers with new code at any time. It
binds the sockets, so they outlive every worker. A worker is told what to do over its link, and reports there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from weft.endpoints.base import TlsServerEndpoint
from weft.errors import ApplicationError, ServiceStartError, WeftError
from weft.services import shared
from weft.services.backoff import Backoff
from weft.services.description import Node
from weft.services.lifecycle import State
from weft.services.link import Link, Message
from weft.services.notify import without_own
from weft.services.service import STOP_TIMEOUT_S, Service, said
from weft.services.shared import SharedPorts

logger = logging.getLogger("weft.services")

WORKER_START_S = 60.0
"""How long a worker may take until it is ready."""
KILL_AFTER_S = 30.0
"""How long a worker that was cut off may take to end, before it is killed."""
STABLE_S = 10.0
"""A worker that lived so long was a good one: when it dies, the next one starts with the first delay."""
FIRST_DELAY_S = 0.1
MOST_DELAY_S = 30.0
CLOSE_S = 5.0
"""How long a reload waits for the old workers to accept no more; one that hangs must not hold it up."""
MOST_RETIRING = 8
"""How many workers for each slot may be finishing their last connections after reloads; older ones are cut off."""
KEPT = sys.maxsize
"""The generation that asks for what is listed: it is never the past."""
LOOK_S = 2.0
"""How long a worker may take to describe its tree; one that takes longer is shown without it."""


class WorkerPool(Service):
    """Keeps `count` processes of `command` serving, each with a link to this one as its last argument.

    `listed` are the endpoints that are opened at the start; with `only_listed`, no others are opened. With `each`,
    each worker has sockets of its own on the same port (SO_REUSEPORT). A worker of which nothing was heard for
    `watchdog_s` is killed. Reloading starts new workers, and has the old ones finish their connections when those are
    ready.
    """

    start_timeout_s = WORKER_START_S + KILL_AFTER_S
    stop_timeout_s = KILL_AFTER_S + STOP_TIMEOUT_S

    def __init__(
        self,
        command: Sequence[str],
        count: int,
        *,
        listed: Sequence[TlsServerEndpoint] = (),
        only_listed: bool = False,
        each: bool = False,
        drain_s: float | None = None,
        watchdog_s: float | None = None,
        name: str = "",
    ) -> None:
        super().__init__(name=name)
        self.command = tuple(command)
        self.count = count
        self._listed = tuple(listed)
        self._ports = SharedPorts(listed if only_listed else None, each=each)
        self._drain_s = drain_s
        self._watchdog_s = watchdog_s
        self._slots: dict[int, WorkerProcess] = {}
        self._retiring: list[WorkerProcess] = []
        self._backoffs = [Backoff(FIRST_DELAY_S, MOST_DELAY_S) for _ in range(count)]
        self._generation = 0
        self._restarts: set[asyncio.Task[None]] = set()

    @property
    def note(self) -> str:
        """How many workers there are."""
        retiring = f", {len(self._retiring)} finishing" if self._retiring else ""
        return f"{self.count} worker{'' if self.count == 1 else 's'}{retiring}"

    # -- the hooks

    async def start(self) -> None:
        """Bind what is listed, start the workers, and return when all are ready. Raises what keeps one from that."""
        try:
            for endpoint in self._listed:
                await self._ports.sockets(endpoint, 0, KEPT)
            self._slots = await self._launch_all()
        except BaseException:
            await self._ports.close()
            raise

    async def run(self) -> None:
        """Watch over the workers."""
        loop = asyncio.get_running_loop()
        if self._watchdog_s is None:
            await loop.create_future()
            return
        while True:
            await asyncio.sleep(self._watchdog_s / 2)
            for worker in [*self._slots.values(), *self._retiring]:
                if worker.is_ready and loop.time() - worker.heard_at > self._watchdog_s:
                    logger.error("%s was not heard of for %g s: it is killed", worker, self._watchdog_s)
                    worker.kill()

    async def reload(self) -> None:
        """Start new workers, and have the old ones finish when they are ready. Raises where the new cannot start."""
        successors = await self._launch_all()
        old, self._slots = self._slots, successors
        self._end_restarts()
        no_longer_asked = self._ports.refuse_new(older_than=self._generation)
        for worker in old.values():
            if worker.is_alive:
                self._retiring.append(worker)
                worker.stop(None, others_accept=not no_longer_asked)
        try:
            async with asyncio.timeout(CLOSE_S):
                for worker in old.values():
                    if worker.is_alive:
                        await worker.wait_closed()
        except TimeoutError:
            logger.warning("a worker of before may still accept connections: it does not answer")
        while len(self._retiring) > MOST_RETIRING * self.count:
            worker = self._retiring.pop(0)
            logger.warning("%s still has connections after %d reloads: it is cut off", worker, MOST_RETIRING)
            worker.cut()
        if no_longer_asked:
            await self._ports.close(older_than=self._generation)

    async def drain(self) -> None:
        """Let no new connection in, and return when all workers have finished and ended."""
        self._end_restarts()
        self._ports.refuse_new()
        workers = self._all()
        for worker in workers:
            worker.stop(self._drain_s, others_accept=False)
        for worker in workers:
            await worker.wait_ended()

    async def stop(self) -> None:
        """Cut off what is left, kill what does not end then, and close the ports."""
        self._end_restarts()
        try:
            await end_all(self._all())
        finally:
            await self._ports.close()

    # -- starting

    async def _launch_all(self) -> dict[int, WorkerProcess]:
        """Return a new worker for each slot, ready all; if one fails, they are ended, and that is raised."""
        self._generation += 1
        workers = [WorkerProcess(self, slot, self._generation) for slot in range(self.count)]
        try:
            async with asyncio.timeout(WORKER_START_S):
                for worker in workers:
                    await worker.launch(self.command)
                await wait_all_ready(workers)
        except TimeoutError as error:
            await self._take_back(workers)
            raise ApplicationError(f"the workers were not ready after {WORKER_START_S:g} s") from error
        except BaseException:
            await self._take_back(workers)
            raise
        return {worker.slot: worker for worker in workers}

    async def _take_back(self, workers: Sequence[WorkerProcess]) -> None:
        """End workers that cannot all serve; those that were ready have perhaps accepted someone, and finish that."""
        ready = [worker for worker in workers if worker.is_ready]
        await end_all([worker for worker in workers if not worker.is_ready], at_once=True)
        if self._slots:
            self._retiring += ready
            for worker in ready:
                worker.stop(None, others_accept=True)
            return
        self._ports.refuse_new()
        for worker in ready:
            worker.stop(self._drain_s, others_accept=False)
        loop = asyncio.get_running_loop()
        cut = loop.create_task(self._cut.wait())
        ends = asyncio.gather(*(worker.wait_ended() for worker in ready))
        either: set[asyncio.Future[Any]] = {cut, ends}
        await asyncio.wait(either, timeout=self._drain_s, return_when=asyncio.FIRST_COMPLETED)
        cut.cancel()
        await end_all(ready)
        await asyncio.wait(either)

    def worker_ended(self, worker: WorkerProcess) -> None:
        """Have a worker that died replaced; one that was told to end is forgotten."""
        if worker in self._retiring:
            self._retiring.remove(worker)
            logger.info("%s has finished", worker)
        elif self._slots.get(worker.slot) is worker and self.state in (State.RUNNING, State.DONE):
            backoff = self._backoffs[worker.slot]
            if worker.age_s >= STABLE_S:
                backoff.reset()
            delay_s = backoff.next_s()
            logger.error(
                "%s %s; another one starts in %.2f s", worker, worker.how_it_ended, delay_s,
                extra={"worker_pid": worker.pid, "returncode": worker.returncode},
            )  # fmt: skip
            task = asyncio.get_running_loop().create_task(self._replace(worker, delay_s))
            self._restarts.add(task)
            task.add_done_callback(self._restarts.discard)

    async def _replace(self, dead: WorkerProcess, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        worker = WorkerProcess(self, dead.slot, dead.generation)
        self._slots[dead.slot] = worker
        try:
            async with asyncio.timeout(WORKER_START_S):
                await worker.launch(self.command)
                await worker.wait_ready()
        except TimeoutError:
            logger.error("%s was not ready after %g s: it is killed", worker, WORKER_START_S)
            worker.kill()
        except WeftError as error:
            logger.error("%s", error)  # its end brings the next one
        except OSError as error:
            logger.error("%s could not be started: %s", worker, said(error))
            self.worker_ended(worker)
        except asyncio.CancelledError:
            await end_all([worker], at_once=True)
            raise

    def _end_restarts(self) -> None:
        for task in self._restarts:
            task.cancel()

    def _all(self) -> list[WorkerProcess]:
        return [worker for worker in [*self._slots.values(), *self._retiring] if worker.is_alive]

    # -- what workers ask

    async def answer(self, worker: WorkerProcess, described: dict[str, Any]) -> None:
        """Give a worker the sockets of an endpoint, or say why it does not get them."""
        try:
            endpoint = shared.from_json(described)
            sockets = [] if endpoint is None else await self._ports.sockets(endpoint, worker.slot, worker.generation)
        except OSError as error:
            worker.tell({"failed": error.strerror or said(error), "number": error.errno})
        except WeftError as error:
            worker.tell({"refused": str(error)})
        except (KeyError, TypeError, ValueError) as error:
            worker.tell({"refused": f"this is no endpoint: {described!r} ({said(error)})"})
        else:
            worker.tell({"given": len(sockets)}, sockets)

    async def look(self) -> Node:
        """Return this tree, and those of the workers below it as they are now."""
        workers = sorted(self._all(), key=lambda worker: (worker.slot, worker.generation))
        looks = [worker.look() for worker in workers]
        nodes = await asyncio.gather(*looks)
        own = self.describe()
        return Node(own.name, own.kind, own.state, own.note, (*own.children, *nodes))


class WorkerProcess:
    """One worker, as the process above sees it."""

    def __init__(self, pool: WorkerPool, slot: int, generation: int) -> None:
        self._pool = pool
        self.slot = slot
        self.generation = generation
        self.pid = 0
        self.state = State.NEW
        self.returncode: int | None = None
        self.heard_at = 0.0
        self._began = 0.0
        self._process: asyncio.subprocess.Process | None = None
        self._link: Link | None = None
        self._failure = ""
        self._has_more = False
        self._ready = asyncio.Event()
        self._closed = asyncio.Event()
        self._ended = asyncio.Event()
        self._looks: list[asyncio.Future[dict[str, Any] | None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def __str__(self) -> str:
        return f"worker {self.slot + 1} (process {self.pid})"

    @property
    def is_ready(self) -> bool:
        """Whether it serves."""
        return self.state is State.RUNNING

    @property
    def is_alive(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and not self._ended.is_set()

    @property
    def age_s(self) -> float:
        """How long ago it was launched."""
        return asyncio.get_running_loop().time() - self._began

    @property
    def how_it_ended(self) -> str:
        """What became of the process, in words."""
        code = self.returncode
        if code is not None and code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}" + (f": {self._failure}" if self._failure else "")

    async def launch(self, command: Sequence[str]) -> None:
        """Start the process. Raises OSError where that cannot be done."""
        self.state = State.STARTING
        self._began = self.heard_at = asyncio.get_running_loop().time()
        ours, theirs = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # what is typed at the terminal, Ctrl-C say, is for this process to hear
                env=without_own(os.environ),
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.pid = self._process.pid
        self._link = Link(ours, self._heard, lambda: None)  # the process's end tells more than its link's
        self._begin(self._watch(self._process))

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        self.returncode = await process.wait()
        if self._link is not None:
            self._link.read_rest()
            self._link.close()
        self.state = State.STOPPED if self.returncode == 0 else State.FAILED
        for look in self._looks:
            if not look.done():
                look.set_result(None)
        self._ended.set()
        self._ready.set()
        self._closed.set()
        self._pool.worker_ended(self)

    async def wait_ready(self) -> None:
        """Return when it serves. Raises ServiceStartError or ApplicationError, which say why, when it ends before."""
        await self._ready.wait()
        if self._ended.is_set():
            kind = ServiceStartError if self._has_more else ApplicationError
            raise kind(self._failure or f"{self} {self.how_it_ended} before it was ready")

    async def wait_closed(self) -> None:
        """Return when it accepts no more."""
        await self._closed.wait()

    async def wait_ended(self) -> None:
        """Return when the process has ended."""
        await self._ended.wait()

    # -- what it is told

    def tell(self, message: Message, sockets: Sequence[socket.socket] = ()) -> None:
        """Send it a message."""
        if self._link is not None:
            self._link.send(message, sockets)

    def stop(self, drain_s: float | None, *, others_accept: bool) -> None:
        """Have it accept no more, finish what is under way, and end."""
        self.state = State.DRAINING
        self.tell({"do": "stop", "drain_s": drain_s, "others_accept": others_accept})

    def cut(self) -> None:
        """Have it cut off what is under way, and end."""
        self.tell({"do": "cut"})

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None and self.is_alive:
            try:
                self._process.kill()
            except ProcessLookupError:
                pass  # it ended just now

    async def look(self) -> Node:
        """Return its tree, as it is now."""
        look: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        self._looks.append(look)
        self.tell({"do": "look"})
        children: tuple[Node, ...] = ()
        try:
            async with asyncio.timeout(LOOK_S):
                tree = await look
            if tree is not None:
                children = (Node.from_json(tree),)
        except (TimeoutError, ValueError, KeyError, TypeError) as error:
            logger.warning("%s does not show its tree: %s", self, said(error))
        finally:
            self._looks.remove(look)
        return Node(f"worker {self.slot + 1}", "process", self.state, f"pid {self.pid}", children)

    # -- what it says

    def _heard(self, message: Message, sockets: list[socket.socket]) -> None:
        for sock in sockets:
            sock.close()  # a worker has none to give
        self.heard_at = asyncio.get_running_loop().time()
        if "listen" in message:
            self._begin(self._pool.answer(self, message["listen"]))
        elif "ready" in message:
            self.state = State.RUNNING
            self._ready.set()
            logger.info("%s is ready", self, extra={"worker_pid": self.pid, "slot": self.slot + 1})
        elif "failed" in message:
            self._failure = str(message["failed"])
            self._has_more = bool(message["has_more"])
        elif "closed" in message:
            self._closed.set()
        elif "tree" in message:
            for look in self._looks:
                if not look.done():
                    look.set_result(message["tree"])

    def _begin(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def wait_all_ready(workers: Sequence[WorkerProcess]) -> None:
    """Return when all are ready. Raises what kept one from it, as soon as it has ended."""
    loop = asyncio.get_running_loop()
    waits = [loop.create_task(worker.wait_ready()) for worker in workers]
    try:
        for wait in asyncio.as_completed(waits):
            await wait
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def end_all(workers: Sequence[WorkerProcess], *, at_once: bool = False) -> None:
    """Cut workers off, kill those that do not end then, and return when all have ended."""
    for worker in workers:
        if at_once:
            worker.kill()
        else:
            worker.cut()
    try:
        async with asyncio.timeout(KILL_AFTER_S):
            for worker in workers:
                if worker.is_alive:
                    await worker.wait_ended()
    except TimeoutError:
        for worker in workers:
            if worker.is_alive:
                logger.error("%s does not end: it is killed", worker)
                worker.kill()
        for worker in workers:
            if worker.is_alive:
                await worker.wait_ended()
