"""The loop: one thread of control, passed through every task in turn. One turn is:

1. Work out how long to wait: not at all if calls are ready, else until the next timer, else until woken.
2. Poll, take in the calls that other threads left, and hand each ready descriptor to its source, which reads, writes
   or accepts, within a bound. A loop that was asked to (`busy_poll_s`) polls for a while without blocking first.
3. Move the timers that are due to the ready queue: soonest first, equal moments in the order in which they were made.
4. Run the calls that were ready when that was done; what they schedule belongs to the next turn.

A run begins with the calls that were ready before it: in its first turn they come before the events of the poll, so
that what they set up is there when an event comes (`first_turn`).

A poll costs as much as several calls. So where turn follows turn because calls make more calls, and the polls between
them find nothing, some are left out: of MOST_UNPOLLED turns in a row, and for POLL_WITHIN_NS, at most.

What was written during one callback leaves when it returns: whoever writes says so by `write_later`.

The core raises what a callback raises only for SystemExit and KeyboardInterrupt; every other exception goes to
`call_exception_handler`, which the face defines. An interrupted turn goes on where it stopped: no event is lost.
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable
from typing import Any

from weft.core import _os
from weft.core.handle import Handle, make_handle
from weft.core.ready import ReadyQueue
from weft.core.timers import TimerHandle, TimerHeap, make_timer
from weft.ports import Clock, Observer, Poller, Source

FOREVER_NS = 1 << 62
"""Later than any clock will show: 146 years."""
SPINNING = 16
"""So many polls in a row that had not to wait and found nothing: from then on some are left out, ..."""
MOST_UNPOLLED = 16
"""... so many turns in a row ..."""
POLL_WITHIN_NS = 10_000
"""... and for so long, at most."""


class Core:
    """The ready queue, the timers and the poller, turned by one thread."""

    def __init__(self, poller: Poller, clock: Clock, busy_poll_s: float = 0.0) -> None:
        if not busy_poll_s >= 0:
            raise ValueError(f"busy_poll_s must be a number of seconds, 0 for no busy polling, not {busy_poll_s!r}")
        self.poller = poller
        self.clock = clock
        self.busy_poll_ns = to_ns(busy_poll_s)
        """How long a wait polls again and again before it blocks; 0: not at all."""
        self.timers = TimerHeap()
        self.ready = ReadyQueue()
        self.inbox: deque[Handle] = deque()
        """The calls of other threads. Who leaves one says so in `inbox_is_filled`, and then wakes the poller."""
        self.inbox_is_filled = False
        # Who has written during the running callback: one in most cases, and then others, in a list.
        self.unflushed: Source | None = None
        self.others_unflushed: list[Source] = []
        self.outbox: Any = None
        """For whoever writes in several pieces during the running callback, until it has sent them."""
        self.with_done: Any = None
        """The arguments of a call that wakes a task: a future that is done. Made by whoever wakes tasks."""
        self.event_index = 0
        self.event_count = 0
        self.empty_polls = 0
        self.turns_unpolled = 0
        self.poll_due_ns = 0
        self.connections_made = 0
        self.is_stopping = False
        self.is_over = False
        self.is_debugging = False
        """Debug mode: each call is checked as it is made, and timed as it runs."""
        self.in_turn = False
        self.running_call: Handle | None = None
        """The call that runs now; known in debug mode only."""
        self.observer: Observer | None = None
        """Who is told what the loop does; None for no one. One slot."""

    # -- scheduling, for the loop's own thread

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        """Call `callback(*args)` in the next turn, after the calls that are ready already."""
        if self.is_over:
            raise RuntimeError("Event loop is closed")
        if self.inbox_is_filled:
            self.take_inbox()
        handle = make_handle(callback, args, context)
        if self.is_debugging:
            self.check_call(handle, "call_soon")
        self.push(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> TimerHandle:
        """Call `callback(*args)` after `delay` seconds."""
        timer = make_timer(self.clock.now_ns() + to_ns(delay), callback, args, context)
        if self.is_debugging:
            self.check_call(timer, "call_later")
        self.push_timer(timer)
        return timer

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> TimerHandle:
        """Call `callback(*args)` when the loop's clock shows `when` seconds."""
        timer = make_timer(to_ns(when), callback, args, context)
        if self.is_debugging:
            self.check_call(timer, "call_at")
        self.push_timer(timer)
        return timer

    def check_call(self, handle: Handle, method: str) -> None:
        """Raise for a call that must not be made, and remember where it was made; the face says how."""

    def take_inbox(self) -> None:
        """Put the calls that other threads left at the end of the ready queue."""
        self.inbox_is_filled = False
        while self.inbox:
            self.push(self.inbox.popleft())

    def time(self) -> float:
        """Return the loop's clock, in seconds."""
        return self.clock.now_ns() / 1e9

    def stop(self) -> None:
        """Stop running at the end of this turn."""
        self.is_stopping = True

    def push(self, handle: Handle) -> None:
        """Put a call at the end of the ready queue."""
        self.ready.push(handle)
        if self.observer is not None:
            self.observer.scheduled(handle)

    def schedule(self, handle: Handle) -> None:
        """Put a call that was made elsewhere at the end of the ready queue; `push`, for interpreted callers."""
        self.push(handle)

    def waiting(self) -> list[Handle]:
        """Return the calls that are still to be made: those that are ready, then those with a moment, in no order."""
        return [*self.ready.calls(), *self.timers.heap]

    def clear(self) -> None:
        """Forget every call and every timer; none of them will run, and no more are taken."""
        self.is_over = True
        self.with_done = None
        self.inbox.clear()
        self.ready.clear()
        for timer in list(self.timers.heap):
            timer.cancel()

    def push_timer(self, timer: TimerHandle) -> None:
        """Put a timer among the timers."""
        if self.is_over:
            raise RuntimeError("Event loop is closed")
        self.timers.push(timer)
        if self.observer is not None:
            self.observer.timer_made(timer)

    def write_later(self, source: Source) -> bool:
        """Have `source.flush` called when the callback that runs now returns; False if none runs."""
        if not self.in_turn:
            return False
        if self.unflushed is None:
            self.unflushed = source
        elif self.unflushed is not source:
            self.others_unflushed.append(source)
        return True

    def next_unflushed(self) -> Source:
        """Return one who has written, and forget that it has; there must be one."""
        source = self.unflushed
        self.unflushed = self.others_unflushed.pop() if self.others_unflushed else None
        return source  # type: ignore[return-value]

    def take_outbox(self) -> Any:
        """Return an empty outbox. Put it back as `outbox` when everything in it was sent."""
        outbox = self.outbox
        if outbox is None:
            return _os.Outbox()  # type: ignore[attr-defined]  # there is none in the interpreted build
        self.outbox = None
        return outbox

    def next_connection_number(self) -> int:
        """Return the number of a new connection: 1, 2, 3, ..."""
        self.connections_made += 1
        return self.connections_made

    # -- one turn

    def run_turns(self) -> None:
        """Turn until `stop` was called; at least once."""
        self.first_turn()
        while not self.is_stopping:
            self.turn()

    def run_turn(self) -> None:
        """Turn once, as at the begin of a run."""
        self.first_turn()

    def first_turn(self) -> None:
        """Turn once as a run begins: the calls that are ready already run before the events of the poll.

        Which timers are due is asked before those calls run, and they run behind the events. What the calls schedule
        belongs to the next turn, as ever: after `call_soon(stop)` it waits for the next run.
        """
        self.in_turn = True
        try:
            if self.event_index >= self.event_count:
                self.wait()
            if self.inbox_is_filled:
                self.take_inbox()
            first = self.ready.count
            if self.timers.heap:
                self.move_due()
            due = self.ready.count - first
            self.run_ready(first)
            if self.inbox_is_filled:
                self.take_inbox()
            behind = self.ready.count
            self.dispatch()
            of_events = self.ready.count - behind
            self.ready.put_behind(behind)
            self.run_ready(of_events + due)
            if self.unflushed is not None:
                self.flush()
        finally:
            self.in_turn = False

    def turn(self) -> None:
        """Turn once: wait, take the inbox, dispatch, move what is due, run what is ready."""
        self.in_turn = True
        try:
            if self.event_index >= self.event_count and (self.empty_polls < SPINNING or self.is_to_poll()):
                self.wait()
            if self.inbox_is_filled:
                self.take_inbox()
            self.dispatch()
            if self.timers.heap:
                self.move_due()
            if self.ready.count:
                self.run_ready(self.ready.count)
            if self.unflushed is not None:
                self.flush()
        finally:
            self.in_turn = False

    def is_to_poll(self) -> bool:
        """Return whether this turn of many that are busy with calls polls; count those that do not."""
        if self.ready.count:
            now = self.clock.now_ns()
            if self.turns_unpolled < MOST_UNPOLLED and now < self.poll_due_ns:
                self.turns_unpolled += 1
                return False
            self.poll_due_ns = now + POLL_WITHIN_NS
        self.turns_unpolled = 0
        return True

    def wait(self) -> None:
        """Poll for events, for as long as nothing else is to be done."""
        timeout_ns = self.timeout_ns()
        self.event_index = 0
        self.event_count = 0
        observer = self.observer
        if observer is not None:
            observer.wait_begin(timeout_ns)
        if self.busy_poll_ns == 0 or timeout_ns == 0:
            self.event_count = self.poller.wait(timeout_ns)
        else:
            self.event_count = self.wait_busily(timeout_ns)
        if observer is not None and self.observer is not None:
            self.observer.wait_end(self.event_count)
        is_empty = timeout_ns == 0 and self.event_count == 0 and not self.poller.sees_every_turn
        self.empty_polls = self.empty_polls + 1 if is_empty else 0
        _os.check_signals()

    def wait_busily(self, timeout_ns: int) -> int:
        """Poll again and again for `busy_poll_ns` at most, then block; return how many events came.

        Whatever ends a wait that blocks ends this one as soon: the waker is among what is polled. Between two polls
        other threads may have the GIL, and other processes the core. A clock that stands still, as a test's may, ends
        the polling.
        """
        spent_ns = 0
        begin_ns = self.clock.now_ns()
        while True:
            count = self.poller.wait(0)
            if count:
                return count
            _os.let_others_run()
            before_ns = spent_ns
            spent_ns = self.clock.now_ns() - begin_ns
            if 0 < timeout_ns <= spent_ns:
                return 0
            if spent_ns >= self.busy_poll_ns or spent_ns == before_ns:
                return self.poller.wait(timeout_ns if timeout_ns < 0 else timeout_ns - spent_ns)

    def timeout_ns(self) -> int:
        """Return how long a wait may last: 0 if anything is ready, -1 if nothing is to come but events."""
        if self.ready.count or self.is_stopping or self.inbox_is_filled or self.unflushed is not None:
            return 0
        if not self.timers.heap:
            return -1
        soonest = self.timers.heap[0]
        left = soonest.when_ns - self.clock.now_ns()
        return max(0, left)

    def dispatch(self) -> None:
        """Hand each event of the last wait to its source, and let what others wrote meanwhile leave.

        One `try` serves them all; after an exception the outer loop goes on with the next.
        """
        poller = self.poller
        is_debugging = self.is_debugging
        index = self.event_index
        count = self.event_count
        source: Any = None
        while index < count:
            try:
                while index < count:
                    source = poller.ready_source(index)
                    index += 1
                    if source is None:
                        continue
                    if is_debugging:
                        self.ready_timed(source, poller.ready_events)
                    else:
                        source.ready(poller.ready_events)
                    while self.unflushed is not None:
                        source = self.next_unflushed()  # who fails, if that fails
                        source.flush()
            except (SystemExit, KeyboardInterrupt):
                if source is not None:
                    source.interrupted()
                raise
            except BaseException as error:
                source.fail(error)
            finally:
                self.event_index = index

    def move_due(self) -> None:
        """Move the timers whose moment has come to the ready queue."""
        timers = self.timers
        now = self.clock.now_ns()
        while timers.heap:
            timer = timers.heap[0]
            if timer.when_ns > now:
                break
            timers.remove(timer)
            if self.observer is not None:
                self.observer.timer_fired(timer)
            self.push(timer)

    def run_ready(self, left: int) -> None:
        """Run the first calls of the ready queue: those that were ready when the turn came to them, and no others.

        One `try` serves them all, as in `dispatch`.
        """
        ready = self.ready
        handle: Any = None
        while left > 0:
            try:
                while left > 0:
                    handle = ready.pop()
                    left -= 1
                    if self.is_debugging:
                        self.run_timed(handle)
                    elif self.observer is None:
                        if not handle.is_cancelled:
                            _os.call(handle.context, handle.callback, handle.arguments)
                    else:
                        self.run_observed(handle)
                    if self.unflushed is not None:
                        self.flush()
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self.report_call(handle, error)
        handle = None  # so that a traceback that keeps this frame does not keep the call
        ready.trim()

    def run_observed(self, handle: Handle) -> None:
        """Run one call, and tell the observer of its begin and its end."""
        observer = self.observer
        if handle.is_cancelled or observer is None:
            return
        observer.call_begin(handle)
        try:
            _os.call(handle.context, handle.callback, handle.arguments)
        finally:
            observer.call_end(handle)
            handle = None  # type: ignore[assignment]

    def run_timed(self, handle: Handle) -> None:
        """Run one call in debug mode, and have it reported if it took long."""
        self.running_call = handle
        begin_ns = self.clock.now_ns()
        try:
            if self.observer is not None:
                self.run_observed(handle)
            elif not handle.is_cancelled:
                _os.call(handle.context, handle.callback, handle.arguments)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.report_call(handle, error)  # here, where it still counts as the running call
        finally:
            self.running_call = None
            self.took(handle, self.clock.now_ns() - begin_ns)
            handle = None  # type: ignore[assignment]

    def ready_timed(self, source: Source, events: int) -> None:
        """Hand an event to its source in debug mode, and have it reported if that took long."""
        begin_ns = self.clock.now_ns()
        try:
            source.ready(events)
        finally:
            self.took(source, self.clock.now_ns() - begin_ns)

    def took(self, what: Any, duration_ns: int) -> None:
        """Report a call, or a source that dealt with an event, that kept the others waiting; the face says how."""

    def flush(self) -> None:
        """Let what was written during the last callback leave."""
        while self.unflushed is not None:
            source = self.next_unflushed()
            source.flush()

    def report_call(self, handle: Handle, error: BaseException) -> None:
        """Report what a callback raised."""
        message = f"Exception in callback {handle.callback!r}"
        context = {"message": message, "exception": error, "handle": handle}
        if handle.origin is not None:
            context["source_traceback"] = handle.origin
        self.report(context)

    def report(self, context: dict[str, Any]) -> None:
        """Report an exception that nobody else handles."""
        self.call_exception_handler(context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Show an exception to whoever runs the loop; the face says how."""
        raise NotImplementedError


def to_ns(seconds: float) -> int:
    """Return `seconds` in nanoseconds; what lies beyond any clock's reach becomes FOREVER_NS, or less than nothing.

    Raises ValueError for NaN.
    """
    ns = seconds * 1e9
    if ns < FOREVER_NS:
        return int(ns + 0.5) if ns > 0 else int(max(ns, -FOREVER_NS))
    if ns != ns:
        raise ValueError("a moment or a delay must be a number of seconds, not NaN")
    return FOREVER_NS
