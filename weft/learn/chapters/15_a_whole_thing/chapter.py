"""Chapter 15: what it asks, before the run and of the exercise."""

from weft.learn.chapter import Chapter, Prediction, Verdict
from weft.learn.curves import Curves, curves_of
from weft.learn.pictures import Timelines
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

SETS = 30
MOST_WRITES = 10
NOTHING = (
    "Nothing is written: keep() says that the line is on the disk, and the disk has never heard of it. Have another "
    "thread call Disk.write, and let the Deferred fire when it has returned."
)
TOO_EARLY = (
    "Somebody was told ok before the line was on the disk. If the power fails in between, that was a lie. Let keep() "
    "return a Deferred, and fire it when write has returned."
)
IN_THE_LOOP = (
    "The loop itself waits for the disk, and meanwhile nobody gets an answer, not even the reader, who needs no disk. "
    "Let another thread write: asyncio.to_thread."
)
ONE_EACH = (
    "Each line has a write of its own, and they queue up at the disk. Its time is for a write, not for a line. So "
    "collect what comes while a write is under way, and write all of it at once with the next."
)
UNTOLD = "Not every writer got an answer for each line. A Deferred that keep() returned has never fired."


def moments(run: Run, name: str) -> list[tuple[int, float]]:
    """Return what was noted under a name after the 0 of the beginning: when, and the number."""
    return [(at, count) for at, count in curves_of(run).get(name, ()) if count]


@requirement("the lines are written to the disk")
def is_written(run: Run) -> Verdict:
    """Judge by what the disk noted."""
    writes = moments(run, "on disk")
    if not writes:
        return missed("the disk was never written to", NOTHING)
    return met(f"the disk got {writes[-1][1]:.0f} lines")


@requirement(f"each of the {SETS} lines is acknowledged")
def all_told(run: Run) -> Verdict:
    """Judge by what the writers noted."""
    told = len(moments(run, "told ok"))
    return (
        met(f"{told} were told ok")
        if told == SETS
        else missed(f"{told} were told ok", UNTOLD)
    )


@requirement("nobody is told ok before the line is on the disk")
def not_too_early(run: Run) -> Verdict:
    """Judge by the two curves: at no moment more are told than are on the disk."""
    writes = moments(run, "on disk")
    for at, told in moments(run, "told ok"):
        kept = max((count for when, count in writes if when <= at), default=0)
        if told > kept:
            return missed(
                f"at {ms(at)} {told:.0f} were told, and {kept:.0f} lines were on the disk",
                TOO_EARLY,
            )
    return met("at each moment the disk had at least as many as were told")


@requirement(f"{SETS} lines take {MOST_WRITES} writes at most")
def few_writes(run: Run) -> Verdict:
    """Judge by how often the disk was written to."""
    count = len(moments(run, "on disk"))
    return (
        met(f"there were {count}")
        if count <= MOST_WRITES
        else missed(f"there were {count}", ONE_EACH)
    )


CHAPTER = Chapter(
    title="A whole thing",
    idea="A whole program is made of parts that can be tried, bounded and drawn one by one.",
    minutes=15,
    prediction=Prediction(
        question="In crowded.py, eight may be in at once. First come two who mean no good: endless, who after a while "
        "sends a line of a million letters without an end, and silent, who says nothing. Then come eight honest "
        "visitors. How do the honest ones fare?",
        choices=[
            "the first six are answered as on a quiet day, and two are told to come back later",
            "all eight are answered, but slowly: the line of a million letters has to be read first",
            "none is answered until silent has been sent away",
        ],
        answer="a",
        because="Nobody waits for silent: a connection on which nothing comes costs a little memory. The endless "
        "line is refused after 200 letters, before it takes any. But both have a place, and places are limited.",
    ),
    requirements=[
        ends_well(),
        is_written,
        has_tasks("Ada", "Ben", "Cleo", "reader"),
        nothing_blocks(hint=IN_THE_LOOP),
        all_told,
        not_too_early,
        prints(f"{SETS} were told ok, and 0 of them are lost", hint=TOO_EARLY),
        few_writes,
        nothing_unhandled(),
    ],
    question="Your store now survives the power cut of its own machine. What if the whole machine is lost, with its "
    "disk? Who would have to have the line before you say ok, and what would that cost each who waits for it?",
    programs=("quiet.py", "crowded.py"),
    also=(
        "store.py",
        "server.py",
        "client.py",
        "visitors.py",
        "by_hand.py",
        "disk.py",
        "loopback.pem",
    ),
    pictures=(Timelines(), Curves()),
    reporting=("crowded.py",),
)
