"""Chapter 8: what it asks, before the run and of the exercise."""

from weft.learn.chapter import Chapter, Prediction, Verdict
from weft.learn.requirements import (
    done_when_the_slowest_is,
    ends_well,
    met,
    missed,
    ms,
    nothing_blocks,
    nothing_unhandled,
    one_thread,
    overlap_ns,
    prints,
    requirement,
    waits_overlap,
)
from weft.learn.running import Run

TITLES = ("Weaving", "Rivers", "Ghosts")
ASKED = {
    "Weaving": ["catalogue", "stacks"],
    "Rivers": ["catalogue", "stacks", "other library"],
    "Ghosts": ["catalogue"],
}
FORGOTTEN = (
    "The stacks are asked while the catalogue still looks: a call of find returns a Deferred at once, and without "
    "await you go on with that Deferred in place of the shelf. Write await before each call that returns one."
)
WIDE = (
    "An except catches what any await in its try raises. Only a book that is lent is ordered elsewhere; one that "
    "the catalogue does not know is not. Let the try hold the one await whose failure you mean, as the errback did."
)
NO_TASKS = "Write tell as a coroutine, and give it to create_task or a TaskGroup, with the title as the task's name."
IN_TURN = (
    "Awaiting one title after another makes the second wait for the first. The callbacks did not: all the titles "
    "were under way at once. Make a task for each title, all of them before you wait."
)


@requirement("the catalogue answers before the stacks are asked")
def awaits_the_shelf(run: Run) -> Verdict:
    """Judge by when each title's services began and ended."""
    for title in TITLES:
        catalogue = run.task(f"catalogue, for {title}")
        stacks = run.task(f"stacks, for {title}")
        if catalogue is not None and stacks is not None:
            early = catalogue.end_ns - stacks.begin_ns
            if early > 0:
                return missed(
                    f"for {title} the stacks are asked {ms(early)} too early", FORGOTTEN
                )
    return met("each answer is there before it is used")


@requirement("the library is asked the same things as before")
def asks_the_same(run: Run) -> Verdict:
    """Judge by the services that were asked, for each title."""
    for title, services in ASKED.items():
        asked = [
            task.name.partition(",")[0]
            for task in run.timeline.tasks
            if task.name.endswith(f", for {title}")
        ]
        if asked != services:
            hint = WIDE if "other library" in set(asked) - set(services) else ""
            return missed(f"for {title} it asks: {', '.join(asked) or 'nobody'}", hint)
    return met("for every title the same")


@requirement("each title is a task, and they are under way at once")
def has_tasks_at_once(run: Run) -> Verdict:
    """Judge by the titles' tasks; without them, whether the catalogue was asked for all at once."""
    missing = [title for title in TITLES if run.task(title) is None]
    if not missing:
        return met(f"tasks: {', '.join(TITLES)}")
    found = (run.task(f"catalogue, for {title}") for title in TITLES)
    looks = [task for task in found if task is not None]
    is_at_once = len(looks) == len(TITLES) and overlap_ns(looks) > 0
    return missed(f"no task: {', '.join(missing)}", NO_TASKS if is_at_once else IN_TURN)


CHAPTER = Chapter(
    title="Deferreds all the way down",
    idea="A coroutine is a chain of Deferreds, told from top to bottom.",
    minutes=15,
    prediction=Prediction(
        question="Each program asks the catalogue (0.2 s), then the stacks (0.3 s), where the book turns out to be "
        "lent, then the other library (0.2 s). How will the three recordings differ?",
        choices=[
            "nested.py is done first: its callbacks need no loop between them",
            "not in what is asked and when; only in who runs for a moment between two answers",
            "inline.py and coroutine.py hold the thread at each yield and await, since they wait there",
        ],
        answer="b",
        because="All three do the same thing: say what is to happen with an answer, and let go of the thread. They "
        "differ in how you write that down.",
    ),
    requirements=[
        ends_well(),
        awaits_the_shelf,
        asks_the_same,
        has_tasks_at_once,
        prints(
            "Weaving: our own Weaving",
            "Rivers: a borrowed Rivers",
            "Ghosts: sorry, nobody knows Ghosts",
        ),
        nothing_unhandled(),
        one_thread(),
        nothing_blocks(),
        waits_overlap(*TITLES, hint=IN_TURN),
        done_when_the_slowest_is(*TITLES, hint=IN_TURN),
    ],
    question="In a plain function, what you read at one line is still true at the next. In a coroutine, other "
    "tasks run at each await. Suppose that two readers look whether the last copy is there, await "
    "something, and then take it. What can happen, and where would you look for it?",
    programs=("nested.py", "inline.py", "coroutine.py"),
    also=("library.py", "tiny_inline.py"),
)
