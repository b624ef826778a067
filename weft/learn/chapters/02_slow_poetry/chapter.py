"""Chapter 2: what it asks, before the run and of the exercise."""

from weft.learn.chapter import Chapter, Prediction, Verdict
from weft.learn.poetry import poem
from weft.learn.requirements import (
    done_when_the_slowest_is,
    ends_well,
    has_tasks,
    held,
    longest_block,
    met,
    missed,
    one_thread,
    overlap_ns,
    prints,
    requirement,
    tasks_of,
    waits_overlap,
)
from weft.learn.running import Run

POETS = ("snow", "loom", "kite", "train", "river")
LINES = [f"{name}: {line}" for name in POETS for line in poem(name).splitlines()]
ENOUGH_STEPS = 10 * len(LINES)
ONE_POET = (
    "While it waits in recv for one poet, the thread is held, and what the others say lies unread. Connect to all of "
    "them first; then ask select who has spoken, and read from that one."
)
READS_ON = (
    "select promised one recv that does not wait, and no more than one. The next recv waits for the next line and "
    "holds the thread, while others have spoken. Take one piece, and go back to select."
)
ASKS = (
    "It asks again and again whether something has come, and keeps a processor busy with it. Let the system say "
    "when: select sleeps until at least one connection has something."
)


@requirement("no poet holds the thread while he thinks")
def nobody_holds(run: Run) -> Verdict:
    """Judge whether the thread slept within a step; which mistake it is shows in whether all were connected."""
    hold = longest_block(run)
    if hold is None:
        return met("every read takes what is there, and lets go")
    tasks = tasks_of(run, POETS)
    were_connected = len(tasks) == len(POETS) and overlap_ns(tasks) > 0
    return missed(
        held(run, hold, "sleeps", hold.slept_ns),
        READS_ON if were_connected else ONE_POET,
    )


@requirement("while nobody speaks, it sleeps")
def sleeps_between(run: Run) -> Verdict:
    """Judge whether it asked only when something had come."""
    steps = sum(1 for hold in run.holds() if hold.task is not None)
    evidence = f"it took {steps:,} steps for {len(LINES)} lines, and {run.cpu_s:.2f} s of CPU time"
    if steps > ENOUGH_STEPS or run.cpu_s > run.wall_s / 2:
        return missed(evidence, ASKS)
    return met(evidence)


CHAPTER = Chapter(
    title="Slow poetry",
    idea="One call can wait for many connections at once; that call is all that interleaving needs.",
    minutes=15,
    prediction=Prediction(
        question="by_hand.py connects to the loom's poet first, then to the train's, then to the river's. They need "
        "0.4, 0.2 and 0.3 seconds for four lines each. Whose first line is read first, and when is all done?",
        choices=[
            "the loom's, because it was connected first; done after 0.9 s",
            "the loom's, because it was connected first; done after 0.4 s",
            "the train's, because it comes first; done after 0.4 s",
        ],
        answer="c",
        because="The order of the program is the order of connecting. After that, whoever speaks is read: the poets "
        "decide, not the program.",
    ),
    requirements=[
        ends_well(),
        prints(
            *LINES,
            hint="Each line is printed once, with its poet's name, a colon and a space before it.",
        ),
        has_tasks(*POETS),
        one_thread(
            hint="It takes a thread for each poet. One thread is enough: select waits for all of them."
        ),
        nobody_holds,
        sleeps_between,
        waits_overlap(*POETS),
        done_when_the_slowest_is(*POETS),
    ],
    question="A poet falls silent: he sends nothing more, and does not hang up. What becomes of the other poems in "
    "blocking.py, and in by_hand.py? How would you have to change each so that it gives up after a while?",
    programs=("blocking.py", "by_hand.py"),
    also=("two_listeners.py", "poet.py"),
)
