"""Chapter 1: what it asks, before the run and of the exercise."""

from weft.learn.chapter import Chapter, Prediction
from weft.learn.requirements import (
    done_when_the_slowest_is,
    ends_well,
    nothing_blocks,
    one_thread,
    prints,
    waits_overlap,
)

CHAPTER = Chapter(
    title="Three models",
    idea="A task that waits need not keep a thread waiting with it.",
    minutes=10,
    prediction=Prediction(
        question="The three poems take 0.4, 0.2 and 0.3 seconds. How long will each of the three programs take?",
        choices=[
            "one after another 0.9 s, in threads 0.4 s, interleaved 0.4 s",
            "one after another 0.9 s, in threads 0.4 s, interleaved 0.9 s: one thread cannot wait for three things",
            "one after another 0.9 s, in threads 0.3 s, interleaved 0.9 s: threads share the work evenly",
        ],
        answer="a",
        because="Waiting is no work. One thread can wait for a hundred things at once, if none of them holds it.",
    ),
    requirements=[
        ends_well(),
        prints(
            "the harbour library has it",
            "the hill library has it",
            "the station library has it",
            in_order=True,
        ),
        one_thread(),
        nothing_blocks(),
        waits_overlap(least=3),
        done_when_the_slowest_is(least=3),
    ],
    question="Suppose that each poem also had to be translated when it is there, and that this is 0.3 seconds of "
    "computing. Which of the three programs would be done first now, and what would its picture look like?",
    programs=("one_after_another.py", "in_threads.py", "interleaved.py"),
)
