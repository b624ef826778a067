"""Imports point inward: errors, ports <- core <- transports <- deferred <- streams <- endpoints <- services."""

import ast
from pathlib import Path

import pytest

import weft

ROOT = Path(weft.__file__).parent
CHAPTERS = ROOT / "learn" / "chapters"
"""The course's programs: they use Weft as anyone does, and are no part of it."""
MODULES = sorted(
    path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts and not path.is_relative_to(CHAPTERS)
)

BASE = {"errors", "ports", "_build", "_version"}
ENGINE = ["core", "transports", "deferred", "streams", "endpoints", "services"]
LAYERS = BASE | set(ENGINE) | {"protocols"}

MAY_IMPORT = {name: set() for name in BASE}
MAY_IMPORT |= {layer: {"errors", "ports", *ENGINE[:depth]} for depth, layer in enumerate(ENGINE)}
MAY_IMPORT |= {
    "protocols": {"errors", "ports"},
    "faces": set(LAYERS),
    "record": set(LAYERS),
    "figures": LAYERS | {"record"},
    "models": LAYERS | {"record", "faces"},
    "testing": LAYERS | {"faces", "record"},
    "script": {"errors", "faces"},
    "learn": LAYERS | {"record", "faces", "figures", "models", "script"},
}
for outer in ("streams", "endpoints", "services"):
    MAY_IMPORT[outer].add("protocols")  # how bytes are cut; what wraps any protocol, a proxy's header say
"""The first folder or module under weft/ -> what it may import besides itself. The command line may import all."""

ENTRANCES = {"cli", "__main__", "learning", "serving", "worker"}
"""The command line, in its parts."""
FOR_ANNOTATIONS = {"ports": {"core"}}
"""What a module may import under `if TYPE_CHECKING:` only, for its annotations."""


def module_name(path: Path) -> str:
    parts = ["weft", *path.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str:
    """Return the first name under weft; "" for weft itself."""
    return [*module.split("."), ""][1]


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports_of(path: Path) -> list[tuple[int, str, bool]]:
    """Return (line, module of Weft's, whether it is for annotations only) for each import, wherever it stands."""
    found = []

    def walk(node: ast.AST, for_annotations: bool) -> None:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module_name(path).split(".")
                cut = node.level if path.name != "__init__.py" else node.level - 1
                base = ".".join([*package[: len(package) - cut], *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "weft" else [base]
        found.extend((node.lineno, name, for_annotations) for name in names if name.split(".")[0] == "weft")
        for child in ast.iter_child_nodes(node):
            walk(child, for_annotations or (is_type_checking(node) and child in node.body))

    walk(ast.parse(path.read_text()), False)
    return found


@pytest.mark.parametrize("path", MODULES, ids=[module_name(path) for path in MODULES])
def test_a_module_imports_inward_only(path):
    own = layer_of(module_name(path))
    if own == "" or own in ENTRANCES:
        return  # weft itself hands the public names on; the command line may import anything
    assert own in MAY_IMPORT, f"weft/{own} is in no layer: say in tests/test_layers.py what it may import"

    for line, imported, for_annotations in imports_of(path):
        layer = layer_of(imported)
        allowed = MAY_IMPORT[own] | {own} | (FOR_ANNOTATIONS.get(own, set()) if for_annotations else set())
        assert layer in allowed, (
            f"{path.relative_to(ROOT.parent)}:{line} imports {imported}, but {own} may import only "
            f"{', '.join(sorted(allowed))}. Move what it needs inward, or have the outer layer hand it in."
        )


def test_nothing_imports_the_command_line():
    importers = [
        f"{path.relative_to(ROOT.parent)}:{line}"
        for path in MODULES
        for line, imported, _ in imports_of(path)
        if layer_of(imported) in ENTRANCES and layer_of(module_name(path)) not in ENTRANCES
    ]

    assert importers == [], "the command line is the outermost: move what these need out of it"


def test_the_walk_sees_imports_wherever_they_stand(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    package = tmp_path / "core"
    package.mkdir()
    path = package / "sample.py"
    path.write_text(
        "import weft.faces.asyncio\n"
        "from weft import record, ports\n"
        "from . import loop\n"
        "from ..transports.stream import Stream\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from weft.models import run\nelse:\n    import weft.figures\n"
        "def f():\n    import weft.services\n"
    )

    found = imports_of(path)

    assert found == [
        (1, "weft.faces.asyncio", False),
        (2, "weft.record", False),
        (2, "weft.ports", False),
        (3, "weft.core", False),
        (4, "weft.transports.stream", False),
        (7, "weft.models", True),
        (9, "weft.figures", False),
        (11, "weft.services", False),
    ]
