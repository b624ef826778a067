"""Timelines to draw: made by hand, as a recording would give them."""

import heapq

from weft.record.timeline import Activity, Outcome, Phase, Slice, Task, Thread, Timeline

MS = 1_000_000
RUN_NS = 50_000
HOSTILE = (
    "<&\">'</title><script>",
    "\x00\x1b[31m\x7f",
    "x" * 5_000,
    "\u202eabc\u05d0\u05d1",
    "",
    "\ud800",
    "漢字" * 40,
)


def one_after_another(names=("kettle", "toast", "egg"), steps=(16, 12, 9)):
    tasks, slices, now = [], [], 0
    for number, (name, count) in enumerate(zip(names, steps, strict=True), 1):
        begin, phases = now, []
        for _ in range(count):
            for length, running in ((RUN_NS, True), (100 * MS, False)):
                activity = Activity.RUNNING if running else Activity.BLOCKING
                phases.append(Phase(now, now + length, activity, "" if running else "time.sleep"))
                slices.append(Slice(0, now, now + length, number, running, name))
                now += length
        tasks.append(Task(number, name, begin, now, Outcome.RETURNED, None, phases, "cook"))
    return Timeline([Thread("MainThread", 0, now)], tasks, slices, now)


def interleaved(
    names=("kettle", "toast", "egg"), steps=(16, 12, 9), kind="cook", blocked_ms=0, outcome=Outcome.RETURNED
):
    """One thread; the second task's third step blocks it for `blocked_ms`."""
    due = [(0, number) for number in range(len(names))]
    phases, left, slices, now = [[] for _ in names], list(steps), [], 0
    while due:
        wake, number = heapq.heappop(due)
        if now > wake:
            phases[number].append(Phase(wake, now, Activity.READY))
        now = max(now, wake)
        held = [(RUN_NS, True)]
        if blocked_ms and number == 1 and left[number] == steps[number] - 2:
            held.append((blocked_ms * MS, False))
        for length, running in held:
            activity = Activity.RUNNING if running else Activity.BLOCKING
            phases[number].append(Phase(now, now + length, activity))
            slices.append(Slice(0, now, now + length, number, running, names[number]))
            now += length
        left[number] -= 1
        if left[number] > 0:
            phases[number].append(Phase(now, now + 100 * MS, Activity.WAITING, "asyncio.sleep"))
            heapq.heappush(due, (now + 100 * MS, number))
    tasks = [
        Task(number, name, phases[number][0].begin_ns, phases[number][-1].end_ns, outcome, None, phases[number], kind)
        for number, name in enumerate(names)
    ]
    return Timeline([Thread("MainThread", 0, now)], tasks, slices, now)


def crowd(number, kinds=1):
    tasks, slices, now = [], [], 0
    for index in range(number):
        phases = (
            Phase(now, now + MS, Activity.RUNNING),
            Phase(now + MS, now + 500 * MS, Activity.WAITING, "StreamReader.read"),
        )
        tasks.append(
            Task(index, f"job-{index}", now, now + 500 * MS, Outcome.RETURNED, None, phases, f"kind {index % kinds}")
        )
        slices.append(Slice(0, now, now + MS, index, True, f"job-{index}"))
        now += MS
    return Timeline([Thread("MainThread", 0, now + 500 * MS)], tasks, slices, now + 500 * MS)
