"""Requirements that many exercises share, and the causes behind them that a recording shows.

Each function returns a `Requirement`; `hint=` replaces its own hint. They judge by structure, what overlapped what
and who held whom, and by ratios, so that a slow machine changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from weft.figures import wording
from weft.learn.chapter import Requirement, Verdict
from weft.learn.running import Hold, Run
from weft.record import Activity, Outcome, Task

BLOCKS_MS = 10.0
"""A step that sleeps for longer than this blocks: everyone on its loop notices."""
COMPUTES_MS = 100.0
"""A step that computes for longer than this does too. A first import takes tens of ms, and is no mistake."""
SLOWEST = 1.5
"""All may take so many times as long as the slowest. Two of about one length, one after another, take twice."""

MEND_FIRST = "Mend what it raises first; what else is asked is judged as far as the program came."
NEVER_ENDS = (
    "It goes on for ever, or waits for what never comes. The picture ends where it was stopped: look who waits there."
)
NOT_AWAITED = (
    "A coroutine was made and never awaited: calling an async function does nothing yet. Put await before it, or "
    "make it a task."
)
BLOCKED = (
    "A call in one task sleeps and holds the only thread, so nobody else can go on. Wait with await instead: the "
    "loop can then run the others."
)
COMPUTED = "One step computes for long and holds the thread. Cut it in pieces, or hand it to another thread."
IN_TURN = (
    "Each task begins only when the one before it is over. Make all the tasks first, and only then wait for them: "
    "asyncio.gather or a TaskGroup."
)
ONE_TASK = (
    "One task does it all: what it awaits is part of it, so each thing begins when the one before it is over. Make "
    "each a task of its own, all of them before the first wait: asyncio.gather or a TaskGroup."
)
IN_THREADS = (
    "Every task waits in a thread of its own. Here they have to share one: let one loop run them all, as coroutines."
)
NOT_MADE = (
    "The picture has a rail for each task, under its name: make one task for each, and give it the name that is "
    "asked for."
)
UNHANDLED = (
    "Something failed and nobody looked. Await the task, or give the Deferred an errback, where you can do "
    "something about it."
)


def ms(ns: float) -> str:
    """Return a length of time in words."""
    return wording.duration(round(ns), 2)


def requirement(asked: str) -> Callable[[Callable[[Run], Verdict]], Requirement]:
    """Make a requirement of a function that judges a run: `@requirement("it says why")`."""
    return lambda judge: Requirement(asked, judge)


def met(evidence: str) -> Verdict:
    """Return the verdict that it holds."""
    return Verdict(True, evidence)


def missed(evidence: str, hint: str = "") -> Verdict:
    """Return the verdict that it does not hold."""
    return Verdict(False, evidence, hint)


# -- how it ends, and what it says


def ends_well(*, hint: str = "") -> Requirement:
    """It ends by itself, and raises nothing."""

    def judge(run: Run) -> Verdict:
        if run.is_over_time:
            line = run.exception.line if run.exception else None
            where = "" if line is None else f", in line {line}: {run.source(line)}"
            return missed(f"it was stopped after {run.limit_s:g} s{where}", hint or NEVER_ENDS)
        if run.exception is not None:
            return missed(str(run.exception), hint or MEND_FIRST)
        if run.exit_code != 0:
            return missed(f"it ends with exit code {run.exit_code}", hint or MEND_FIRST)
        if run.never_awaited:
            return missed(run.never_awaited[0], hint or NOT_AWAITED)
        return met(f"exit code 0 after {run.wall_s:.2f} s")

    return Requirement("it ends by itself, and well", judge)


def prints(*lines: str, in_order: bool = False, hint: str = "") -> Requirement:
    """It prints these lines, among others; with `in_order`, in this order."""

    def judge(run: Run) -> Verdict:
        missing = [line for line in lines if line not in run.lines]
        if missing:
            return missed(f"it does not print: {missing[0]}", hint)
        found = [line for line in run.lines if line in lines]
        if in_order and list(dict.fromkeys(found)) != list(lines):
            return missed(f"it prints them as: {', '.join(found)}", hint)
        return met(f"{len(lines)} of {len(lines)} are there")

    shown = f": {', '.join(lines)}" if sum(map(len, lines)) < 60 else f" all {len(lines)} lines"
    return Requirement(f"it prints{' in order' if in_order else ''}{shown}", judge)


# -- how the tasks lie to one another


def tasks_of(run: Run, names: Sequence[str]) -> list[Task]:
    """Return the tasks of these names; without names, every one that made none itself."""
    if names:
        return [task for task in map(run.task, names) if task is not None]
    parents = {task.parent for task in run.timeline.tasks}
    return [task for task in run.timeline.tasks if task.number not in parents]


def has_tasks(*names: str, hint: str = "") -> Requirement:
    """There is a task of each name."""

    def judge(run: Run) -> Verdict:
        missing = [name for name in names if run.task(name) is None]
        seen = ", ".join(dict.fromkeys(task.name for task in run.timeline.tasks)) or "none"
        if missing:
            return missed(f"no task {', '.join(missing)} was recorded; those seen: {seen}", hint or NOT_MADE)
        return met(f"recorded: {', '.join(names)}")

    return Requirement(f"there is a task for each of {', '.join(names)}", judge)


def waits_overlap(*names: str, least: int = 2, hint: str = "") -> Requirement:
    """There is a moment at which all of the tasks wait: those named, or all of them that made none themselves.

    There have to be `least` of them.
    """
    least = max(least, len(names))

    def judge(run: Run) -> Verdict:
        tasks = tasks_of(run, names)
        if len(tasks) < least:
            return missed(too_few(tasks), hint or why_too_few(run))
        shared = overlap_ns(tasks)
        if shared > 0:
            return met(f"for {ms(shared)} all {len(tasks)} wait at once")
        return missed(apart(tasks), hint or why_apart(run, tasks))

    return Requirement("the waits overlap", judge)


def too_few(tasks: Sequence[Task]) -> str:
    """Return which tasks there are, where there should be more."""
    seen = ", ".join(task.name for task in tasks) or "none"
    return f"there is only {wording.count(len(tasks), 'task')} that could overlap: {seen}" if tasks else seen


def why_too_few(run: Run) -> str:
    """Return the likeliest cause of tasks that are not there."""
    return ONE_TASK if run.loops and len(run.timeline.tasks) == 1 else NOT_MADE


def waits_of(task: Task) -> list[tuple[int, int]]:
    """Return when a task waited, holding its thread or not."""
    return [(phase.begin_ns, phase.end_ns) for phase in task.phases if phase.activity is not Activity.RUNNING]


def overlap_ns(tasks: Sequence[Task]) -> int:
    """Return for how long all of the tasks waited at once."""
    changes = sorted(change for task in tasks for begin, end in waits_of(task) for change in ((begin, 1), (end, -1)))
    waiting = shared = before = 0
    for at, change in changes:
        if waiting == len(tasks):
            shared += at - before
        waiting += change
        before = at
    return shared


def apart(tasks: Sequence[Task]) -> str:
    """Return two tasks that do not wait together, in words."""
    first, second = sorted(tasks, key=lambda task: task.begin_ns)[:2]
    return f"{first.name} lives until {ms(first.end_ns)}, {second.name} begins at {ms(second.begin_ns)}"


def why_apart(run: Run, tasks: Sequence[Task]) -> str:
    """Return the likeliest cause of waits that do not overlap, as the recording shows it."""
    if longest_block(run) is not None and run.loops:
        return BLOCKED
    ordered = sorted(tasks, key=lambda task: task.begin_ns)
    if any(before.end_ns <= after.begin_ns for before, after in pairwise(ordered)):
        return IN_TURN
    return ""


def done_when_the_slowest_is(*names: str, least: int = 2, hint: str = "") -> Requirement:
    """From the first task's begin to the last one's end it takes hardly longer than the longest of them."""
    least = max(least, len(names))

    def judge(run: Run) -> Verdict:
        tasks = tasks_of(run, names)
        if len(tasks) < least:
            return missed(too_few(tasks), hint or why_too_few(run))
        whole = max(task.end_ns for task in tasks) - min(task.begin_ns for task in tasks)
        slowest = max(tasks, key=lambda task: task.end_ns - task.begin_ns)
        alone = slowest.end_ns - slowest.begin_ns
        evidence = f"all took {ms(whole)}, the slowest ({slowest.name}) {ms(alone)}"
        if whole <= SLOWEST * alone:
            return met(evidence)
        return missed(evidence, hint or why_apart(run, tasks))

    return Requirement("it is done when the slowest is", judge)


def one_thread(*, hint: str = "") -> Requirement:
    """Everything runs in one thread."""

    def judge(run: Run) -> Verdict:
        if run.threads:
            return missed(f"it started {wording.count(len(run.threads), 'more thread')}", hint or IN_THREADS)
        return met("it has one thread")

    return Requirement("one thread does it all", judge)


# -- who holds the thread


def longest_block(run: Run, limit_ms: float = BLOCKS_MS) -> Hold | None:
    """Return the hold in which a thread slept longest, if it was longer than the limit."""
    holds = [hold for hold in run.holds() if hold.slept_ns > limit_ms * 1e6]
    return max(holds, key=lambda hold: hold.slept_ns, default=None)


def nothing_blocks(limit_ms: float = BLOCKS_MS, *, computes_ms: float = COMPUTES_MS, hint: str = "") -> Requirement:
    """No step sleeps in its loop's thread for longer than `limit_ms`, nor computes for longer than `computes_ms`.

    Jobs in other threads may: only threads in which a loop runs count, and every thread where there is no loop.
    """

    def judge(run: Run) -> Verdict:
        looped = loop_threads(run)
        holds = [hold for hold in run.holds() if not looped or hold.thread in looped]
        asleep = max(holds, key=lambda hold: hold.slept_ns, default=None)
        busy = max(holds, key=lambda hold: hold.computed_ns, default=None)
        if asleep is not None and asleep.slept_ns > limit_ms * 1e6:
            return missed(held(run, asleep, "sleeps", asleep.slept_ns), hint or BLOCKED)
        if busy is not None and busy.computed_ns > computes_ms * 1e6:
            return missed(held(run, busy, "computes", busy.computed_ns), hint or COMPUTED)
        return met("every step lets go at once")

    return Requirement(f"no step blocks the loop longer than {limit_ms:g} ms", judge)


def loop_threads(run: Run) -> set[int]:
    """Return the threads in which loops ran."""
    from weft.record import events

    return {record.thread for record in run.recording or () if record.kind == events.RUN_BEGIN}


def held(run: Run, hold: Hold, does: str, ns: int) -> str:
    """Return who held a thread, and where, in words."""
    who = hold.label or run.name_of(hold.task)
    return f"{who} {does} for {ms(ns)} and holds the thread{run.told(hold.place)}"


# -- what failed, and what was cancelled


def nothing_unhandled(*, hint: str = "") -> Requirement:
    """No failure was left to nobody, and no coroutine was forgotten."""

    def judge(run: Run) -> Verdict:
        left = [*run.unhandled, *run.never_awaited]
        if left:
            return missed(left[0], hint or (UNHANDLED if run.unhandled else NOT_AWAITED))
        return met("every failure was seen by somebody")

    return Requirement("nothing is left unhandled", judge)


def was_called(function: str, times: int | None = None, *, asked: str = "", hint: str = "") -> Requirement:
    """A function of the program's ran; it has to be in `Chapter.watched`, as it is named here."""

    def judge(run: Run) -> Verdict:
        count = run.calls.get(function, 0)
        evidence = f"{function} was called {wording.count(count, 'time')}"
        return met(evidence) if (count > 0 if times is None else count == times) else missed(evidence, hint)

    often = "" if times is None else f" {wording.count(times, 'time')}"
    return Requirement(asked or f"{function} is called{often}", judge)


def was_cancelled(name: str, within_s: float, *, hint: str = "") -> Requirement:
    """The task of this name was cancelled, and was over within so many seconds of its begin. Be generous."""

    def judge(run: Run) -> Verdict:
        task = run.task(name)
        if task is None:
            return missed(f"no task {name} was recorded", hint or NOT_MADE)
        life = task.end_ns - task.begin_ns
        evidence = f"{name}: {task.outcome.value} after {ms(life)}"
        return (
            met(evidence) if task.outcome is Outcome.CANCELLED and life <= within_s * 1e9 else missed(evidence, hint)
        )

    return Requirement(f"{name} is cancelled within {within_s:g} s", judge)
