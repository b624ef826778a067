"""The style, where a machine can see it; each refusal says how to mend it."""

import ast
import tokenize
from pathlib import Path

import pytest

import weft
from weft._build import COMPILED_MODULES

ROOT = Path(weft.__file__).parent
CHAPTERS = ROOT / "learn" / "chapters"
"""The course's programs are written as a learner would write them."""
MODULES = sorted(
    path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts and not path.is_relative_to(CHAPTERS)
)
IDS = [str(path.relative_to(ROOT.parent)) for path in MODULES]
MOST_LINES_OF_A_MODULE = 500
MOST_LINES_OF_A_FUNCTION = 70
EXCUSED = {"transports/stream.py": "reading, writing and ending share one state; apart they would all reach into it"}
"""Module -> why it is one idea although it is longer."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def public_definitions(tree):
    """Return (what it is called, node) for each public class, function and method of a module."""
    found = []

    def walk(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (*FUNCTIONS, ast.ClassDef)) and not child.name.startswith("_"):
                found.append((prefix + child.name, child))
                if isinstance(child, ast.ClassDef):
                    walk(child, f"{prefix}{child.name}.")
            elif isinstance(child, (ast.If, ast.Try)):
                walk(child, prefix)

    walk(tree, "")
    return found


def is_overload_or_property_setter(node):
    return any(ast.unparse(each).endswith((".setter", "overload")) for each in node.decorator_list)


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_every_module_and_every_public_thing_in_it_has_a_docstring(path):
    tree = ast.parse(path.read_text())
    if path.stat().st_size == 0:
        return

    assert ast.get_docstring(tree), f"{path}:1 open the module with a docstring: what it owns, what it never does"
    missing = [
        f"{path}:{node.lineno} {name}"
        for name, node in public_definitions(tree)
        if not ast.get_docstring(node) and not is_overload_or_property_setter(node)
    ]

    assert missing == [], "give these a docstring whose first line says what the caller gets, or begin them with _"


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_a_module_is_no_longer_than_one_idea(path):
    count = len(path.read_text().splitlines())

    assert count <= MOST_LINES_OF_A_MODULE or str(path.relative_to(ROOT)) in EXCUSED, (
        f"{path} has {count} lines, more than {MOST_LINES_OF_A_MODULE}: move what is an idea of its own to a module "
        "of its own, or say in EXCUSED why it is one idea"
    )


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_a_function_fits_a_screen(path):
    long = [
        f"{path}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, FUNCTIONS) and node.end_lineno - node.lineno + 1 > MOST_LINES_OF_A_FUNCTION
    ]

    assert long == [], f"a function has at most {MOST_LINES_OF_A_FUNCTION} lines: give its parts names of their own"


def sources_of(module):
    stem = ROOT.parent.joinpath(*module.split("."))
    return stem.with_suffix(".py"), stem.with_suffix(".pxd"), stem.with_suffix(".pyx")


@pytest.mark.parametrize("module", COMPILED_MODULES)
def test_a_compiled_module_has_its_python_source_and_its_types(module):
    source, types, _ = sources_of(module)

    assert source.exists(), f"{source} is missing: the interpreted build has nothing to run"
    assert types.exists(), f"{types} is missing: without it the module is compiled, and no faster"


@pytest.mark.parametrize("module", COMPILED_MODULES)
def test_a_compiled_module_has_no_coroutines_and_no_closures(module):
    tree = ast.parse(sources_of(module)[0].read_text())

    refused = [
        f"{module}:{node.lineno}"
        for outer in ast.walk(tree)
        if isinstance(outer, FUNCTIONS)
        for node in ast.walk(outer)
        if isinstance(node, (ast.AsyncFunctionDef, ast.Lambda)) or (isinstance(node, FUNCTIONS) and node is not outer)
    ]

    assert refused == [], "compiled modules hold no `async def` and no closures: move them to an interpreted module"


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_no_star_imports(path):
    stars = [
        f"{path}:{node.lineno}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]

    assert stars == [], "name what is imported"


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_the_source_holds_no_notes_to_its_author(path):
    with path.open("rb") as file:
        comments = [token for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]

    notes = [
        f"{path}:{token.start[0]} {token.string}"
        for token in comments
        if any(word in token.string for word in ("TODO", "FIXME", "XXX", "HACK"))
    ]

    assert notes == [], "do it, or write an issue"
