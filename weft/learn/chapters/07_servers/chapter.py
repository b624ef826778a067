"""Chapter 7: what it asks, before the run and of the exercise."""

from weft.figures import wording
from weft.learn.chapter import Chapter, Prediction, Requirement, Verdict
from weft.learn.requirements import (
    done_when_the_slowest_is,
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

ANSWERS = {"Ada": "RIVER", "Ben": "RIVER", "Dora": "LOOM", "Cleo": "RIVER"}
NOT_KEPT = (
    "The proxy asks anew for what it has been told already. Keep what comes of a question in a dictionary, by its "
    "text, and look there first."
)
UNDER_WAY = (
    "Ben asks while Ada's question is under way, and the answer is not in the cache yet, so the service is asked "
    "again. Note the question as soon as you have asked it: the Deferred is there at once."
)
SHARED = (
    "Two who add callbacks to one Deferred share one chain: what the first callback returns is the value for the "
    "second, and send_string returns None. A callback that only looks at a value has to return it."
)
UNANSWERED = "A reader has waited in vain: every question has to be answered, on the connection that it came from."


def asked_once(text: str) -> Requirement:
    """Ask that the service was asked for a text once."""

    @requirement(f"the service is asked for the {text} once")
    def judge(run: Run) -> Verdict:
        count = sum(task.name.endswith(f", {text}") for task in run.timeline.tasks)
        evidence = f"it is asked {wording.count(count, 'time')}"
        if count == 1:
            return met(evidence)
        return missed(
            evidence,
            UNANSWERED if not count else UNDER_WAY if count == 2 else NOT_KEPT,
        )

    return judge


@requirement("every reader gets the answer")
def answers_all(run: Run) -> Verdict:
    """Judge by what the readers print; a failure that nobody handled tells which mistake it is."""
    missing = [
        name for name, text in ANSWERS.items() if f"{name}: {text}" not in run.lines
    ]
    if not missing:
        return met(f"{len(ANSWERS)} of {len(ANSWERS)} have it")
    return missed(
        f"without an answer: {', '.join(missing)}",
        SHARED if run.unhandled else UNANSWERED,
    )


CHAPTER = Chapter(
    title="Servers",
    idea="A server is a protocol for whoever comes; whether an answer is there or is still to come need not matter.",
    minutes=15,
    prediction=Prediction(
        question="In cache.py the second question is for the same text. look_up returns the answer itself, and "
        "maybe_deferred makes a Deferred of it that has fired already. The callback is added after that. What comes "
        "of it?",
        choices=[
            "nothing: the Deferred has fired before anybody listened, so the answer is lost",
            "answer is called at once, before “ready for more” is printed",
            "answer is called in the next turn of the loop, after “ready for more” is printed",
        ],
        answer="b",
        because="A callback that is added to a Deferred with a result is called there and then. Nobody has to know "
        "whether it has fired.",
    ),
    requirements=[
        ends_well(),
        asked_once("river"),
        asked_once("loom"),
        answers_all,
        prints(*(f"{name}: {text}" for name, text in ANSWERS.items())),
        nothing_unhandled(),
        has_tasks(*ANSWERS),
        one_thread(),
        nothing_blocks(),
        waits_overlap("Ada", "Ben", "Dora"),
        done_when_the_slowest_is("Ada", "Ben", "Dora"),
    ],
    question="Suppose that the service fails for a text, once, because it is being restarted. What does your proxy"
    " answer to those who ask for it afterwards? What should it keep, and for how long?",
    programs=("no_cache.py", "cache.py"),
    also=("poetry_server.py", "translation.py", "readers.py"),
)
