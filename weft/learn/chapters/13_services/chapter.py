"""Chapter 13: what it asks, before the run and of the exercise."""

from weft.learn.chapter import Chapter, Prediction, Verdict
from weft.learn.requirements import (
    ends_well,
    has_tasks,
    met,
    missed,
    ms,
    nothing_blocks,
    nothing_unhandled,
    prints,
    requirement,
)
from weft.learn.running import Run
from weft.record import Activity

ORDERS = ("loom", "train", "river", "snow", "lamp")
COPIES = [f"scribe: {order} copied" for order in ORDERS]
FORGETS = (
    "The end came, run() was cancelled, and what was on the desk is lost. Give the scribe a drain(): it is called "
    "before that, and may wait until everything is done."
)
IN_STOP = (
    "stop() comes too late to finish anything: run() has been cancelled before it, with an order in its hands. What "
    "is under way is finished in drain(); stop() only gives back."
)
GOES_ON = (
    "He still takes orders while he finishes: with a customer who never stops, neither would he. In drain(), refuse "
    "what is new first, and then finish what is under way."
)
NO_FAREWELL = (
    "Nothing is given back: that is what stop() is for, the last that is called."
)
GUESSES = (
    "drain() sleeps for a time, and so it guesses how much there is on the desk. Wait for the thing itself: "
    "desk.join() returns when every order that was put there is done."
)


@requirement("every order is copied")
def all_copied(run: Run) -> Verdict:
    """Judge by what was printed; the last order without one before it was finished elsewhere."""
    lost = [
        order
        for order, copy in zip(ORDERS, COPIES, strict=True)
        if copy not in run.lines
    ]
    if not lost:
        return met(f"{len(COPIES)} of {len(COPIES)} are copied")
    return missed(
        f"lost: {', '.join(lost)}", IN_STOP if COPIES[-1] in run.lines else FORGETS
    )


@requirement("the end waits until the desk is empty, and not for a time")
def waits_for_the_desk(run: Run) -> Verdict:
    """Judge by where the task waited in which drain() ran."""
    drain = run.task("drain scribe")
    if drain is None:
        return missed("there was no drain()", FORGETS)
    if any("sleep" in phase.detail for phase in drain.phases):
        return missed(
            f"drain() sleeps; it took {ms(drain.end_ns - drain.begin_ns)}", GUESSES
        )
    if not any(phase.activity is Activity.WAITING for phase in drain.phases):
        return missed("drain() does not wait", FORGETS)
    return met(f"drain() waited for {ms(drain.end_ns - drain.begin_ns)}")


CHAPTER = Chapter(
    title="Services",
    idea="A program that runs for long needs a plan for its end: let nobody in, finish, give back, in this order.",
    minutes=12,
    prediction=Prediction(
        question="In drained.py, Ada and Ben hear a poem of four lines, 0.1 s each. After 0.2 s the program is asked "
        "to end, by SIGTERM, and 0.1 s later Cleo wants to come in. What happens?",
        choices=[
            "Ada and Ben are cut off, and Cleo is not let in",
            "Ada and Ben hear all, and Cleo is not let in",
            "all three hear the poem, and then the library closes",
        ],
        answer="b",
        because="From SIGTERM on nobody is let in. Whoever is in may stay to the end of the poem, for ten seconds at "
        "most. Only then the lamps go out.",
    ),
    requirements=[
        ends_well(),
        has_tasks("scribe", "customer"),
        all_copied,
        prints("customer: no more orders", hint=GOES_ON),
        prints(COPIES[-1], "scribe: closed", in_order=True, hint=NO_FAREWELL),
        waits_for_the_desk,
        nothing_blocks(),
        nothing_unhandled(),
    ],
    question="SIGKILL ends a process at once, and nothing is called. So does a power cut. What would the scribe have to "
    "do, and when, so that an order that was accepted survives even that?",
    programs=("cut.py", "drained.py"),
    also=("library.py",),
    reporting=("cut.py",),
)
