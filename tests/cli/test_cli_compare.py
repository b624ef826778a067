import os
import pty
import xml.etree.ElementTree as ElementTree

import pytest
from click.testing import Result

import weft as engine

TASKS = """
import asyncio
import weft

@weft.task
async def loom():
    await asyncio.sleep(0.005)
    return "loom"

@weft.task
async def train():
    await asyncio.sleep(0.005)
    return "train"

@weft.task(name="the river")
def river():
    return "river"
"""


def assert_misuse(result: Result, *words: str) -> None:
    """It exited with 2; its last line says why, and nothing was printed."""
    assert result.exit_code == 2
    assert result.stdout == ""
    last = result.stderr.strip().splitlines()[-1]
    for word in words:
        assert word in last


def rows(output: str) -> list[list[str]]:
    """The cells of the table's rows; a cell that goes over several lines is one again."""
    found: list[list[str]] = []
    for line in output.splitlines():
        if not line.startswith("│"):
            continue
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        if cells[1]:
            found.append(cells)
        else:
            found[-1] = [f"{above} {cell}".strip() for above, cell in zip(found[-1], cells, strict=True)]
    return found


# -- the command itself


def test_help_shows_the_commands(weft):
    result = weft("--help")

    assert result.returncode == 0
    for name in ("compare", "run", "figure"):
        assert f"\n  {name} " in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("name", ["compare", "run", "figure"])
def test_each_command_explains_itself(invoke, name):
    result = invoke(name, "-h")

    assert result.exit_code == 0
    assert f"Usage: weft {name} [OPTIONS]" in result.stdout


def test_the_version_names_the_build(weft):
    result = weft("--version")

    assert result.returncode == 0
    assert result.stdout == f"weft {engine.__version__}, {engine.BUILD} build\n"


def test_an_unknown_command_is_misuse(invoke):
    assert_misuse(invoke("wave"), "No such command 'wave'")


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_its_own_dependencies_it_says_what_to_install(start, write, environment, tmp_path, missing):
    write(
        "sitecustomize.py",
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {missing!r}:\n"
        f"            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)\n"
        "sys.meta_path.insert(0, Refuse())\n",
    )

    process = start("--help", env={"PYTHONPATH": str(tmp_path)})
    output, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert output == ""
    assert errors == f"weft: the command line needs {missing}, which is not installed: pip install 'weft[cli]'\n"


# -- comparing


def test_the_three_models_stand_in_a_table_above_the_figure_in_plain_text(weft, write):
    write("poems.py", TASKS)

    result = weft("compare", "poems.py", env={"COLUMNS": "90"})

    assert result.returncode == 0
    assert result.stderr == ""
    assert [(row[0], row[-1]) for row in rows(result.stdout)] == [
        ("one after another", "equal"),
        ("in threads", "equal"),
        ("interleaved", "equal"),
    ]
    assert [row[3] for row in rows(result.stdout)] == ["1", "3", "1"]
    assert "done after" in result.stdout
    assert "the river" in result.stdout
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("columns", [40, 77, 120])
def test_output_fits_the_width(invoke, write, monkeypatch, columns):
    write("poems.py", TASKS)
    monkeypatch.setenv("COLUMNS", str(columns))

    result = invoke("compare", "poems.py")

    assert result.exit_code == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= columns


def test_output_is_ascii_where_the_encoding_has_no_more(weft, write):
    write("poems.py", TASKS)

    result = weft("compare", "poems.py", env={"PYTHONIOENCODING": "ascii"})

    assert result.returncode == 0
    assert result.stdout.isascii()
    assert "done after" in result.stdout


def test_no_figure_leaves_the_table(invoke, write):
    write("poems.py", TASKS)

    result = invoke("compare", "poems.py", "--no-figure")

    assert result.exit_code == 0
    assert len(rows(result.stdout)) == 3
    assert "done after" not in result.stdout


@pytest.mark.parametrize("option", ["-m", "--model"])
def test_models_can_be_chosen(invoke, write, option):
    write("poems.py", TASKS)

    result = invoke("compare", "poems.py", "--no-figure", option, "interleaved", option, "sync")

    assert [row[0] for row in rows(result.stdout)] == ["interleaved", "one after another"]


@pytest.mark.parametrize("option", ["-t", "--task"])
def test_tasks_can_be_chosen_by_name(invoke, write, option):
    write("poems.py", TASKS)

    result = invoke("compare", "poems.py", "-m", "threads", option, "the river", option, "loom")

    assert result.exit_code == 0
    assert rows(result.stdout)[0][3] == "2"
    assert "the river" in result.stdout
    assert "train" not in result.stdout


def test_the_figure_can_be_written_as_svg(invoke, write, tmp_path):
    write("poems.py", TASKS)

    result = invoke("compare", "poems.py", "--no-figure", "--svg", "poems.svg")

    assert result.exit_code == 0
    assert result.stderr == "weft: wrote poems.svg\n"
    drawing = ElementTree.parse(tmp_path / "poems.svg").getroot()
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    text = " ".join(drawing.itertext())
    for words in ("One after another", "In threads", "Interleaved", "loom", "train", "the river"):
        assert words in text


def test_recordings_are_kept_one_a_model_and_each_can_be_drawn(invoke, write, tmp_path):
    write("poems.py", TASKS)

    result = invoke("compare", "poems.py", "--no-figure", "--record", "poems.weft")

    assert result.exit_code == 0
    kept = sorted(path.name for path in tmp_path.glob("*.weft"))
    assert kept == ["poems-interleaved.weft", "poems-sync.weft", "poems-threads.weft"]
    for name in kept:
        drawn = invoke("figure", name)
        assert drawn.exit_code == 0
        assert name.removesuffix(".weft") in drawn.stdout
        assert "the river" in drawn.stdout


def test_failing_tasks_are_told_and_exit_with_1(invoke, write):
    write(
        "failing.py",
        "def breaks(): raise ValueError('no [bold]poem[/bold]')\ndef works(): pass\ntasks=[breaks, works]\n",
    )

    result = invoke("compare", "failing.py", "--no-figure")

    assert result.exit_code == 1
    assert [row[-1] for row in rows(result.stdout)] == ["equal, 1 failed"] * 3
    assert "Interleaved: breaks raised ValueError: no [bold]poem[/bold]" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_results_that_differ_exit_with_1(invoke, write):
    write(
        "counting.py",
        "import itertools\ncount = itertools.count()\ndef counts(): return next(count)\ntasks = [counts]\n",
    )

    result = invoke("compare", "counting.py", "--no-figure")

    assert result.exit_code == 1
    assert [row[-1] for row in rows(result.stdout)] == ["equal", "DIFFERENT", "DIFFERENT"]
    assert "DIFFERENT: from the results of one after another" in result.stdout


def test_tasks_print_where_they_would_even_when_only_errors_go_to_a_terminal(start, write):
    write("prints.py", "def says(): print('said')\ntasks = [says]\n")
    terminal, errors = pty.openpty()

    process = start("compare", "prints.py", "--no-figure", stderr=errors)
    os.close(errors)
    output, _ = process.communicate(timeout=60)

    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert output.count("said\n") == 3
    assert shown.splitlines() == ["weft: one after another ...", "weft: in threads ...", "weft: interleaved ..."]


# -- what goes wrong


@pytest.mark.parametrize(
    "source, message",
    [
        ("import weft\n\n1 / 0\n", "broken.py raised ZeroDivisionError in line 3: division by zero"),
        ("def f():\n    raise OSError('gone')\nf()\n", "broken.py raised OSError in line 2: gone"),
        ("x = (\n", "broken.py raised SyntaxError in line 1: "),
        ("import sys\nsys.exit(0)\n", "broken.py raised SystemExit in line 2: 0"),
        ("import no_such_module\n", "broken.py raised ModuleNotFoundError in line 1: "),
        ("x = '\0'\n", "broken.py raised SyntaxError while it was loaded: "),
    ],
)
def test_a_file_that_raises_is_told_in_one_line_with_its_place(invoke, write, source, message):
    write("broken.py", source)

    result = invoke("compare", "broken.py")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"weft: {message}")


def test_a_syntax_error_in_a_sibling_is_not_given_the_files_line(invoke, write):
    write("sibling.py", "\n\n\nx = (\n")
    write("importer.py", "import weft\nimport sibling\n")

    result = invoke("compare", "importer.py")

    assert result.exit_code == 1
    assert "importer.py raised SyntaxError in line 2: " in result.stderr
    assert "(sibling.py, line 4)" in result.stderr


def test_a_task_that_exits_is_told(invoke, write):
    write("exiting.py", "import sys\ndef leaves(): sys.exit(0)\ntasks = [leaves]\n")

    result = invoke("compare", "exiting.py")

    assert result.exit_code == 1
    assert result.stderr == (
        "weft: a task ended with SystemExit(0), so nothing was compared; let it return instead\n"
    )


def test_a_file_that_is_not_there_is_misuse(invoke):
    assert_misuse(invoke("compare", "absent.py"), "absent.py: no such file")


@pytest.mark.parametrize(
    "source, words",
    [
        ("x = 1\n", "no task in it; mark the functions to compare with @weft.task"),
        ("tasks = [5]\n", "a task must be a function, not 5"),
        ("tasks = []\n", "there is no task to run"),
        ("tasks = 5\n", "tasks is 5, not a list"),
    ],
)
def test_a_file_without_proper_tasks_is_misuse_in_one_line(invoke, write, source, words):
    write("wrong.py", source)

    result = invoke("compare", "wrong.py")

    assert_misuse(result, "weft: wrong.py: ", words)
    assert len(result.stderr.splitlines()) == 1


def test_an_unknown_model_is_misuse_with_the_known_ones(invoke, write):
    write("poems.py", TASKS)

    result = invoke("compare", "poems.py", "-m", "fibres")

    assert_misuse(result, "there is no model 'fibres'; the models are sync, threads, interleaved")


def test_an_unknown_task_is_misuse_with_the_known_ones(invoke, write):
    write("poems.py", TASKS)

    assert_misuse(invoke("compare", "poems.py", "-t", "sea"), "no task 'sea'; its tasks are loom, train, the river")


def test_an_unknown_option_is_misuse(invoke, write):
    write("poems.py", TASKS)

    assert_misuse(invoke("compare", "poems.py", "--modle", "sync"), "No such option '--modle'")


@pytest.mark.parametrize("option", ["--svg", "--record"])
def test_an_output_that_cannot_be_is_refused_before_anything_runs(invoke, write, tmp_path, option):
    write("loud.py", "def says(): print('I ran')\ntasks = [says]\n")

    result = invoke("compare", "loud.py", option, "no/such/folder/out")

    assert_misuse(result, "cannot write no/such/folder/out: there is no folder no/such/folder")


def test_a_folder_as_output_is_refused(invoke, write, tmp_path):
    write("poems.py", TASKS)

    assert_misuse(invoke("compare", "poems.py", "--svg", str(tmp_path)), "is a directory")


def test_an_output_that_turns_out_unwritable_is_told(invoke, write):
    write("vanishing.py", "import shutil\ndef f(): shutil.rmtree('out', ignore_errors=True)\ntasks = [f]\n")
    write("out/keep", "")

    result = invoke("compare", "vanishing.py", "--no-figure", "--svg", "out/poems.svg")

    assert result.exit_code == 2
    assert result.stderr == (
        "weft: cannot write the figure to out/poems.svg: No such file or directory; name another file\n"
    )


@pytest.mark.parametrize("model", ["sync", "threads", "interleaved"])
@pytest.mark.parametrize(
    "wait",
    [
        "async def waits():\n    say()\n    await asyncio.Event().wait()\n",
        "def waits():\n    say()\n    Event().wait()\n",
    ],
)
def test_ctrl_c_ends_a_comparison_in_one_line(start, interrupt, write, model, wait):
    write(
        "waiting.py",
        "import asyncio\nfrom threading import Event\ndef say(): print('ready', flush=True)\n"
        f"{wait}tasks = [waits]\n",
    )
    process = start("compare", "waiting.py", "-m", model)

    output, errors = interrupt(process)

    assert process.returncode == 130
    assert output == ""
    assert errors == "weft: interrupted\n"
