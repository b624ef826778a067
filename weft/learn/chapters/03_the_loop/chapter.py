"""Chapter 3: what it asks, before the run and of the exercise."""

from weft.learn.chapter import Chapter, Prediction, Verdict
from weft.learn.poetry import poem
from weft.learn.requirements import (
    BLOCKS_MS,
    ends_well,
    has_tasks,
    held,
    longest_block,
    met,
    missed,
    ms,
    one_thread,
    prints,
    requirement,
)
from weft.learn.running import Run
from weft.learn.watch import slept_ns

LINES = [f"loom: {line}" for line in poem("loom").splitlines()]
SLEEPS_IN_A_CALL = (
    "A call of the loop's sleeps, and the loop with it. call_later should only note the call and its moment, in a "
    "heap say; the loop makes the call when the moment has come."
)
SLEEPS_ELSEWHERE = (
    "The loop sleeps until its next timer, and does not see what comes in meanwhile. There must be one place where "
    "it waits, for both: select takes the time as its timeout."
)
LATE = (
    "The bell rings only when a line has come: select does not know of your timers, and waits for connections alone. "
    "Tell it to come back when the first timer is due, even if nothing has come."
)


@requirement(f"no call holds the loop longer than {BLOCKS_MS:g} ms")
def nobody_holds(run: Run) -> Verdict:
    """Judge whether the thread slept within a call of the loop's."""
    hold = longest_block(run)
    if hold is None:
        return met("every call lets go at once")
    return missed(held(run, hold, "sleeps", hold.slept_ns), SLEEPS_IN_A_CALL)


@requirement("the loop waits in select, and nowhere else")
def waits_in_select(run: Run) -> Verdict:
    """Judge by the lines in which the thread slept."""
    slept = slept_ns(
        sample
        for sample in run.samples
        if 0 <= sample.time_ns - run.begin_ns <= last_step(run)
    )
    other = {
        place: ns
        for place, ns in slept.items()
        if "select" not in run.source(place[1], place[0])
    }
    longest = max(other, key=other.__getitem__, default=None)
    if longest is not None and other[longest] > BLOCKS_MS * 1e6:
        return missed(
            f"it sleeps for {ms(other[longest])}{run.told(longest)}", SLEEPS_ELSEWHERE
        )
    return met(f"it sleeps for {ms(sum(slept.values()))}, all of it there")


def last_step(run: Run) -> int:
    """Return when the last step of any task was over."""
    return max(
        (piece.end_ns for piece in run.timeline.slices if piece.task is not None),
        default=0,
    )


@requirement("the bell rings while the poet thinks")
def rings_between(run: Run) -> Verdict:
    """Judge whether most rings come well after the line before them: at its moment, not with the next line."""
    steps = [(hold.begin_ns, run.name_of(hold.task)) for hold in run.holds()]
    reads = [at for at, name in steps if name == "loom"]
    rings = [at for at, name in steps if name == "bell"]
    if len(reads) < 3 or not rings:
        return missed("there are not enough lines and rings to see it")
    pause = (reads[-1] - reads[0]) / len(reads)
    apart = [
        ring
        for ring in rings
        if not any(0 <= ring - read < pause / 5 for read in reads)
    ]
    evidence = f"{len(apart)} of {len(rings)} rings come by themselves, the others together with a line"
    return met(evidence) if len(apart) * 2 > len(rings) else missed(evidence, LATE)


CHAPTER = Chapter(
    title="The loop",
    idea="A loop is three lists of calls, and one place where it waits.",
    minutes=15,
    prediction=Prediction(
        question="The bell rings 0.15 seconds after the begin. At that moment no poet says anything, and the loop "
        "sleeps in select. What wakes it in time?",
        choices=[
            "nothing: it looks at the clock again and again instead of sleeping",
            "select itself: it was told to sleep no longer than until then",
            "a second thread, which sleeps until the moment and then knocks",
        ],
        answer="b",
        because="select takes a timeout. The loop asks its timers how long it may sleep, each time before it sleeps.",
    ),
    requirements=[
        ends_well(),
        prints(*LINES, "ding"),
        has_tasks("loom", "bell"),
        one_thread(
            hint="A thread for the timer would call back from somewhere else. The loop's own thread can wait."
        ),
        nobody_holds,
        waits_in_select,
        rings_between,
    ],
    question="In the tiny loop, a call that adds itself again with call_soon is called in every turn. Do the poets "
    "still get their turn? And what if turn() ran calls until there were none left, also those that were just added?",
    also=("tiny_loop.py", "one_turn.py"),
)
