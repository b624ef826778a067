"""The loop as asyncio knows it: running and closing, tasks and futures, threads, exceptions."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import logging
import socket
import sys
import threading
import warnings
import weakref
from asyncio import coroutines
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from weft.core import default_poller
from weft.core.clock import MonotonicClock
from weft.core.handle import Handle, make_handle
from weft.core.loop import Core
from weft.core.waker import Waker
from weft.faces.asyncio.features import Features
from weft.faces.asyncio.tasks import Tasks
from weft.faces.asyncio.threads import Job, Threads, settle
from weft.ports import Clock, Poller

if TYPE_CHECKING:
    from weft.faces.asyncio.descriptors import Watch
    from weft.transports.process import Children

T = TypeVar("T")
logger = logging.getLogger("asyncio")


class Loop(Features, Tasks, asyncio.AbstractEventLoop):  # type: ignore[misc]
    """An event loop for any asyncio program. `weft.new_event_loop()` makes one with the platform's best poller.

    With `busy_poll_s` each wait polls for that many seconds before it blocks: an answer comes sooner, and the loop's
    thread is busy for so long after the last event. docs/performance.md has what it gives and what it costs.
    """

    def __init__(self, poller: Poller | None = None, clock: Clock | None = None, *, busy_poll_s: float = 0.0) -> None:
        Core.__init__(self, poller or default_poller(), clock or MonotonicClock(), busy_poll_s)
        Tasks.__init__(self, Waker(self, self._signal_came))
        self.is_debugging = coroutines._is_debug_mode()  # type: ignore[attr-defined]
        self.slow_callback_duration = 0.1
        self._origins_before: int | None = None
        self._thread_id = 0
        self._watches: dict[int, Watch] = {}
        self._children: Children | None = None
        self._signal_handlers: dict[int, Handle] = {}
        self._exception_handler: Callable[[Loop, dict[str, Any]], object] | None = None
        self._default_executor: Threads | concurrent.futures.Executor | None = None
        self._executor_is_shut_down = False
        self._asyncgens: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
        self._asyncgens_are_shut_down = False

    def __repr__(self) -> str:
        return f"<weft.Loop running={self.is_running()} closed={self.is_over} debug={self.is_debugging}>"

    def __del__(self) -> None:
        if getattr(self, "_waker", None) is not None and not self.is_over:
            warnings.warn(f"unclosed event loop {self!r}", ResourceWarning, stacklevel=1, source=self)
            if not self.is_running():
                self.close()

    # -- running

    def run_forever(self) -> None:
        """Run until `stop` is called. Raises RuntimeError if this loop, or another in this thread, is running."""
        self._run(self.run_turns)

    def run_once(self) -> None:
        """Turn once, for a program that turns the loop itself: wait for an event or a timer, run what is ready."""
        self._run(self.run_turn)

    def _run(self, turns: Callable[[], None]) -> None:
        self._check_closed()
        self._check_idle()
        hooks = sys.get_asyncgen_hooks()
        self._thread_id = threading.get_ident()
        if is_main_thread():
            self._waker.watch_signals()
        if self.is_debugging:
            self._track_origins(True)
        sys.set_asyncgen_hooks(firstiter=self._asyncgen_began, finalizer=self._asyncgen_dropped)
        asyncio._set_running_loop(self)
        if self.observer is not None:
            self.observer.run_begin(self)
        try:
            turns()
        finally:
            if self.observer is not None:  # not the one of the begin: another may have been attached meanwhile
                self.observer.run_end(self)
            self.is_stopping = False
            self._thread_id = 0
            asyncio._set_running_loop(None)
            if self._origins_before is not None:
                self._track_origins(False)
            sys.set_asyncgen_hooks(*hooks)
            if is_main_thread():
                self._unwatch_signals()

    def run_until_complete(self, future: Any) -> Any:
        """Run until `future` is done; return its result or raise its exception. A coroutine is made a task."""
        self._check_closed()
        self._check_idle()
        is_new = not asyncio.isfuture(future)
        future = asyncio.ensure_future(future, loop=self)
        if is_new:
            future._log_destroy_pending = False  # the exception below says more than that warning would
        future.add_done_callback(self._stop_after)
        try:
            self.run_forever()
        except BaseException:
            if is_new and future.done() and not future.cancelled():
                future.exception()  # seen: what interrupted the loop is raised instead
            raise
        finally:
            future.remove_done_callback(self._stop_after)
        if not future.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return future.result()

    def _stop_after(self, future: asyncio.Future[Any]) -> None:
        is_exit = not future.cancelled() and isinstance(future.exception(), (SystemExit, KeyboardInterrupt))
        if not is_exit:  # an exit passes through the loop by itself
            self.stop()

    def is_running(self) -> bool:
        """Return whether the loop runs."""
        return self._thread_id != 0

    def is_closed(self) -> bool:
        """Return whether the loop was closed."""
        return self.is_over

    def close(self) -> None:
        """Give everything back. Calls that did not run are dropped. Closing twice does nothing."""
        if self.is_running():
            raise RuntimeError("Cannot close a running event loop")
        if self.is_over:
            return
        if self._signal_handlers and is_main_thread():
            self._forget_signals()
        self._waker.close()
        self.clear()
        if self._children is not None:
            self._children.end_all()
        self.poller.close()
        executor = self._default_executor
        self._default_executor = None
        self._executor_is_shut_down = True
        if executor is not None:
            executor.shutdown(wait=False)

    def _check_idle(self) -> None:
        if self.is_running():
            raise RuntimeError("This event loop is already running")
        if asyncio._get_running_loop() is not None:
            raise RuntimeError("Cannot run the event loop while another loop is running")

    # -- signals

    def _signal_came(self, number: int) -> None:
        handle = self._signal_handlers.get(number)
        if handle is not None and not handle.cancelled():
            self.schedule(make_handle(handle.callback, handle.arguments, handle.get_context()))

    def _unwatch_signals(self) -> None:
        if not self._signal_handlers and not self.is_running():
            self._waker.unwatch_signals()

    # -- threads

    def run_in_executor(  # type: ignore[override]
        self, executor: concurrent.futures.Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Call `func(*args)` in a thread of `executor` (None: the loop's own pool); return a future of the result."""
        self._check_closed()
        if self.is_debugging:
            from weft.faces.asyncio import debugging

            debugging.check_callback(func, "run_in_executor")
        threads: Any = executor
        if threads is None:
            if self._executor_is_shut_down:
                raise RuntimeError("Executor shutdown has been called")
            if self._default_executor is None:
                self._default_executor = Threads()
            threads = self._default_executor
        call = functools.partial(func, *args) if args else func
        if self.observer is not None:
            call = self.observer.job(call)
        if type(threads) is not Threads and type(threads) is not concurrent.futures.ThreadPoolExecutor:
            return asyncio.wrap_future(threads.submit(call), loop=self)
        job = Job(self, call)
        future = job.future
        threads.submit(job)
        return future  # type: ignore[return-value]  # it is None once the job has begun

    def set_default_executor(self, executor: concurrent.futures.Executor) -> None:
        """Have `run_in_executor(None, ...)` use `executor`, a ThreadPoolExecutor."""
        if not isinstance(executor, concurrent.futures.ThreadPoolExecutor):
            raise TypeError("executor must be ThreadPoolExecutor instance")
        self._default_executor = executor

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait until the loop's own pool has done its work, for `timeout` seconds at most; it takes no more."""
        self._executor_is_shut_down = True
        executor = self._default_executor
        if executor is None:
            return
        done = self.create_future()

        def shut_down() -> None:
            try:
                executor.shutdown(wait=True)
                self.call_soon_threadsafe(settle, done)
            except RuntimeError:
                pass  # the loop was closed meanwhile: nobody waits any more

        thread = threading.Thread(target=shut_down)
        thread.start()
        try:
            async with asyncio.timeout(timeout):
                await done
        except TimeoutError:
            warnings.warn(
                f"The executor did not finishing joining its threads within {timeout} seconds.",
                RuntimeWarning,
                stacklevel=2,
            )
            executor.shutdown(wait=False)
        else:
            thread.join()

    # -- asynchronous generators

    def _asyncgen_began(self, agen: AsyncGenerator[Any, Any]) -> None:
        if self._asyncgens_are_shut_down:
            warnings.warn(
                f"asynchronous generator {agen!r} was scheduled after loop.shutdown_asyncgens() call",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
        self._asyncgens.add(agen)

    def _asyncgen_dropped(self, agen: AsyncGenerator[Any, Any]) -> None:
        self._asyncgens.discard(agen)
        if not self.is_over:
            self.call_soon_threadsafe(self.create_task, agen.aclose())

    async def shutdown_asyncgens(self) -> None:
        """Close every asynchronous generator that is still open."""
        self._asyncgens_are_shut_down = True
        closing = list(self._asyncgens)
        self._asyncgens.clear()
        closed: list[Any] = [agen.aclose() for agen in closing]
        for agen, result in zip(closing, await asyncio.gather(*closed, return_exceptions=True), strict=True):
            if isinstance(result, Exception):
                self.call_exception_handler(
                    {
                        "message": f"an error occurred during closing of asynchronous generator {agen!r}",
                        "exception": result,
                        "asyncgen": agen,
                    }
                )

    # -- names and addresses

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        """Return what `socket.getaddrinfo` does, looked up in a thread."""
        look_up = self._look_up_timed if self.is_debugging else socket.getaddrinfo
        return await self.run_in_executor(None, look_up, host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """Return what `socket.getnameinfo` does, looked up in a thread."""
        return await self.run_in_executor(None, socket.getnameinfo, sockaddr, flags)

    # -- exceptions and debugging

    default_exception_handler: Any = asyncio.BaseEventLoop.default_exception_handler

    def set_exception_handler(self, handler: Any) -> None:
        """Have `handler(loop, context)` called for exceptions that nobody else handles; None: log them."""
        if handler is not None and not callable(handler):
            raise TypeError(f"A callable object or None is expected, got {handler!r}")
        self._exception_handler = handler

    def get_exception_handler(self) -> Any:
        """Return the exception handler, None for the default one."""
        return self._exception_handler

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Show an exception to whoever runs the loop. What a handler raises is shown by the default one."""
        if self._exception_handler is not None:
            try:
                run_within(context, self._exception_handler, self)
                return
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                context = {"message": "Unhandled error in exception handler", "exception": error, "context": context}
        try:
            self.default_exception_handler(context)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            logger.error("Exception in default exception handler", exc_info=True)


def run_within(report: dict[str, Any], handler: Callable[..., object], loop: Loop) -> None:
    """Call `handler(loop, report)` in the context of the task, future or call that the report is about."""
    about: Any = report.get("task") or report.get("future") or report.get("handle")
    context = about.get_context() if hasattr(about, "get_context") else None
    if isinstance(context, contextvars.Context):
        context.run(handler, loop, report)
    else:
        handler(loop, report)


def is_main_thread() -> bool:
    """Return whether this is the thread in which Python hears of signals."""
    return threading.current_thread() is threading.main_thread()


_watch: Callable[[Loop], object] | None = None


def watch_new_loops(watch: Callable[[Loop], object] | None) -> None:
    """Have `watch(loop)` called with each loop that is made from now on, in whatever way; None for nobody."""
    global _watch
    _watch = watch


def new_event_loop(*, busy_poll_s: float = 0.0, io_uring: bool = False) -> Loop:
    """Return a new event loop with the platform's best poller; `busy_poll_s` as for Loop.

    With `io_uring`, streams receive by it where the system has it and allows it (Linux 6.1 and newer); elsewhere the
    loop is as without. docs/performance.md has what it gives. Raises RuntimeError in the interpreted build, which has
    none.
    """
    loop = Loop(uring_poller() if io_uring else None, busy_poll_s=busy_poll_s)
    if _watch is not None:
        _watch(loop)
    return loop


def uring_poller() -> Poller | None:
    """Return a poller on io_uring, None where the system has none for us. Raises RuntimeError as above."""
    from weft.transports.uring import UringPoller

    try:
        return UringPoller()
    except OSError:
        return None


def run(
    main: Coroutine[Any, Any, T],
    *,
    debug: bool | None = None,
    recorder: Any = None,
    busy_poll_s: float = 0.0,
    io_uring: bool = False,
) -> T:
    """Run a coroutine on a new Weft loop and return its result, as `asyncio.run` does.

    With a `weft.record.Recorder` the run is recorded; `busy_poll_s` and `io_uring` as for `new_event_loop`. Raises
    RuntimeError when called from a running loop.
    """
    if asyncio._get_running_loop() is not None:
        if asyncio.iscoroutine(main):
            main.close()
        raise RuntimeError("weft.run() cannot be called from a running event loop: await the coroutine instead")

    def make_loop() -> Loop:
        loop = new_event_loop(busy_poll_s=busy_poll_s, io_uring=io_uring)
        if recorder is not None:
            recorder.attach(loop)
        return loop

    with asyncio.Runner(debug=debug, loop_factory=make_loop) as runner:
        return runner.run(main)
