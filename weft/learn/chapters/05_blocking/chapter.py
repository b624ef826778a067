"""Chapter 5: what it asks, before the run and of the exercise."""

from weft.learn.chapter import Chapter, Prediction, Verdict
from weft.learn.requirements import (
    ends_well,
    has_tasks,
    loop_threads,
    met,
    missed,
    ms,
    nothing_blocks,
    prints,
    requirement,
    tasks_of,
    was_called,
)
from weft.learn.running import Run
from weft.record import Activity

READERS = ("Ada", "Ben", "Cleo")
SLEEPS = (
    "The archive sleeps in the loop's thread, and everybody with it; an async def around a call does not change how "
    "the call waits. Hand the call to another thread, and await what that returns: asyncio.to_thread."
)
SLEEPS_FOR_A_THREAD = (
    "The call is in another thread now, but then the loop's thread sleeps until that one is done. Never ask a thread "
    "for its result and wait there: await it, with asyncio.to_thread or loop.run_in_executor."
)
QUEUES = (
    "The loop is free now, but the calls queue for one thread, and each reader waits for those before. Let each call "
    "have a thread: asyncio.to_thread takes one of several."
)
CHECK = nothing_blocks()


@requirement(CHECK.asked)
def nobody_blocks(run: Run) -> Verdict:
    """Judge whether the loop's thread slept; that threads were started tells which mistake it is."""
    verdict = CHECK.judge(run)
    return (
        verdict
        if verdict.holds
        else missed(verdict.evidence, SLEEPS_FOR_A_THREAD if run.threads else SLEEPS)
    )


@requirement("the clock ticks while books are looked for")
def clock_ticks(run: Run) -> Verdict:
    """Judge by how often the clock's task ran while all the readers waited."""
    clock, readers = run.task("clock"), tasks_of(run, READERS)
    if clock is None or len(readers) < len(READERS):
        return missed("there is no clock, or a reader is missing")
    begin, end = (
        max(task.begin_ns for task in readers),
        min(task.end_ns for task in readers),
    )
    ticks = [
        phase
        for phase in clock.phases
        if phase.activity is Activity.RUNNING and begin < phase.begin_ns < end
    ]
    evidence = f"it ticks {len(ticks)} times before the first reader is done"
    return met(evidence) if len(ticks) >= 3 else missed(evidence, SLEEPS)


@requirement("the three searches go on at the same time")
def searches_overlap(run: Run) -> Verdict:
    """Judge by when each reader's search held a thread that is not the loop's."""
    looped = loop_threads(run)
    searches = {}
    for task in tasks_of(run, READERS):
        held = [
            piece
            for piece in run.timeline.slices
            if piece.task == task.number and piece.thread not in looped
        ]
        if held:
            searches[task.name] = (held[0].begin_ns, held[-1].end_ns)
    if len(searches) < len(READERS):
        return missed(
            f"searches in other threads: {', '.join(searches) or 'none'}", SLEEPS
        )
    last_begin, first_end = (
        max(begin for begin, _ in searches.values()),
        min(end for _, end in searches.values()),
    )
    if last_begin < first_end:
        return met(f"for {ms(first_end - last_begin)} all three look for their books")
    return missed(
        f"one is over {ms(last_begin - first_end)} before another begins", QUEUES
    )


CHAPTER = Chapter(
    title="Blocking",
    idea="One call that sleeps in the loop's thread stops everybody; find it, and give it a thread of its own.",
    minutes=10,
    prediction=Prediction(
        question="In blocking.py a pulse ticks every 0.05 s, and two poets send a line about every 0.1 s. "
        "After 0.12 s the scholar calls look_up, which sleeps for 0.3 s. What becomes of the pulse and of the poems?",
        choices=[
            "nothing: only the scholar's task sleeps",
            "the pulse misses its moments, and the poems go on, because they come from other processes",
            "the pulse misses its moments, and no line of a poem is read until look_up returns",
        ],
        answer="c",
        because="The poets do go on sending, and the system keeps what they sent. But there is one thread to read "
        "it, and it sleeps in look_up.",
    ),
    requirements=[
        ends_well(),
        prints(
            "Ada: Weaving is on shelf 4",
            "Ben: Rivers is on shelf 12",
            "Cleo: Timetables is on the floor",
        ),
        has_tasks("clock", *READERS),
        was_called("archive.find", 3, asked="the archive is asked three times"),
        nobody_blocks,
        clock_ticks,
        searches_overlap,
    ],
    question="to_thread helps where a call sleeps. What if look_up did not sleep, but computed for 0.3 s, in Python? "
    "(Python lets one thread at a time compute. Try it: replace time.sleep by a loop that counts, and look.)",
    programs=("blocking.py", "in_a_thread.py"),
    also=("archive.py", "find_it.py"),
    reporting=("find_it.py",),
    watched=("archive.find",),
)
