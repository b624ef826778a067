"""`weft learn` as a learner uses it: a process of its own, in a folder that is empty at first."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from weft.learn.chapter import chapter, chapters
from weft.learn.course import FILE

TIMEOUT_S = 120
Learn = Callable[..., "subprocess.CompletedProcess[str]"]
FIRST = chapter(1)
WRONG = {path.stem: path for path in FIRST.wrong}


@pytest.fixture
def environment() -> dict[str, str]:
    away = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TERM", "PYTHONPATH", "PYTHONSAFEPATH")
    kept = {key: value for key, value in os.environ.items() if key not in away}
    return kept | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "100"}


@pytest.fixture
def learn(tmp_path: Path, environment: dict[str, str]) -> Learn:
    """Run `python -m weft learn` with arguments, in a folder of the test's own."""

    def learn(*arguments: str, cwd: Path = tmp_path, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "weft", "learn", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=cwd,
            env=environment | env,
            timeout=TIMEOUT_S,
        )

    return learn


def plain(text: str) -> str:
    """Return a text with each stretch of white space as one space: lines are broken as wide as they may be."""
    return " ".join(text.split())


# -- the course, from an empty folder


def test_the_course_opens_with_its_chapters_and_the_next_step(learn, tmp_path):
    done = learn()

    assert (done.returncode, done.stderr) == (0, "")
    for each in chapters():
        assert each.title in done.stdout
        assert each.idea in plain(done.stdout)
    assert f"0 of {len(chapters())} chapters are done" in done.stdout
    assert "Next: weft learn read 1, then weft learn start 1" in done.stdout
    assert list(tmp_path.iterdir()) == [], "looking at the course writes nothing"


def test_a_learner_starts_runs_does_it_wrong_twice_and_then_right(learn, tmp_path):
    started = learn("start", "1")
    assert started.returncode == 0
    assert {path.name for path in (tmp_path / "01_models").iterdir()} == set(FIRST.files)
    assert "Next: weft learn run 1" in started.stdout

    ran = learn("run", "1", "--guess", "b", "--svg", "run.svg")
    assert ran.returncode == 0, ran.stderr
    assert FIRST.prediction.question[:40] in plain(ran.stdout)
    assert "You predicted b. It is a. Waiting is no work." in plain(ran.stdout)
    assert "one after another" in ran.stdout
    assert "train is there\nriver is there\nloom is there" in ran.stdout
    assert ElementTree.parse(tmp_path / "run.svg").getroot().tag.endswith("svg")

    exercise = tmp_path / "01_models" / "exercise.py"
    for name, hint in (
        ("sleeps_in_the_loop", "A call in one task sleeps and holds the only thread"),
        ("awaits_one_by_one", "One task does it all"),
    ):
        shutil.copy(WRONG[name], exercise)
        wrong = learn("check", "1", "--svg", "check.svg")
        assert wrong.returncode == 1, wrong.stderr
        assert f"Hint: {hint}" in plain(wrong.stdout)
        assert "Yours" in wrong.stdout
        assert "Expected" in wrong.stdout
        assert "✗" in wrong.stdout
        faded = [node for node in ElementTree.parse(tmp_path / "check.svg").iter() if node.get("class") == "faded"]
        assert len(faded) == 1, "the picture that was expected is grey"

    shutil.copy(FIRST.original("solution.py"), exercise)
    right = learn("check", "1")
    assert right.returncode == 0, right.stdout
    assert "✗" not in right.stdout
    assert "All of it holds. To think about: Suppose that each poem" in plain(right.stdout)

    overview = learn()
    assert f"1 of {len(chapters())} chapters are done" in overview.stdout
    assert "done" in overview.stdout.splitlines()[2]
    standing = json.loads((tmp_path / FILE).read_text())["chapters"]["01_models"]
    assert standing == {"state": "passed", "tries": 3, "guess": "b"}


def test_a_learner_may_stand_in_the_chapters_folder(learn, tmp_path):
    learn("start", "2")

    done = learn("run", "2", "two_listeners.py", cwd=tmp_path / "02_slow_poetry")

    assert done.returncode == 0, done.stderr
    assert "Ada has heard 4 lines" in done.stdout


def test_the_text_of_a_chapter_names_the_commands(learn):
    done = learn("read", "1")

    assert done.returncode == 0
    assert "Three models" in done.stdout
    assert "weft learn run 1" in done.stdout
    assert "weft learn check 1" in done.stdout
    assert "[[" not in done.stdout


def test_the_solution_is_shown_as_it_is(learn):
    done = learn("solution", "1")

    assert (done.returncode, done.stdout) == (0, FIRST.original("solution.py").read_text())


def test_help_teaches_the_way_through_a_chapter(learn):
    done = learn("--help")

    assert done.returncode == 0
    for command in ("read 1", "start 1", "run 1", "check 1", "solution 1"):
        assert f"weft learn {command}" in done.stdout


# -- a learner's files are the learner's


def test_starting_again_keeps_what_is_there(learn, tmp_path):
    learn("start", "1")
    exercise = tmp_path / "01_models" / "exercise.py"
    exercise.write_text("print('mine')\n")
    (tmp_path / "01_models" / "interleaved.py").unlink()

    done = learn("start", "1")

    assert done.returncode == 0
    assert exercise.read_text() == "print('mine')\n"
    assert "01_models/exercise.py is there already and stays as it is" in done.stdout
    assert "wrote 01_models/interleaved.py" in done.stdout


def test_starting_again_on_purpose_renames_what_was_changed(learn, tmp_path):
    learn("start", "1")
    folder = tmp_path / "01_models"
    for words in ("first", "second"):
        (folder / "exercise.py").write_text(words)
        done = learn("start", "1", "--again")
        assert done.returncode == 0

    assert (folder / "exercise.py").read_text() == FIRST.original("exercise.py").read_text()
    assert (folder / "exercise-1.py").read_text() == "first"
    assert (folder / "exercise-2.py").read_text() == "second"
    assert "kept your 01_models/exercise.py as exercise-2.py" in done.stdout
    assert "wrote 01_models/interleaved.py" not in done.stdout, "what was not changed is not written anew"


# -- predictions


def test_without_a_terminal_the_question_is_printed_and_nothing_waits(learn):
    learn("start", "2")

    done = learn("run", "2")

    assert done.returncode == 0
    assert "First, your prediction." in done.stdout
    assert "It is c. The order of the program" in plain(done.stdout)


def test_a_guess_is_asked_for_once(learn):
    learn("start", "2")
    learn("run", "2", "--guess", "a")

    again = learn("run", "2")

    assert "prediction" not in again.stdout


def test_at_a_terminal_the_guess_is_asked_for_until_it_is_a_letter(tmp_path, environment, learn):
    learn("start", "2")
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "weft", "learn", "run", "2"]
    with subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, cwd=tmp_path, env=environment | {"TERM": "dumb"}
    ) as process:
        os.close(follower)
        said = talk(leader, {"Your guess": "z\n", "'z' is none of a, b, c": "c\n"})
        assert process.wait(TIMEOUT_S) == 0
    os.close(leader)
    assert "You predicted c, and so it is." in plain(said)


def talk(leader: int, answers: dict[str, str]) -> str:
    """Answer what a program at a terminal asks, in order; return all that it said."""
    said, left = "", dict(answers)
    while select.select([leader], [], [], TIMEOUT_S)[0]:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        said += piece.decode(errors="replace")
        for asked in list(left):
            if asked in said:
                os.write(leader, left.pop(asked).encode())
            break
    return said


# -- what goes wrong


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("read", "99"), rf"weft: there is no chapter 99; the chapters are 1 to {len(chapters())}"),
        (("run", "1"), r"weft: .*01_models is not there: weft learn start 1 makes it"),
        (("check", "1"), r"weft: .*01_models is not there: weft learn start 1 makes it"),
        (("check", "one"), r"Invalid value for 'CHAPTER': 'one' is not a valid integer"),
        (("--folder", "nowhere"), r"Directory 'nowhere' does not exist"),
    ],
)
def test_misuse_is_told_in_a_line_that_says_what_to_do(learn, arguments, message):
    done = learn(*arguments)

    assert done.returncode == 2
    assert re.search(message, plain(done.stderr)), done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_missing_is_named(learn, tmp_path):
    learn("start", "1")
    (tmp_path / "01_models" / "exercise.py").unlink()

    for arguments in (("check", "1"), ("run", "1", "exercise.py")):
        done = learn(*arguments)
        assert done.returncode == 2
        assert "exercise.py is not there; weft learn start 1 writes what is missing" in plain(done.stderr)


@pytest.mark.parametrize(
    "content", ["{", '{"version": 9, "chapters": {}}', '{"version": 1, "chapters": {"a": {"b": 1}}}']
)
def test_a_damaged_file_of_progress_is_refused_and_left_alone(learn, tmp_path, content):
    (tmp_path / FILE).write_text(content)

    done = learn()

    assert done.returncode == 2
    assert f"{FILE} is damaged" in done.stderr
    assert "mend it, or delete it: your programs stay" in plain(done.stderr)
    assert (tmp_path / FILE).read_text() == content


def test_a_folder_that_cannot_be_written_is_told(learn, tmp_path):
    (tmp_path / "01_models").write_text("a file where the folder should be")

    done = learn("start", "1")

    assert done.returncode == 2
    assert "weft: cannot write" in done.stderr
    assert not (tmp_path / FILE).exists()


def test_an_exercise_that_raises_shows_its_traceback(learn, tmp_path):
    learn("start", "1")
    (tmp_path / "01_models" / "exercise.py").write_text("print('so far')\n1 / 0\n")

    done = learn("check", "1", "--no-figure")

    assert done.returncode == 1
    assert "ZeroDivisionError in line 2: division by zero" in plain(done.stdout)
    assert "Hint: Mend what it raises first" in plain(done.stdout)
    assert "weft/learn" not in done.stdout, "the traceback begins in the learner's program"


def test_an_exercise_that_python_cannot_read_says_where(learn, tmp_path):
    learn("start", "1")
    (tmp_path / "01_models" / "exercise.py").write_text("def f(:\n    pass\n")

    done = learn("check", "1", "--no-figure")

    assert done.returncode == 1
    assert "SyntaxError in line 1" in plain(done.stdout)


def test_a_program_that_fails_is_drawn_and_gives_exit_code_1(learn, tmp_path):
    learn("start", "1")
    (tmp_path / "01_models" / "mine.py").write_text("import asyncio, weft\nweft.run(asyncio.sleep(0.05))\n1 / 0\n")

    done = learn("run", "1", "mine.py")

    assert done.returncode == 1
    assert "1 thread, 1 task" in done.stdout
    assert "ZeroDivisionError" in done.stderr


def test_a_terminal_without_utf_8_gets_plain_letters(learn, tmp_path):
    learn("start", "1")

    done = learn("check", "1", PYTHONIOENCODING="ascii")

    assert done.returncode == 1
    assert done.stdout.isascii()
    assert "-- " in done.stdout


# -- Ctrl-C, and processes


@pytest.fixture
def running(tmp_path: Path, environment: dict[str, str], learn: Learn) -> Iterator["subprocess.Popen[str]"]:
    """`weft learn run` of a program that says "ready", with a poet of its own, and then waits for ever."""
    learn("start", "1")
    (tmp_path / "01_models" / "mine.py").write_text(
        "import asyncio, os, weft\n"
        "from weft.learn import poets\n"
        "async def main():\n    await asyncio.sleep(3600)\n"
        "with poets(loom=3600):\n    print('ready', os.getpid(), flush=True)\n    weft.run(main())\n"
    )
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [sys.executable, "-m", "weft", "learn", "run", "1", "mine.py"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    ) as process:
        yield process
        process.kill()
    signal.signal(signal.SIGINT, before)


def child_of(process: "subprocess.Popen[str]") -> int:
    """Return the number of the learner's process, once it says that it is ready."""
    assert process.stdout is not None
    line = ""
    while not line.startswith("ready"):
        line = process.stdout.readline()
        assert line, "it ended before it was ready"
    return int(line.split()[1])


def wait_until_gone(group: int) -> None:
    """Wait until no process of a group is left."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    raise AssertionError(f"processes of group {group} are left")


def test_ctrl_c_ends_the_program_and_all_that_it_started(running):
    child = child_of(running)

    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=TIMEOUT_S)

    assert running.returncode == 130
    assert errors.splitlines()[-1] == "weft: interrupted"
    wait_until_gone(child)


def test_a_program_ends_when_whoever_started_it_is_gone(running):
    child = child_of(running)

    running.kill()

    wait_until_gone(child)
