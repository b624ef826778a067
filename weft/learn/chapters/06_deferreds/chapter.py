"""Chapter 6: what it asks, before the run and of the exercise."""

from weft.learn.chains import Chains, steps_of
from weft.learn.chapter import Chapter, Prediction, Requirement, Verdict
from weft.learn.pictures import Timelines
from weft.learn.poetry import poem
from weft.learn.requirements import (
    ends_well,
    has_tasks,
    met,
    missed,
    nothing_blocks,
    nothing_unhandled,
    one_thread,
    prints,
    requirement,
    waits_overlap,
)
from weft.learn.running import Run

LOOM = f"loom: {len(poem('loom').split())} words"
TRAIN = "train: refused: always this lateness"
KITE = "kite: nobody recites it"
NO_ERRBACK = (
    "The failure goes down the right side of its chain, and no errback stands there. Add one with add_errback, and "
    "return from it what say should print."
)
BESIDE = (
    "An errback that is added together with a callback stands beside it, and is not called for what that callback "
    "raises. Whoever should catch it has to stand further down: add_callback first, then add_errback."
)
PASSES_ON = (
    "An errback that returns the failure, or raises, leaves the chain on the side of failures, and nobody else is "
    "there. When you have dealt with a failure, return a value."
)
NOTHING = (
    "What an errback returns is the value for the next callback. One without a return statement recovers with None: "
    "return the text, and let say print it."
)
NOT_KEPT = "Keep the last lines of the program: they keep the chains, for the picture and for this check."


def recovers(name: str, what: str) -> Requirement:
    """Ask that an errback turned a poem's failure into a value."""

    @requirement(f"{name}: an errback ran for {what}, and recovered")
    def judge(run: Run) -> Verdict:
        steps = [step for step in steps_of(run, name) if step.left != step.right]
        if not steps:
            return missed("there is no chain of it", NOT_KEPT)
        errbacks = [step for step in steps if step.right]
        if not errbacks:
            return missed("its chain has no errback", NO_ERRBACK)
        ran = [step for step in errbacks if step.ran == "errback"]
        if not ran:
            names = ", ".join(step.right or "" for step in errbacks)
            return missed(f"{names} was not called for it", BESIDE)
        if ran[-1].outcome != "value":
            return missed(f"{ran[-1].right} ended with a failure", PASSES_ON)
        return met(f"{ran[-1].right} returned a value")

    return judge


@requirement("loom: no errback ran")
def loom_is_good(run: Run) -> Verdict:
    """Judge by the loom's chain."""
    ran = [step.right for step in steps_of(run, "loom") if step.ran == "errback"]
    if not ran:
        return met("its value stayed on the left")
    return missed(
        f"{ran[0]} ran",
        "The loom's poem is good, and something raised: look at its chain.",
    )


@requirement("what an errback returns is printed")
def says_what_was_returned(run: Run) -> Verdict:
    """Judge whether a callback was told None."""
    told = [line for line in run.lines if line.endswith(": None")]
    return (
        missed(f"it prints: {told[0]}", NOTHING)
        if told
        else met("nothing printed is None")
    )


CHAPTER = Chapter(
    title="From callbacks to Deferreds",
    idea="A Deferred stands for a value that arrives later: callbacks wait for the value, errbacks for the failure.",
    minutes=15,
    prediction=Prediction(
        question="The train's poem has the word “late” in it, so criticise raises ValueError. Four steps stand "
        "below criticise: count, explain, say and finish. Which of them run for the train?",
        choices=[
            "none: the exception goes to the loop, which reports it",
            "explain and finish: say is a callback, and this poem has failed",
            "explain, say and finish: after explain it is no failure any more",
            "all four: a chain runs from its top to its bottom",
        ],
        answer="c",
        because="criticise raised, so the result is on the right side and passes count. explain is an errback: it "
        "takes the failure and returns a text. That is a value again, on the left side, and say prints it.",
    ),
    requirements=[
        ends_well(),
        recovers("train", "the refusal"),
        recovers("kite", "the missing poet"),
        loom_is_good,
        says_what_was_returned,
        prints(
            LOOM,
            TRAIN,
            KITE,
            hint="failure.check(SomeError) tells what went wrong, failure.value is the exception.",
        ),
        nothing_unhandled(),
        has_tasks("loom", "train"),
        one_thread(),
        nothing_blocks(),
        waits_overlap("loom", "train"),
    ],
    question="say could raise, too: its output may be closed, for example. Who would hear of it in program.py? "
    "Where would you put an errback for that, and what could it do?",
    also=("poetry.py",),
    pictures=(Timelines(), Chains()),
)
