"""Chapter 12: what it asks, before the run and of the exercise."""

from weft.learn.chapter import Chapter, Prediction, Verdict
from weft.learn.requirements import (
    ends_well,
    met,
    missed,
    ms,
    nothing_blocks,
    nothing_unhandled,
    prints,
    requirement,
)
from weft.learn.running import Run
from weft.record import events

WAITED = (
    "The loop really waited, and real time is what tests should not need. Use a ManualLoop: its clock goes when you "
    "move it, and a minute takes no time. Then nothing must be shortened."
)
IN_ONE_PIECE = (
    "The votes arrived as they were sent, which is what nobody promises: a stream may cut them anywhere. Let every "
    "byte arrive alone: connect_pair(..., Link(fragments=1))."
)
FOUND = (
    "Your test has found the mistake: the box takes each piece for a whole vote. Keep what has come until its line "
    "is complete, as the doorkeeper does."
)
NOT_BY_TIME = (
    "Nobody saw the minute pass: that send_away works says nothing about whether it is called, and when. Do not call "
    "it; move the clock, with loop.advance, and let the loop do so."
)
LEAST_PIECES = 16
"""As many as the three votes have bytes."""
MINUTE_NS = 60 * 10**9
ENDS = ends_well()


@requirement(ENDS.asked)
def it_ends(run: Run) -> Verdict:
    """Judge how it ends; a test that fails when the bytes come alone has found the mistake."""
    verdict = ENDS.judge(run)
    found = run.exception is not None and run.exception.type == "AssertionError"
    if found and run.calls.get("data_received", 0) >= LEAST_PIECES:
        return missed(verdict.evidence, FOUND)
    return verdict


def real_waits(run: Run) -> list[int]:
    """Return how long the loops waited, each time that they let a real moment come."""
    waits, begun = [], None
    for record in run.recording or ():
        if record.kind == events.WAIT_BEGIN:
            begun = record
        elif record.kind == events.WAIT_END and begun is not None:
            waited = record.time_ns - begun.time_ns
            if begun.value >= 10**7 and waited > 0.8 * begun.value:
                waits.append(waited)
    return waits


@requirement("no test waits in real time")
def no_real_time(run: Run) -> Verdict:
    """Judge by the loops' waits: whether one lasted as long as the loop said that it would."""
    waits = real_waits(run)
    if waits:
        return missed(f"a loop waited, once for {ms(max(waits))}", WAITED)
    return met("no loop let any real time pass")


@requirement("every byte of the votes arrives alone")
def in_pieces(run: Run) -> Verdict:
    """Judge by how often the protocol was given something."""
    count = run.calls.get("data_received", 0)
    evidence = f"data_received is called {count} times"
    return met(evidence) if count >= LEAST_PIECES else missed(evidence, IN_ONE_PIECE)


@requirement("a minute passes, and the loop's timer calls send_away")
def by_time(run: Run) -> Verdict:
    """Judge by the timers that fired: whether one that was due after a minute made the ballot take a step."""
    due: dict[int, int] = {}
    fired = 0
    for record in run.recording or ():
        if record.kind == events.TIMER_MADE:
            due[record.number] = record.value
        elif record.kind == events.TIMER_FIRED:
            fired = due.get(record.number, 0)
        elif record.kind == events.CALL_END:
            fired = 0
        elif record.kind == events.STEP_BEGIN and fired >= MINUTE_NS:
            return met(f"a timer that was due at {ms(fired)} on the loop's clock calls")
    return missed("no timer of a minute called the box", NOT_BY_TIME)


CHAPTER = Chapter(
    title="Testing",
    idea="A protocol is only called: so a test can be the one who calls, in whatever pieces and at whatever time.",
    minutes=12,
    prediction=Prediction(
        question="by_hand.py keeps the doorkeeper's patience of 60 seconds, and the test says loop.advance(59), then "
        "loop.advance(1). How long does that take, and what does the doorkeeper do?",
        choices=[
            "a minute; then it sends the visitor away",
            "no time; and it does nothing, since no minute has passed",
            "no time; and it sends the visitor away at the second call",
        ],
        answer="c",
        because="The doorkeeper never looked at a clock of its own: it asked its loop to call it later. Whoever moves "
        "the loop's clock decides when later is.",
    ),
    requirements=[
        it_ends,
        prints("votes are counted", "who does not vote is sent away", in_order=True),
        nothing_blocks(hint=WAITED),
        no_real_time,
        in_pieces,
        by_time,
        nothing_unhandled(),
    ],
    question="The tests by hand have never seen a real socket. What could still be wrong with a doorkeeper that passes "
    "them? Which one test would you keep with a real connection?",
    programs=("real_time.py", "by_hand.py"),
    also=("doorkeeper.py",),
    watched=("data_received",),
)
