"""Chapter 14: what it asks, before the run and of the exercise."""

from weft.learn.chapter import Chapter, Prediction, Verdict
from weft.learn.requirements import (
    IN_TURN,
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

NAMES = ("moon", "tide", "snow")
NO_TWISTED = "This chapter needs Twisted, and it is not installed here, or too old: pip install --upgrade 'weft[twisted]'"
NOT_WAITED = (
    "A Deferred is a promise of an answer, not the answer. Make it a future, await answer.asFuture(loop), where loop "
    "is asyncio.get_running_loop()."
)
UNHEARD = (
    "An answer is missing: the library's LookupError stayed in its Deferred, where nobody looked. Await the Deferred "
    "as a future, and the error is raised where you wait."
)
POLLS = (
    "The task looks again and again whether its answer is there. A Deferred can tell you: deferred.asFuture(loop) is "
    "a future that you await once, for as long as it takes."
)
MOST_WAITS = 5
ENDS = ends_well()


@requirement(ENDS.asked)
def it_ends(run: Run) -> Verdict:
    """Judge how it ends; without Twisted nothing can be judged."""
    verdict = ENDS.judge(run)
    raised = run.exception
    is_missing = raised is not None and raised.type in (
        "ModuleNotFoundError",
        "TwistedError",
    )
    if raised is not None and is_missing and "wisted" in raised.message:
        return missed(verdict.evidence, NO_TWISTED)
    return verdict


@requirement("a task waits once for its answer")
def waits_once(run: Run) -> Verdict:
    """Judge by how often each task slept."""
    sleeps = {
        task.name: sum("sleep" in phase.detail for phase in task.phases)
        for task in run.timeline.tasks
        if task.name in NAMES
    }
    most = max(sleeps.values(), default=0)
    if most > MOST_WAITS:
        return missed(f"one of them sleeps {most} times", POLLS)
    return met("none of them sleeps")


CHAPTER = Chapter(
    title="Twisted and asyncio",
    idea="Twisted and asyncio say the same with other words; on one loop, old code and new code live together.",
    minutes=12,
    prediction=Prediction(
        question="In both.py a Twisted protocol hears one poem, and asyncio's streams another, at the same time. What "
        "runs them?",
        choices=[
            "one loop, in one thread",
            "two loops, that take turns in one thread",
            "two loops, each in a thread of its own",
        ],
        answer="a",
        because="A reactor is a loop under another name. Weft's reactor is the asyncio loop that runs already, spoken "
        "to in Twisted's words.",
    ),
    requirements=[
        it_ends,
        prints("moon: full on Friday", "tide: high at six", hint=NOT_WAITED),
        prints("snow: sorry, nothing about the snow", hint=UNHEARD),
        has_tasks(*NAMES, hint=IN_TURN),
        waits_once,
        waits_overlap(*NAMES),
        done_when_the_slowest_is(*NAMES),
        one_thread(),
        nothing_blocks(),
        nothing_unhandled(),
    ],
    question="The task “old way” is cancelled while it waits for the Deferred. What should become of the Deferred, "
    "and of the connection behind it? Try it: task.cancel() after 0.2 s. Who has to close what?",
    programs=("old.py", "both.py"),
    also=("listener.py", "almanac.py"),
)
