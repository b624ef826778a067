"""Chapter 9: what it asks, before the run and of the exercise."""

from weft.figures import wording
from weft.learn.chapter import Chapter, Prediction, Verdict
from weft.learn.requirements import (
    ends_well,
    met,
    missed,
    nothing_blocks,
    nothing_unhandled,
    one_thread,
    prints,
    requirement,
)
from weft.learn.running import Run
from weft.record import Task

PAGES = range(1, 9)
PLACES = 3
TEXTS = [f"page {page}: the text of page {page}" for page in PAGES if page != 5]
ONE_BY_ONE = (
    "It asks for a page when the one before it is there. Make several tasks before you wait: in a TaskGroup, say, or "
    "let weft.parallel do it."
)
TOO_MANY = (
    "More pages are under way than the library allows. The limit has to hold from the question to its answer: take "
    "the semaphore within each task, around the await, and not around what makes the tasks."
)
BATCHES = (
    "It takes three pages and waits until all three are there, so two places stay empty while a slow page is copied. "
    "Let each place take the next page as soon as it is free: a semaphore does it, or weft.parallel."
)
SPOILT = (
    "One page is torn out, and its failure ends all the others. If you can go on without that page, catch its "
    "LookupError where it is copied, in a task of its own."
)


def copies(run: Run) -> list[Task]:
    """Return the pages that were asked for, in the order in which they were begun."""
    found = (run.task(f"page {page}") for page in PAGES)
    return sorted((task for task in found if task), key=lambda task: task.begin_ns)


def most_at_once(tasks: list[Task]) -> int:
    """Return how many of the tasks were under way at once, at most."""
    changes = sorted(
        change for task in tasks for change in ((task.begin_ns, 1), (task.end_ns, -1))
    )
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


@requirement(f"never more than {PLACES} pages are under way")
def within_the_limit(run: Run) -> Verdict:
    """Judge by the pages' own rails, which the library makes."""
    most = most_at_once(copies(run))
    evidence = f"{most} at once, at most"
    return met(evidence) if most <= PLACES else missed(evidence, TOO_MANY)


@requirement("several are under way at once")
def several(run: Run) -> Verdict:
    """Judge whether it asked for one after another."""
    most = most_at_once(copies(run))
    if most == PLACES:
        return met(f"{PLACES} at once")
    return missed(f"{wording.count(most, 'page')} at once, at most", ONE_BY_ONE)


@requirement("one page that is torn out spoils no other")
def none_is_spoilt(run: Run) -> Verdict:
    """Judge by how many pages the library has finished with, and whether the failure ended the program."""
    done = run.calls.get("library.end", 0)
    evidence = f"{done} of {len(PAGES)} pages were copied to their end"
    is_lost = run.exception is not None and not run.is_over_time
    return missed(evidence, SPOILT) if is_lost or done < len(PAGES) else met(evidence)


@requirement("a place that is free takes the next page at once")
def places_are_used(run: Run) -> Verdict:
    """Judge by how many pages are begun while page 1, which is slow, is copied."""
    slow = run.task("page 1")
    if slow is None:
        return missed("page 1 was not asked for")
    begun = sum(task.begin_ns < slow.end_ns for task in copies(run)) - 1
    evidence = f"while page 1 is copied, {wording.count(begun, 'other page')} are begun"
    return met(evidence) if begun >= PLACES else missed(evidence, BATCHES)


CHAPTER = Chapter(
    title="Many at once",
    idea="Say how many may be under way, and what you wait for: all of them, the first, or each in its turn.",
    minutes=12,
    prediction=Prediction(
        question="The poems take 0.5, 0.1, 0.2 and 0.3 seconds, in this order. When is two_at_a_time.py done?",
        choices=[
            "after 0.5 s, when the slowest is",
            "after 0.6 s: whenever one is there, the next begins",
            "after 0.8 s: two, and when both are there the other two",
        ],
        answer="b",
        because="The loom keeps one place for 0.5 s. The other place takes the train, the river and the snow, one "
        "after another: 0.1 + 0.2 + 0.3 s.",
    ),
    requirements=[
        none_is_spoilt,
        within_the_limit,
        several,
        ends_well(),
        places_are_used,
        prints(*TEXTS[:4], "page 5: torn out", *TEXTS[4:], in_order=True),
        nothing_unhandled(),
        one_thread(),
        nothing_blocks(),
    ],
    question="Where does a program's limit come from? Think of a server's memory, of the other side's patience, of"
    " the number of files that a system lets you open. And who waits, when more than that is asked of "
    "you?",
    programs=("all_of_them.py", "the_first.py", "two_at_a_time.py"),
    also=("slow.py", "one_fails.py", "library.py"),
    watched=("library.end",),
)
