"""Chapter 11: what it asks, before the run and of the exercise."""

from weft.learn.chapter import Chapter, Prediction, Verdict
from weft.learn.curves import Curves, amount, curves_of
from weft.learn.pictures import Timelines
from weft.learn.requirements import (
    ends_well,
    has_tasks,
    met,
    missed,
    nothing_blocks,
    nothing_unhandled,
    prints,
    requirement,
)
from weft.learn.running import Run

ALL = 64 * 65536
MOST = 4 * 65536
"""A transport asks for a pause above 64 KiB, and the piece that goes beyond may be as large again; and some air."""
LEAST_TAKEN = ALL // 2
"""Under way, in the relay, the readers and the system's buffers, there is room for a quarter of all at most."""
LOST = (
    "Bytes are missing: the relay closed before all was passed on. Read until read() returns nothing, and only then "
    "close the writer and wait until it is closed."
)
WITHOUT_END = (
    "write() never waits: it keeps what the system does not take. So the relay takes in whatever the source sends. "
    "After each write, await writer.drain(): it returns when little enough is waiting."
)
TOO_LATE = (
    "The relay waits for the reader only when it has taken in everything: too late. Wait after each write, so that "
    "it reads no more while the last piece still waits."
)
GUESSES = (
    "The relay sleeps, and so it guesses how fast the reader is; another one will be slower. Ask instead: await "
    "writer.drain() waits exactly as long as too much is waiting."
)
COLLECTS = (
    "Little waits in the transport, but the relay took in everything before it passed on the first byte: now it "
    "waits in a variable of yours. Read a piece, write it, wait, and only then read the next."
)


def waited_in(run: Run, name: str, place: str) -> int:
    """Return how often a task waited in a place, such as "drain"."""
    task = run.task(name)
    return 0 if task is None else sum(place in phase.detail for phase in task.phases)


@requirement("the relay waits for the reader, not for a time")
def no_guess(run: Run) -> Verdict:
    """Judge by where the relay waited."""
    times = waited_in(run, "relay", "sleep")
    if times:
        return missed(f"the relay sleeps {times} times", GUESSES)
    return met("it never sleeps")


@requirement(f"no more than {amount(MOST)} bytes wait in the relay's transport")
def little_waits(run: Run) -> Verdict:
    """Judge by what was noted whenever the reader took something."""
    sizes = [value for _, value in curves_of(run).get("bytes waiting", [])]
    if not sizes:
        return missed("nothing was noted: leave reads_slowly as it is")
    evidence = f"at most {amount(max(sizes))} bytes wait"
    if max(sizes) <= MOST:
        return met(evidence)
    has_drained = waited_in(run, "relay", "drain") > 0
    return missed(evidence, TOO_LATE if has_drained else WITHOUT_END)


@requirement("the source is held back: it ends when most has been taken")
def source_is_held_back(run: Run) -> Verdict:
    """Judge by how much the reader had taken when the source was done."""
    source = run.task("source")
    if source is None:
        return missed("there is no source")
    counts = [
        value
        for at, value in curves_of(run).get("bytes taken", [])
        if at <= source.end_ns
    ]
    taken = max(counts, default=0)
    evidence = f"when the source ends, {amount(taken)} of {amount(ALL)} bytes are taken"
    return met(evidence) if taken >= LEAST_TAKEN else missed(evidence, COLLECTS)


CHAPTER = Chapter(
    title="Pressure",
    idea="Whoever writes has to wait for whoever reads; or all that is between them piles up in memory.",
    minutes=10,
    prediction=Prediction(
        question="no_pressure.py writes 64 pieces of 64 KiB, 4 MiB in all, as fast as it can. The reader takes a "
        "piece every 10 ms. The system has room for a few pieces. Where are the others, before the reader takes them?",
        choices=[
            "nowhere: write() waits until there is room",
            "in the writer's own memory, nearly all of them",
            "lost: what the system cannot take is dropped",
        ],
        answer="b",
        because="write() is a plain call, not awaited: it cannot wait. And it must not lose anything. So it keeps "
        "what the system did not take, however much that is.",
    ),
    requirements=[
        ends_well(),
        prints(f"taken: {ALL} bytes", hint=LOST),
        has_tasks("source", "relay", "reader"),
        nothing_blocks(),
        no_guess,
        little_waits,
        source_is_held_back,
        nothing_unhandled(),
    ],
    question="With drain, a reader that stops reading stops the writer, for ever. Is that better than running out of "
    "memory? What would you do about a reader that has taken nothing for a minute?",
    programs=("no_pressure.py", "pressure.py"),
    also=("slow.py",),
    pictures=(Timelines(), Curves()),
)
