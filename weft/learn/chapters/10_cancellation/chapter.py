"""Chapter 10: what it asks, before the run and of the exercise."""

from weft.learn.chains import Chains
from weft.learn.chapter import Chapter, Prediction, Verdict
from weft.learn.pictures import Timelines
from weft.learn.requirements import (
    ends_well,
    has_tasks,
    met,
    missed,
    ms,
    nothing_blocks,
    nothing_unhandled,
    one_thread,
    prints,
    requirement,
    was_cancelled,
)
from weft.learn.running import Run

PIECES = ("ribbon", "carpet", "flag")
SWALLOWED = (
    "The flag's task was asked to stop, caught the CancelledError, and went on as if nothing had been said. Tidy up "
    "in finally, or raise it again: whoever cancels a task counts on its end."
)
NO_DEADLINE = (
    "The carpet takes its three seconds. Put a limit around the wait: asyncio.timeout cancels what is awaited in its "
    "block, and raises TimeoutError at the block's end."
)
NOT_GIVEN_BACK = (
    "A cancelled task goes on nowhere: CancelledError is raised at its await, and the lines below are not reached. "
    "What has to be done in any case belongs in finally."
)
STOPPED_WAITING = (
    "The carpet was given up, and somebody goes on weaving it: asyncio.wait stops waiting after its timeout and "
    "cancels nothing. Cancel the task that it waited for, or use asyncio.timeout, which does."
)


@requirement("the carpet is given up while the sweeper still sweeps")
def given_up(run: Run) -> Verdict:
    """Judge by the order of two ends: 0.4 s and 1 s, if all is well."""
    carpet, sweeper = run.task("carpet"), run.task("sweeper")
    if carpet is None or sweeper is None:
        return missed("one of them is no task")
    evidence = f"the carpet's task is over after {ms(carpet.end_ns - carpet.begin_ns)}"
    return (
        met(evidence)
        if carpet.end_ns < sweeper.end_ns
        else missed(evidence, NO_DEADLINE)
    )


@requirement("every loom is given back")
def given_back(run: Run) -> Verdict:
    """Judge by the workshop's own count."""
    count = run.calls.get("workshop.give_back", 0)
    evidence = f"{count} of {len(PIECES)} are back"
    return met(evidence) if count == len(PIECES) else missed(evidence, NOT_GIVEN_BACK)


@requirement("it is given back at once")
def given_back_at_once(run: Run) -> Verdict:
    """Judge whether each loom is back before the sweeper is done, who takes longer than any piece may."""
    sweeper = run.task("sweeper")
    for name in PIECES:
        loom = run.task(f"loom for the {name}")
        if loom is None or sweeper is None:
            return missed(f"nobody borrowed a loom for the {name}")
        if loom.end_ns > sweeper.end_ns:
            return missed(
                f"that for the {name} is kept for {ms(loom.end_ns - loom.begin_ns)}",
                STOPPED_WAITING,
            )
    return met("none is kept by somebody who has stopped")


CHAPTER = Chapter(
    title="Changing one's mind",
    idea="To cancel is to ask: what waits is told so where it waits, tidies up, and ends.",
    minutes=12,
    prediction=Prediction(
        question="The answer to the far letter would come after 0.6 s, and its deadline is over after 0.3 s. What "
        "becomes of the letter?",
        choices=[
            "it goes on its way; the answer comes after 0.6 s, and nobody is interested",
            "it goes on its way; the answer comes after 0.6 s to a Deferred that has fired, which is an error",
            "it is taken back after 0.3 s, and no answer will come",
        ],
        answer="c",
        because="The deadline cancels the Deferred, and that calls its canceller, which knows how to take the letter "
        "back. Without a canceller it would be as in a: the answer comes, and is dropped.",
    ),
    requirements=[
        ends_well(),
        has_tasks(*PIECES, "sweeper"),
        was_cancelled("flag", 1.5, hint=SWALLOWED),
        given_up,
        given_back,
        given_back_at_once,
        prints("ribbon: woven", "carpet: given up"),
        nothing_unhandled(),
        one_thread(),
        nothing_blocks(),
    ],
    question="Tidying up may take time, too: to say goodbye to a server you have to await. What if a task is "
    "cancelled a second time while it does? And what if the server does not answer the goodbye?",
    programs=("deferreds.py", "coroutines.py"),
    also=("letters.py", "cleaning_up.py", "workshop.py"),
    watched=("workshop.give_back",),
    pictures=(Timelines(), Chains()),
)
