"""Chapter 4: what it asks, before the run and of the exercise."""

from weft.learn.chapter import Chapter, Prediction
from weft.learn.pictures import Timelines
from weft.learn.poetry import poem
from weft.learn.requirements import (
    done_when_the_slowest_is,
    ends_well,
    has_tasks,
    nothing_blocks,
    nothing_unhandled,
    one_thread,
    prints,
    waits_overlap,
)
from weft.learn.stacks import Stacks

POEMS = ("loom", "train", "river")
GOOD = [
    f"{name}: {len(poem(name).split())} words, all of them good"
    for name in ("loom", "river")
]
ESCAPED = (
    "An exception left a callback and came to the loop, which can do no more than report it. The lines after the "
    "call that raised were never reached. Catch it in the callback: only there one knows what to do."
)
STOPPED = (
    "The loop was stopped while poems were still coming: stop() ends it for everybody. Keep count of those that are "
    "still to come, and stop it when there is none."
)
SWALLOWED = (
    "The refusal was caught, and then nothing was done about it: whoever reads the output takes the poem for lost. "
    "Catch the exception that you expect, and print what it says."
)
WAITS = (
    "A callback waits, and it was the loop that called it: until it returns, nobody else is called. Do not wait in a "
    "callback; take what has come and return, and you are called again when there is more."
)

CHAPTER = Chapter(
    title="Callbacks",
    idea="Do not call and wait; say what is to be called, and return.",
    minutes=12,
    prediction=Prediction(
        question="In raises.py, data_received of the loom raises ValueError when the word “wait” comes, in the third "
        "line. Nothing catches it. What happens to the three poems?",
        choices=[
            "run_forever raises the ValueError, and the program ends there: all three are cut short",
            "the exception is reported, and everything goes on: the loom's poem, too, is complete",
            "the exception is reported, the loom's connection ends, and the other two are complete",
        ],
        answer="c",
        because="The loop called data_received, so the exception comes to the loop. It must not end because one of "
        "many failed: it reports the exception, gives up that connection and tells its protocol so.",
    ),
    requirements=[
        nothing_unhandled(hint=ESCAPED),
        ends_well(),
        prints(*GOOD, hint=STOPPED),
        prints("train: refused: always this lateness", hint=SWALLOWED),
        has_tasks(*POEMS),
        one_thread(),
        nothing_blocks(hint=WAITS),
        waits_overlap(*POEMS),
        done_when_the_slowest_is(*POEMS),
    ],
    question="connection_lost is the last that a protocol hears. Suppose that it needed the poem of another one, "
    "which may have come already, or may come later. What would its code look like, with callbacks alone?",
    programs=("program.py", "raises.py"),
    reporting=("raises.py",),
    pictures=(Timelines(), Stacks()),
    interpreted=True,
    limit_s=8.0,
)
