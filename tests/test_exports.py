"""Public and private are two places: each public name exists, says what it is, and has exactly one public home.

Its home is the package that lists it in `__all__`; `weft` itself, the front door, may hand it on.
"""

import importlib
import inspect
import pkgutil

import pytest

import weft


def public_modules():
    """Return weft and every package and module of Weft's that says what is public (`__all__`)."""
    modules = [weft]
    for found in pkgutil.walk_packages(weft.__path__, "weft."):
        if any(part.startswith("_") for part in found.name.split(".")):
            continue
        module = importlib.import_module(found.name)
        if hasattr(module, "__all__"):
            modules.append(module)
    return modules


PUBLIC = [(module.__name__, name) for module in public_modules() for name in module.__all__]


def test_weft_has_public_names():
    assert ("weft", "run") in PUBLIC


@pytest.mark.parametrize("module, name", PUBLIC, ids=[f"{module}.{name}" for module, name in PUBLIC])
def test_a_public_name_exists_and_says_what_it_is(module, name):
    found = getattr(importlib.import_module(module), name)

    if inspect.isclass(found) or callable(found):
        assert inspect.getdoc(found), f"{module}.{name} has no docstring: its first line says what the caller gets"
    elif not inspect.ismodule(found):
        assert isinstance(found, (str, int, float, tuple, frozenset, dict)), f"{module}.{name} is {type(found)}"


@pytest.mark.parametrize("module", public_modules(), ids=lambda module: module.__name__)
def test_public_names_are_listed_once(module):
    assert len(set(module.__all__)) == len(module.__all__)


def test_each_public_name_has_exactly_one_public_home():
    homes: dict[int, list[str]] = {}
    for module, name in PUBLIC:
        found = getattr(importlib.import_module(module), name)
        if module != "weft" and (inspect.isclass(found) or callable(found)):
            homes.setdefault(id(found), []).append(f"{module}.{name}")

    twice = [names for names in homes.values() if len(names) > 1]

    assert twice == [], "take these out of all `__all__` but that of the package that owns them"


def test_what_weft_hands_on_has_the_name_that_it_has_at_home():
    homes = {(module, name) for module, name in PUBLIC if module != "weft"}
    for name in weft.__all__:
        found = getattr(weft, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert any(
                home == name and getattr(importlib.import_module(module), home) is found for module, home in homes
            ), f"weft.{name} has no home: list it in the `__all__` of the package that owns it"


def test_no_public_name_is_private():
    assert [name for _, name in PUBLIC if name.startswith("_") and not name.startswith("__")] == []
