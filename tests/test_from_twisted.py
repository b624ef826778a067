"""docs/from-twisted.md: its programs run, and its tables hold for Twisted's public names and for Weft's."""

import ast
import builtins
import fnmatch
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

import twisted
from weft import endpoints
from weft.cli import weft as command
from weft.errors import EndpointStringError

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "from-twisted.md").read_text()
TWISTED = Path(twisted.__file__).parent
PACKAGES = ("internet", "application", "protocols")


class Row(NamedTuple):
    """A line of a table, under a heading that names a module or a class of Twisted's."""

    heading: str
    names: tuple[str, ...]
    weft: str
    remark: str

    @property
    def paths(self) -> list[str]:
        return [f"{self.heading}.{name}" for name in self.names]


def rows_of(title: str) -> list[Row]:
    """Return the rows of all tables of a section."""
    section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
    rows, heading = [], ""
    for line in section.splitlines():
        if match := re.match(r"### `([\w.]+)`", line):
            heading = match[1]
        elif line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == 3, line
            rows.append(Row(heading, tuple(re.findall(r"`([^`]+)`", cells[0])), cells[1], cells[2]))
    return rows


NAMES = rows_of("Every name")
MEMBERS = rows_of("Members")
ROWS = NAMES + MEMBERS
IDS = [f"{row.heading}: {', '.join(row.names)}" for row in ROWS]


# -- what Twisted has


def public_names(source: str) -> set[str]:
    """Return a module's public names: `__all__`, classes and functions; without `__all__` its other values, too."""
    listed: set[str] | None = None
    defined: set[str] = set()
    values: set[str] = set()
    blocks = [ast.parse(source).body]
    while blocks:
        for node in blocks.pop():
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                defined.add(node.name)
            elif isinstance(node, (ast.If, ast.Try)):
                blocks += [node.body, node.orelse, getattr(node, "finalbody", [])]
                blocks += [handler.body for handler in getattr(node, "handlers", [])]
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                stored = {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
                values |= stored
                if "__all__" in stored:
                    listed = set(ast.literal_eval(node.value))
    found = defined | (values if listed is None else listed)
    return {name for name in found if not name.startswith("_")}


def twisted_names() -> list[str]:
    """Return every public name, dotted; a module or package without any stands for itself."""
    found = []
    for package in PACKAGES:
        for path in sorted((TWISTED / package).rglob("*.py")):
            parts = path.relative_to(TWISTED.parent).with_suffix("").parts
            module = parts[:-1] if parts[-1] == "__init__" else parts
            if any(part.startswith("_") or part in ("test", "newsfragments") for part in module):
                continue
            names = public_names(path.read_text())
            found += [".".join([*module, name]) for name in sorted(names)]
            if not names and len(module) > 2:
                found.append(".".join(module))
    return found


def members_of(path: str) -> list[str]:
    """Return the public members that a class or an interface of Twisted's has itself."""
    module, _, name = path.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    names = vars(found) if inspect.isclass(found) else found.names()
    return sorted(name for name in names if not name.startswith("_"))


def compared(names: list[str], rows: list[Row]) -> tuple[list[str], list[str], list[str]]:
    """Return (names in no row, names in several, patterns without a name)."""
    patterns = [path for row in rows for path in row.paths]
    hits = {name: [pattern for pattern in patterns if fnmatch.fnmatchcase(name, pattern)] for name in names}
    missing = [name for name, found in hits.items() if not found]
    doubled = [name for name, found in hits.items() if len(found) > 1]
    idle = sorted(set(patterns) - {pattern for found in hits.values() for pattern in found})
    return missing, doubled, idle


def test_the_walk_finds_what_a_module_makes_public():
    source = """
        from os import path
        import sys
        __all__ = ["listed", "_private"]
        VALUE = 1
        def function(): inner = 1
        class Class: attribute = 1
        if sys.platform: second: int = 2
    """

    assert public_names(textwrap.dedent(source)) == {"listed", "function", "Class"}
    assert public_names(textwrap.dedent(source).replace("__all__", "_all")) == {
        "VALUE",
        "function",
        "Class",
        "second",
    }


def test_every_public_name_of_twisteds_stands_on_the_page_exactly_once():
    names = twisted_names()

    assert len(names) > 700
    assert compared(names, NAMES) == ([], [], [])


def test_the_page_says_which_twisted_it_is_about():
    assert f"Twisted {twisted.version.major}.{twisted.version.minor}'s" in PAGE


CLASSES = sorted({path.rpartition(".")[0] for row in MEMBERS for path in row.paths})


@pytest.mark.parametrize("path", CLASSES)
def test_every_member_of_a_class_stands_on_the_page_exactly_once(path):
    names = [f"{path}.{name}" for name in members_of(path)]

    rows = [row._replace(names=tuple(name for name in row.names if is_of(row, name, path))) for row in MEMBERS]
    assert compared(names, rows) == ([], [], [])


def is_of(row: Row, name: str, path: str) -> bool:
    return f"{row.heading}.{name}".rpartition(".")[0] == path


def test_the_classes_that_programs_use_most_have_their_members_on_the_page():
    from twisted.internet import interfaces

    reactor = [name for name in vars(interfaces) if name.startswith("IReactor")]
    transports = [
        "ITransport",
        "ITCPTransport",
        "ISSLTransport",
        "IUDPTransport",
        "IUNIXTransport",
        "IProcessTransport",
    ]
    for name in [*reactor, *transports]:
        assert f"twisted.internet.interfaces.{name}" in CLASSES
    for name in ("internet.defer.Deferred", "internet.protocol.Protocol", "internet.protocol.Factory"):
        assert f"twisted.{name}" in CLASSES
    for name in ("internet.task.LoopingCall", "application.service.Service", "protocols.basic.LineReceiver"):
        assert f"twisted.{name}" in CLASSES


# -- what Weft has


def check_command(text: str) -> None:
    """See that a command of Weft's has the options."""
    words = text.split()
    shown = CliRunner().invoke(command, [words[1], "--help"]).output
    assert shown.startswith("Usage")
    for option in words[2:]:
        assert option in shown


def check_endpoint(string: str) -> None:
    """See that a string describes an endpoint, to listen at or to connect to."""
    try:
        endpoints.server(string)
    except EndpointStringError:
        endpoints.client(string)


def check_name(path: str) -> None:
    """See that there is something of this dotted name: in Weft, the standard library, or built in."""
    first, *rest = path.split(".")
    if hasattr(builtins, first):
        found = getattr(builtins, first)
    else:
        found = importlib.import_module(first)
    for number, name in enumerate(rest):
        if inspect.isclass(found):
            assert has_member(found, name), f"{path}: {found.__qualname__} has no {name}"
            assert number == len(rest) - 1
            return
        if not hasattr(found, name):
            importlib.import_module(f"{found.__name__}.{name}")
        found = getattr(found, name)


def has_member(found: type, name: str) -> bool:
    """Return whether a class has an attribute, or says or sees to it that its instances have."""
    if hasattr(found, name) or any(name in vars(base).get("__annotations__", ()) for base in found.__mro__):
        return True
    return any(sets(base, name) for base in found.__mro__ if base.__module__.startswith("weft."))


def sets(found: type, name: str) -> bool:
    """Return whether a class of Weft's sets an attribute of its instances, in its source."""
    tree = ast.parse((ROOT / (found.__module__.replace(".", "/") + ".py")).read_text())
    return any(
        isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Store)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.ClassDef) and outer.name == found.__name__
        for node in ast.walk(outer)
    )


def check(text: str) -> None:
    """See that what stands in backticks is there."""
    if text.startswith("weft "):
        check_command(text)
    elif text.startswith('"'):
        check_endpoint(text.strip('"'))
    else:
        check_name(text)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_what_the_page_names_for_it_is_there(row):
    counterparts = re.findall(r"`([^`]+)`", row.weft)

    if row.weft == "none":
        assert row.remark, "say why there is none, or what to do instead"
    else:
        assert counterparts
        assert re.sub(r"`[^`]+`|, ", "", row.weft) == "", "names in backticks, with commas between them"
        assert not any("*" in name for name in row.names), "a star may stand only where there is no counterpart"
    for text in counterparts:
        check(text)
    for text in re.findall(r"`(weft[. ][^`(]+|\"[^`]+\")`", row.remark):
        check(text)


@pytest.mark.parametrize(
    "wrong", ["weft.Nothing", "weft.Deferred.nothing", "nothing.at_all", "weft serve --nothing", '"tpc:80"']
)
def test_a_name_that_is_not_there_is_noticed(wrong):
    with pytest.raises((AssertionError, ImportError, AttributeError, EndpointStringError)):
        check(wrong)


# -- the programs


@pytest.mark.parametrize("number", [0, 1], ids=["on Twisted", "on Weft"])
def test_the_two_programs_run_and_print_what_the_page_says(number):
    program = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[number]
    expected = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1]
    assert ("import weft" in program) == bool(number)

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=40, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, expected, "")
