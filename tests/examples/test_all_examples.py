"""What holds for every example: it is listed, explains itself, and the commands that it names can be given."""

import ast
import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest
from running import EXAMPLES, ROOT, ended

README = (EXAMPLES / "README.md").read_text()
SOURCES = sorted(EXAMPLES.rglob("*.py"))
PROGRAMS = [path for path in SOURCES if "argparse" in path.read_text() and path.parent.name != "poetry"]
IDS = [str(path.relative_to(EXAMPLES)) for path in PROGRAMS]


def docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def commands(text: str) -> list[list[str]]:
    """Return the commands that a text names, word by word; what explains one stands two spaces away."""
    joined = text.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.startswith("    ")]
    lines += re.findall(r"`((?:python examples/|weft serve examples\.)[^`]+)`", joined)
    return [
        shlex.split(re.split(r" {3,}", line)[0]) for line in lines if line.startswith(("python examples", "weft "))
    ]


COMMANDS = [
    pytest.param(words, id=f"{name}: {' '.join(words)}")
    for name, text in [("README.md", README)]
    + [(str(path.relative_to(EXAMPLES)), docstring(path)) for path in SOURCES]
    for words in commands(text)
]


def test_each_example_is_listed_once():
    listed = re.findall(r"^\| \[([^\]]+)\]\(([^)]+)\)", README, re.MULTILINE)

    names = {path.relative_to(EXAMPLES).parts[0] + ("/" if path.parent != EXAMPLES else "") for path in SOURCES}
    assert sorted(name for name, _ in listed) == sorted(names)
    assert all((EXAMPLES / link).is_file() for _, link in listed)


@pytest.mark.parametrize("path", PROGRAMS, ids=IDS)
def test_a_program_explains_itself(path):
    code, output, errors = ended([sys.executable, str(path), "--help"])

    assert (code, errors) == (0, "")
    for line in docstring(path).splitlines():
        assert line in output, line
    assert "Exits with 0" in output


@pytest.mark.parametrize("path", PROGRAMS, ids=IDS)
def test_a_program_refuses_what_it_does_not_know_with_2(path):
    code, output, errors = ended([sys.executable, str(path), "--no-such-option"])

    assert (code, output) == (2, "")
    assert f"{path.name}: error: " in errors


def test_the_commands_are_found():
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_that_is_named_can_be_given(words):
    if words[0] == "python":
        check_program(words[1], words[2:])
    elif words[1] == "run":
        assert words[2] == "--figure"
        check_program(words[4], words[5:])
    else:
        assert words[1] == "serve"
        check_service(words[2])


def check_program(path, arguments):
    """See that there is such a program, and that it knows the options."""
    source = (ROOT / path).read_text()
    for option in [word for word in arguments if word.startswith("--")]:
        assert f'"{option}"' in source, option


def check_service(target):
    """See that there is such a module, with something of that name at its top."""
    module, _, name = target.partition(":")
    spec = importlib.util.spec_from_file_location(module, ROOT / (module.replace(".", "/") + ".py"))
    tree = ast.parse(Path(spec.origin).read_text())
    assert name in {
        node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
