"""Which files Weft's modules are loaded from, in the build that runs and in copies of the package that are spoilt."""

import importlib
import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import weft
from weft import _build

ROOT = Path(weft.__file__).parent.parent
SUFFIX = EXTENSION_SUFFIXES[0]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package's sources, in a folder of their own."""
    shutil.copytree(ROOT / "weft", tmp_path / "weft", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    return tmp_path


@pytest.fixture
def engine(copy: Path) -> Path:
    """The engine beside those sources, where this Python has one."""
    built = _build.built_engine()
    if built is not None:
        shutil.copy(built, copy / "weft")
    return copy / "weft" / (_build.ENGINE + SUFFIX)


def run(folder: Path, program: str, pure: str = "0") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "WEFT_PURE": pure, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def list_as_compiled(folder: Path, name: str) -> None:
    source = folder / "weft" / "_build.py"
    first = '    "weft.ports",\n'
    source.write_text(source.read_text().replace(first, f'{first}    "{name}",\n'))


@pytest.mark.parametrize("name", _build.COMPILED_MODULES)
def test_a_compiled_module_is_loaded_from_the_engine_or_from_its_source(name):
    module = importlib.import_module(name)

    source = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    expected = _build.built_engine() if weft.BUILD == "compiled" else str(source)
    assert module.__file__ == expected
    assert module.__spec__.origin == expected
    assert (module.__name__, module.__package__) == (name, name.rpartition(".")[0])


def test_every_other_module_is_loaded_from_its_source():
    import weft.services
    from weft.faces import asyncio

    assert weft.services.__file__ == str(ROOT / "weft" / "services" / "__init__.py")
    assert weft.services.__path__ == [str(ROOT / "weft" / "services")]
    assert asyncio.loop.__file__ == str(ROOT / "weft" / "faces" / "asyncio" / "loop.py")


def test_a_module_that_is_not_there_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'weft\.core\.nowhere'"):
        importlib.import_module("weft.core.nowhere")


@pytest.mark.parametrize("pure", ["0", "1"])
def test_without_an_engine_the_interpreted_build_runs(copy, pure):
    result = run(copy, "import weft; print(weft.BUILD, weft.__file__)", pure)

    assert result.stdout == f"interpreted {copy / 'weft' / '__init__.py'}\n", result.stderr


def test_an_engine_of_another_python_is_left_alone(copy):
    (copy / "weft" / "_engine.cpython-27-pdp11.so").write_text("not of this Python")

    result = run(copy, "import weft; print(weft.BUILD)")

    assert result.stdout == "interpreted\n", result.stderr


def test_shared_objects_of_single_modules_from_an_earlier_build_are_not_loaded(copy, engine):
    for stale in ("core/clock", "transports/listener", "errors"):
        (copy / "weft" / (stale + SUFFIX)).write_text("not a shared object")

    result = run(copy, "import weft, weft.transports.listener, weft.errors; print(weft.BUILD)")

    assert result.stdout == ("compiled\n" if engine.exists() else "interpreted\n"), result.stderr


def test_an_engine_that_lacks_a_module_is_named_with_what_to_do(copy, engine):
    list_as_compiled(copy, "weft.errors")

    result = run(copy, "import weft.errors")

    if engine.exists():
        assert "weft.errors cannot be loaded from Weft's compiled modules" in result.stderr
        assert str(engine) in result.stderr or "PyInit_errors" in result.stderr
        assert "Build them again (pip install .), or set WEFT_PURE=1" in result.stderr
    else:
        assert result.returncode == 0, result.stderr
    assert run(copy, "import weft.errors", pure="1").returncode == 0


def test_an_engine_that_is_no_shared_object_is_named_with_what_to_do(copy):
    engine = copy / "weft" / (_build.ENGINE + SUFFIX)
    engine.write_text("half a download")

    result = run(copy, "import weft")

    assert result.returncode == 1
    assert f"cannot be loaded from Weft's compiled modules: {engine}" in result.stderr
    assert run(copy, "import weft; print(weft.BUILD)", pure="1").stdout == "interpreted\n"


def test_a_wish_for_a_build_that_means_nothing_is_refused(copy):
    result = run(copy, "import weft", pure="yes")

    assert "WEFT_PURE is 'yes'; set it to 1 for the interpreted build, or leave it unset" in result.stderr


def test_two_compiled_modules_with_one_last_name_are_refused_when_they_are_built(copy):
    shutil.copy(ROOT / "setup.py", copy)
    list_as_compiled(copy, "weft.faces.ports")

    environment = {**os.environ, "WEFT_PURE": "0"}
    command = [sys.executable, "setup.py", "build_ext"]
    result = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)

    assert result.returncode == 1
    assert "weft.ports and weft.faces.ports cannot be compiled into one shared object" in result.stderr
    assert "Rename one of them" in result.stderr
