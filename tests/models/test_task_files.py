import sys
import types

import pytest

import weft
from weft.errors import TaskFileError
from weft.models import load_tasks


def names(functions) -> list[str]:
    return [function.__name__ for function in functions]


def test_marked_functions_come_in_the_order_of_the_file(write_file):
    path = write_file(
        "order_tasks.py",
        "import weft\n"
        "@weft.task\n"
        "async def train(): return 't'\n"
        "def helper(): pass\n"
        "@weft.task(name='the loom')\n"
        "def loom(): return 'l'\n"
        "@weft.task\n"
        "def river(): return 'r'\n",
    )

    functions = load_tasks(path)

    assert names(functions) == ["train", "loom", "river"]
    assert weft.compare(functions, "sync").runs[0].results == ["t", "l", "r"]
    assert weft.compare(functions, "sync").runs[0].names == ["train", "the loom", "river"]


def test_a_path_may_be_text(write_file):
    path = write_file("text_tasks.py", "import weft\n@weft.task\ndef work(): pass\n")

    assert names(load_tasks(str(path))) == ["work"]


def test_marked_functions_of_other_modules_do_not_count(write_file):
    write_file("other_tasks.py", "import weft\n@weft.task\ndef foreign(): pass\n")
    path = write_file(
        "importing_tasks.py", "import weft\nfrom other_tasks import foreign\n@weft.task\ndef own(): pass\n"
    )

    assert names(load_tasks(path)) == ["own"]


def test_without_a_marked_function_the_list_tasks_counts(write_file):
    path = write_file(
        "listed_tasks.py",
        "import functools\ndef work(n=1): return n\ntasks = (functools.partial(work, n) for n in (3, 4))\n",
    )

    functions = load_tasks(path)

    assert weft.compare(functions, "sync").runs[0].results == [3, 4]


def test_marked_functions_go_before_the_list(write_file):
    path = write_file(
        "both_tasks.py", "import weft\n@weft.task\ndef marked(): pass\ndef listed(): pass\ntasks = [listed]\n"
    )

    assert names(load_tasks(path)) == ["marked"]


def test_a_file_with_neither_is_refused_with_what_to_write(write_file):
    path = write_file("no_tasks.py", "def work(): pass\n")

    with pytest.raises(TaskFileError, match=r"no_tasks\.py: no task in it; .*@weft\.task.*tasks = \["):
        load_tasks(path)


@pytest.mark.parametrize(
    "listed, complaint",
    [
        ("[5]", "a task must be a function, not 5"),
        ("[lambda n: n]", "cannot be called with nothing"),
        ("[]", "there is no task to run"),
        ("5", "tasks is 5, not a list"),
    ],
)
def test_a_wrong_list_is_refused_with_the_files_name(write_file, listed, complaint):
    path = write_file("wrong_tasks.py", f"tasks = {listed}\n")

    with pytest.raises(TaskFileError, match=rf"wrong_tasks\.py: .*{complaint}"):
        load_tasks(path)


def test_a_marked_function_that_needs_arguments_is_refused(write_file):
    path = write_file("needy_tasks.py", "import weft\n@weft.task\ndef work(n): pass\n")

    with pytest.raises(TaskFileError, match=r"needy_tasks\.py: the task work cannot be called with nothing"):
        load_tasks(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(TaskFileError, match=r"absent\.py: no such file"):
        load_tasks(tmp_path / "absent.py")


def test_a_file_that_is_not_python_is_refused(write_file):
    path = write_file("poem.txt", "The loom\n")

    with pytest.raises(TaskFileError, match=r"poem\.txt: not a Python file; its name must end in \.py"):
        load_tasks(path)


def test_a_file_imports_its_siblings(write_file):
    write_file("sibling_of_tasks.py", "WORD = 'sibling'\n")
    path = write_file(
        "family_tasks.py", "import sibling_of_tasks\ndef work(): return sibling_of_tasks.WORD\ntasks = [work]\n"
    )

    functions = load_tasks(path)

    assert functions[0]() == "sibling"


@pytest.mark.parametrize("statement, error", [("1 / 0", ZeroDivisionError), ("import sys; sys.exit(5)", SystemExit)])
def test_what_a_file_raises_passes_through_and_the_module_is_forgotten(write_file, statement, error):
    path = write_file("raising_tasks.py", f"{statement}\n")

    with pytest.raises(error):
        load_tasks(path)

    assert "raising_tasks" not in sys.modules


def test_a_file_that_raises_leaves_the_module_of_its_name_in_place(write_file, monkeypatch):
    module = types.ModuleType("taken_name")
    monkeypatch.setitem(sys.modules, "taken_name", module)
    path = write_file("taken_name.py", "1 / 0\n")

    with pytest.raises(ZeroDivisionError):
        load_tasks(path)

    assert sys.modules["taken_name"] is module
