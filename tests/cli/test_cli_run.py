import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

PROGRAM = """
import asyncio

async def fetch(poem):
    await asyncio.sleep(0.001)
    return poem

async def main():
    async with asyncio.TaskGroup() as group:
        for poem in ("loom", "train"):
            group.create_task(fetch(poem), name=f"the {poem}")
    print(type(asyncio.get_running_loop()).__module__, type(asyncio.get_running_loop()).__qualname__)

asyncio.run(main())
"""
RUNNERS = ("weft/cli.py", "weft/script.py", "weft/__main__.py", "runpy", "click", "importlib")


def svg_text(path: Path) -> str:
    root = ElementTree.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return "\n".join(root.itertext())


# -- as Python would run it


def test_a_programs_loop_is_wefts(weft, write):
    write(
        "program.py",
        "import asyncio, weft\n"
        "async def main(): print(type(asyncio.get_running_loop()) is weft.Loop)\n"
        "asyncio.run(main())\n",
    )

    result = weft("run", "program.py")

    assert (result.returncode, result.stdout, result.stderr) == (0, "True\n", "")


def test_every_usual_way_to_a_loop_gives_wefts(weft, write):
    write(
        "program.py",
        "import asyncio, weft\n"
        "async def kind(): return type(asyncio.get_running_loop())\n"
        "with asyncio.Runner() as runner: found = [runner.run(kind())]\n"
        "loop = asyncio.new_event_loop()\n"
        "found.append(loop.run_until_complete(kind()))\n"
        "loop.close()\n"
        "print(found == [weft.Loop] * 2)\n",
    )

    result = weft("run", "program.py")

    assert (result.returncode, result.stdout) == (0, "True\n")


def test_a_script_sees_what_python_would_show_it(weft, write, tmp_path):
    write("folder/sibling.py", "WORD = 'sibling'\n")
    write(
        "folder/script.py",
        "import sys, sibling\n"
        "print(__name__)\nprint(__file__)\nprint(sys.argv)\nprint(sys.path[0])\nprint(sibling.WORD)\n"
        "print('' in sys.path)\nprint(sys.modules['__main__'].__file__)\n",
    )

    result = weft("run", "folder/script.py", "one", "two")

    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "__main__",
        "folder/script.py",
        "['folder/script.py', 'one', 'two']",
        str(tmp_path / "folder"),
        "sibling",
        "False",
        "folder/script.py",
    ]


def test_the_folder_that_weft_is_run_in_is_not_on_the_scripts_path(weft, write):
    write("here.py", "")
    write("folder/script.py", "import here\n")

    result = weft("run", "folder/script.py")

    assert result.returncode == 1
    assert result.stderr.endswith("ModuleNotFoundError: No module named 'here'\n")


def test_what_follows_the_script_is_its_own(weft, write, tmp_path):
    write("script.py", "import sys\nprint(sys.argv[1:])\n")

    result = weft("run", "script.py", "--figure", "x.svg", "-m", "--", "--help", "-x")

    assert result.returncode == 0
    assert result.stdout == "['--figure', 'x.svg', '-m', '--', '--help', '-x']\n"
    assert not (tmp_path / "x.svg").exists()


def test_standard_input_and_output_are_untouched(weft, write):
    write("script.py", "import sys\nsys.stdout.write(sys.stdin.read().upper())\nsys.stderr.write('aside')\n")

    result = weft("run", "script.py", given="over and\nunder")

    assert (result.returncode, result.stdout, result.stderr) == (0, "OVER AND\nUNDER", "aside")


def test_a_module_runs_with_m(weft, write, tmp_path):
    write("package/__init__.py", "")
    write("package/near.py", "WORD = 'near'\n")
    write(
        "package/program.py",
        "import sys\nfrom .near import WORD\n"
        "print(__name__, WORD, sys.argv[1:])\nprint(sys.argv[0])\nprint(sys.path[0])\n",
    )

    result = weft("run", "-m", "package.program", "--show", "x")

    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "__main__ near ['--show', 'x']",
        str(tmp_path / "package" / "program.py"),
        str(tmp_path),
    ]


def test_a_package_runs_with_m_by_its_main(weft, write):
    write("package/__init__.py", "")
    write("package/__main__.py", "print(__name__, __package__)\n")

    result = weft("run", "-m", "package")

    assert (result.returncode, result.stdout) == (0, "__main__ package\n")


def test_a_module_of_this_folder_runs_when_weft_is_a_command_elsewhere(write, environment, tmp_path):
    write("bin/weft", "from weft.__main__ import main\nmain()\n")
    write("program.py", "print(__name__)\n")

    result = subprocess.run(
        [sys.executable, "bin/weft", "run", "-m", "program"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "__main__\n", "")


# -- how it ends


@pytest.mark.parametrize(
    "ending, code, errors",
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit('text')", 1, "text\n"),
        ("sys.exit(True)", 1, ""),
    ],
)
def test_an_exit_code_is_passed_on(weft, write, ending, code, errors):
    write("script.py", f"import sys\n{ending}\n")

    result = weft("run", "script.py")

    assert (result.returncode, result.stderr) == (code, errors)


def test_an_exit_code_is_passed_on_after_the_figure_was_written(weft, write, tmp_path):
    write("script.py", "import asyncio, sys\nasyncio.run(asyncio.sleep(0))\nsys.exit(3)\n")

    result = weft("run", "--figure", "out.svg", "script.py")

    assert (result.returncode, result.stderr) == (3, f"weft: wrote {tmp_path / 'out.svg'}\n")
    assert "sleep" in svg_text(tmp_path / "out.svg")


def test_a_program_that_exits_from_its_main_coroutine_exits_quietly(weft, write):
    write("script.py", "import asyncio, sys\nasync def main():\n    sys.exit(3)\nasyncio.run(main())\n")

    result = weft("run", "script.py")

    assert (result.returncode, result.stderr) == (3, "")


def test_an_exception_shows_the_scripts_own_traceback_only(weft, write):
    write(
        "script.py",
        "import asyncio\n"
        "async def main():\n    await fails()\n"
        "async def fails():\n    raise LookupError('no poem')\n"
        "asyncio.run(main())\n",
    )

    result = weft("run", "script.py")

    lines = result.stderr.splitlines()
    assert result.returncode == 1
    assert result.stdout == ""
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == '  File "script.py", line 6, in <module>'
    assert lines[-1] == "LookupError: no poem"
    assert lines.count('  File "script.py", line 5, in fails') == 1
    assert not [name for name in RUNNERS if name in result.stderr]


@pytest.mark.parametrize(
    "source, last",
    [
        ("x = (\n", "SyntaxError: '(' was never closed"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise KeyError('k') from ValueError('v')\n", "KeyError: 'k'"),
        ("raise ExceptionGroup('g', [ValueError('v')])\n", "    +------------------------------------"),
    ],
)
@pytest.mark.parametrize("as_module", [True, False])
def test_no_exception_shows_a_frame_of_what_runs_the_script(weft, write, source, last, as_module):
    write("script.py", source)

    result = weft("run", "-m", "script") if as_module else weft("run", "script.py")

    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == last
    assert not [name for name in RUNNERS if name in result.stderr]


def test_an_exception_in_the_package_of_a_module_is_shown_once_from_its_own_frame(weft, write):
    write("package/__init__.py", "print('once')\n1 / 0\n")
    write("package/program.py", "")

    result = weft("run", "-m", "package.program")

    assert result.returncode == 1
    assert result.stdout == "once\n"
    assert result.stderr.splitlines()[1].endswith('package/__init__.py", line 2, in <module>')
    assert result.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert not [name for name in RUNNERS if name in result.stderr]


def test_a_scripts_own_excepthook_shows_its_exceptions(weft, write):
    write(
        "script.py", "import sys\nsys.excepthook = lambda kind, error, frames: print('mine:', repr(error))\n1 / 0\n"
    )

    result = weft("run", "script.py")

    assert result.returncode == 1
    assert result.stdout == "mine: ZeroDivisionError('division by zero')\n"
    assert result.stderr == ""


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["absent.py"], "absent.py: no such file; give a Python script, or a module with -m"),
        (["-m", "no_such_module"], "there is no module 'no_such_module'; is it installed, "),
        (["-m", "json.no_such_module"], "there is no module 'json.no_such_module'"),
        (["-m", ".relative"], "there is no module '.relative'"),
        (["-m", "package"], "'package' is a package without a module __main__; name one of its modules"),
    ],
)
def test_a_program_that_is_not_there_is_misuse_in_one_line(weft, write, arguments, message):
    write("package/__init__.py", "")

    result = weft("run", *arguments)

    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"weft: {message}")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "Missing argument 'SCRIPT'"),
        (["--figur", "x.svg", "script.py"], "No such option '--figur'"),
        (["--figure", "no/folder/x.svg", "script.py"], "cannot write no/folder/x.svg: there is no folder no/folder"),
        (["--record", ".", "script.py"], "is a directory"),
    ],
)
def test_wrong_options_are_misuse_and_nothing_runs(invoke, write, arguments, message):
    write("script.py", "print('I ran')\n")

    result = invoke("run", *arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr.splitlines()[-1]


# -- what is drawn


def test_the_figure_names_the_scripts_tasks(weft, write, tmp_path):
    write("program.py", PROGRAM)

    result = weft("run", "--figure", "run.svg", "program.py")

    assert result.returncode == 0
    assert result.stdout.startswith("weft.faces.asyncio")
    assert result.stderr == f"weft: wrote {tmp_path / 'run.svg'}\n"
    text = svg_text(tmp_path / "run.svg")
    for words in ("program.py", "main", "the loom", "the train"):
        assert words in text


def test_a_recording_draws_the_same_figure_again(weft, write, tmp_path):
    write("program.py", PROGRAM)

    ran = weft("run", "--figure", "run.svg", "--record", "run.weft", "program.py")
    drawn = weft("figure", "run.weft", "--svg", "again.svg", "--title", "program.py")

    assert (ran.returncode, drawn.returncode) == (0, 0)
    assert drawn.stderr == "weft: wrote again.svg\n"
    assert (tmp_path / "again.svg").read_text() == (tmp_path / "run.svg").read_text()


def test_show_draws_below_what_the_script_printed(weft, write):
    write("program.py", PROGRAM)

    result = weft("run", "--show", "program.py", env={"COLUMNS": "70"})

    assert result.returncode == 0
    printed, _, figure = result.stdout.partition("\n")
    assert printed.startswith("weft.faces.asyncio")
    assert "program.py" in figure
    assert "the loom" in figure
    assert "\x1b" not in figure
    assert max(len(line) for line in figure.splitlines()) <= 70


def test_outputs_go_where_they_were_meant_when_the_script_changes_folder(weft, write, tmp_path):
    write("elsewhere/keep", "")
    write("program.py", f"import os\nos.chdir('elsewhere')\n{PROGRAM}")

    result = weft("run", "--figure", "run.svg", "--record", "run.weft", "program.py")

    assert result.returncode == 0
    assert (tmp_path / "run.svg").is_file()
    assert (tmp_path / "run.weft").is_file()


def test_outputs_are_written_when_the_script_fails(weft, write, tmp_path):
    write(
        "failing.py",
        "import asyncio\nasync def breaks(): raise ValueError('no')\nasyncio.run(breaks())\n",
    )

    result = weft("run", "--figure", "run.svg", "--record", "run.weft", "failing.py")

    assert result.returncode == 1
    assert "ValueError: no" in result.stderr
    assert "breaks" in svg_text(tmp_path / "run.svg")
    assert weft("figure", "run.weft").returncode == 0


def test_an_unwritable_output_does_not_keep_the_other_from_being_tried(weft, write, tmp_path):
    write("out/keep", "")
    write("program.py", f"import shutil\nshutil.rmtree('out')\n{PROGRAM}")

    result = weft("run", "--record", "run.weft", "--figure", "out/run.svg", "program.py")

    assert result.returncode == 2
    assert (tmp_path / "run.weft").is_file()
    place = tmp_path / "out" / "run.svg"
    assert result.stderr.splitlines()[-1] == (
        f"weft: cannot write the figure to {place}: No such file or directory; name another file"
    )


def test_ctrl_c_exits_with_130_and_writes_the_outputs(start, weft, interrupt, write, tmp_path):
    write(
        "waiting.py",
        "import asyncio\n"
        "async def waits():\n    print('ready', flush=True)\n    await asyncio.Event().wait()\n"
        "asyncio.run(waits())\n",
    )
    process = start("run", "--figure", "run.svg", "--record", "run.weft", "waiting.py")

    output, errors = interrupt(process)

    assert process.returncode == 130
    assert output == ""
    assert "KeyboardInterrupt" in errors
    assert not [name for name in RUNNERS if name in errors]
    assert "waits" in svg_text(tmp_path / "run.svg")
    assert "waits" in weft("figure", "run.weft").stdout


def test_ctrl_c_in_a_script_without_a_loop_exits_with_130(start, interrupt, write):
    write("waiting.py", "from threading import Event\nprint('ready', flush=True)\nEvent().wait()\n")
    process = start("run", "waiting.py")

    _, errors = interrupt(process)

    assert process.returncode == 130
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert not [name for name in RUNNERS if name in errors]


def test_ctrl_c_that_a_script_takes_itself_is_its_own(start, interrupt, write):
    write(
        "waiting.py",
        "from threading import Event\n"
        "try:\n    print('ready', flush=True)\n    Event().wait()\n"
        "except KeyboardInterrupt:\n    print('tidy')\n",
    )
    process = start("run", "waiting.py")

    output, errors = interrupt(process)

    assert (process.returncode, output, errors) == (0, "tidy\n", "")


@pytest.mark.parametrize(
    "way",
    [
        "weft.run(main())",
        "with asyncio.Runner(loop_factory=weft.new_event_loop) as runner: runner.run(main())",
        "weft.new_event_loop().run_until_complete(main())",
    ],
)
def test_a_program_that_asks_weft_for_its_loop_is_drawn_too(weft, write, tmp_path, way):
    write("program.py", PROGRAM.replace("import asyncio", "import asyncio, weft").replace("asyncio.run(main())", way))

    result = weft("run", "--figure", "run.svg", "program.py")

    assert (result.returncode, result.stderr) == (0, f"weft: wrote {tmp_path / 'run.svg'}\n")
    assert "the train" in svg_text(tmp_path / "run.svg")


def test_a_script_without_a_loop_is_told_that_nothing_was_recorded(weft, write, tmp_path):
    write("plain.py", "print('plain')\n")

    result = weft("run", "--record", "run.weft", "plain.py")

    assert result.returncode == 0
    assert result.stdout == "plain\n"
    assert result.stderr.splitlines() == [
        "weft: plain.py made no event loop and no reactor, so nothing was recorded",
        f"weft: wrote {tmp_path / 'run.weft'}",
    ]


def test_a_script_without_a_loop_is_left_in_peace_when_nothing_is_to_be_drawn(weft, write):
    write("plain.py", "print('plain')\n")

    result = weft("run", "plain.py")

    assert (result.returncode, result.stdout, result.stderr) == (0, "plain\n", "")
