"""Every chapter: its programs run, its solution passes, its typical wrong answers fail with exactly their hints."""

import ast
import re
from pathlib import Path

import pytest

from weft.learn import pages
from weft.learn.chapter import FOLDER, Chapter, NoSuchChapterError, chapter, chapters
from weft.learn.grading import grade
from weft.learn.running import Raised, Run

from .runs import programs, runs_of

CHAPTERS = [pytest.param(found, id=found.name) for found in chapters()]
PROGRAMS = [pytest.param(found, name, id=f"{found.name}-{name}") for found in chapters() for name in programs(found)]
WRONG = [pytest.param(found, path, id=f"{found.name}-{path.stem}") for found in chapters() for path in found.wrong]


def hint_of(path: Path) -> str:
    """Return the hint that a wrong answer says it must get."""
    told = ast.get_docstring(ast.parse(path.read_text())) or ""
    said = re.search(r"^Hint: (.*)\Z", told, re.MULTILINE | re.DOTALL)
    assert said, f"{path}: end its docstring with a paragraph 'Hint: ' and the hint that it must get"
    return " ".join(said[1].split())


def told(graded) -> str:
    """Return what a grade says, for the message of a test that fails."""
    lines = [f"{verdict.holds} {asked.asked}: {verdict.evidence}" for asked, verdict in graded.verdicts]
    return "\n".join([*lines, graded.hint, graded.run.errors])


def test_chapters_are_numbered_from_one():
    assert [found.number for found in chapters()] == list(range(1, len(chapters()) + 1))
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert folders == {found.name for found in chapters()}


def test_a_chapter_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(NoSuchChapterError, match=f"no chapter 99; the chapters are 1 to {len(chapters())}"):
        chapter(99)


@pytest.mark.parametrize("found, name", PROGRAMS)
def test_a_program_runs_and_is_drawn(found: Chapter, name: str):
    run = runs_of(found).of(name)

    assert (run.exit_code, run.is_over_time) == (0, False), run.errors
    assert (run.errors != "") == (name in found.reporting), run.errors
    assert run.timeline.tasks or run.timeline.slices or run.stacks or run.chains, (
        "there is nothing to draw: mark it with @drawn"
    )


@pytest.mark.parametrize("found, name", PROGRAMS)
def test_a_program_runs_under_plain_python(found: Chapter, name: str):
    done = runs_of(found).plainly(name)

    assert done.returncode == 0, done.stderr
    assert (done.stderr != "") == (name in found.reporting), done.stderr


@pytest.mark.parametrize("found", CHAPTERS)
def test_the_solution_passes(found: Chapter):
    graded = grade(found, runs_of(found).of("solution.py"))

    assert graded.passes, told(graded)
    assert graded.hint == ""


@pytest.mark.parametrize("found", CHAPTERS)
def test_the_exercise_as_it_is_given_fails_with_a_hint(found: Chapter):
    graded = grade(found, runs_of(found).of("exercise.py"))

    assert not graded.passes
    assert graded.hint


@pytest.mark.parametrize("found, path", WRONG)
def test_a_typical_wrong_answer_fails_with_exactly_its_hint(found: Chapter, path: Path):
    graded = grade(found, runs_of(found).of(path.name))

    assert not graded.passes
    assert graded.hint == hint_of(path), told(graded)


@pytest.mark.parametrize("found", CHAPTERS)
def test_two_wrong_answers_have_hints_of_their_own(found: Chapter):
    hints = [hint_of(path) for path in found.wrong]

    assert len(hints) >= 2
    assert len(set(hints)) == len(hints)


@pytest.mark.parametrize("found", CHAPTERS)
def test_a_wrong_answer_that_prints_the_right_thing_fails(found: Chapter):
    right = sorted(runs_of(found).of("solution.py").lines)
    runs = [runs_of(found).of(path.name) for path in found.wrong]
    alike = [run for run in runs if sorted(run.lines) == right]

    assert alike, "one of wrong/*.py has to print what the solution prints, in the wrong way"


@pytest.mark.parametrize("found", CHAPTERS)
def test_the_text_asks_before_it_tells(found: Chapter):
    places = pages.places(found.text())

    once = ["predict", "run", "exercise", "question"]
    assert [place for place in places if place in once] == once
    assert places[-1] == "question"
    assert pages.for_terminal(found)


@pytest.mark.parametrize("found", CHAPTERS)
def test_the_prediction_has_its_answer_among_the_choices(found: Chapter):
    assert len(found.prediction.choices) >= 2
    assert found.prediction.answer in dict(pages.lettered(found))


@pytest.mark.parametrize("found", CHAPTERS)
def test_a_chapter_takes_five_to_fifteen_minutes(found: Chapter):
    assert 5 <= found.minutes <= 15


@pytest.mark.parametrize("found", CHAPTERS)
def test_what_a_learner_gets_is_there(found: Chapter):
    assert [name for name, path in found.files.items() if not path.is_file()] == []


def test_where_twisted_is_missing_its_chapter_says_what_to_install():
    [found] = [each for each in chapters() if each.name == "14_twisted_and_asyncio"]
    raised = Raised("ModuleNotFoundError", "No module named 'twisted'", 3, "<module>")

    graded = grade(found, Run(Path("exercise.py"), 1, "", "", 5.0, exception=raised))

    assert not graded.passes
    assert "pip install --upgrade 'weft[twisted]'" in graded.hint


def test_a_session_with_the_debugger_shows_a_turn_of_wefts_loop():
    found = chapter(3)

    session = pages.transcript(found, "one_turn.py", "one_turn.pdb")

    assert session.startswith("$ WEFT_PURE=1 python -m pdb one_turn.py\n> one_turn.py(1)<module>()\n")
    assert session.count("> weft/core/loop.py") >= 2
    assert "(Pdb) p self.ready.count, len(self.timers.heap), self.timeout_ns()\n(1, 1, 0)\n" in session
    assert "-> self.wait()" in session
    assert "Error" not in session


def test_a_text_that_asks_for_what_is_not_there_is_refused():
    with pytest.raises(pages.PageError, match=r"a text has \[\[nothing\]\], and only b can be filled in"):
        pages.filled("a\n[[nothing]]\n", {"b": str})
    with pytest.raises(pages.PageError, match="has no function or class 'absent'"):
        pages.code(chapter(1), "interleaved.py", "absent")
