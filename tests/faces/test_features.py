"""What a loop imports when it is first asked for: the list of it is the modules' own."""

import importlib
import subprocess
import sys
from types import FunctionType

import pytest

import weft
from weft.faces.asyncio.features import FEATURES


@pytest.mark.parametrize("home", FEATURES)
def test_every_method_of_a_feature_is_listed_and_only_those(home):
    module, _, name = home.partition(".")
    feature = getattr(importlib.import_module(f"weft.faces.asyncio.{module}"), name)

    own = {key for key, value in vars(feature).items() if isinstance(value, (FunctionType, property))}

    assert set(FEATURES[home]) == own


@pytest.mark.parametrize("name", sorted({name for names in FEATURES.values() for name in names}))
def test_a_loop_has_every_method_of_its_features(name):
    assert hasattr(weft.Loop, name)


def test_a_loop_that_only_runs_imports_no_feature():
    program = (
        "import asyncio, sys, weft\nweft.run(asyncio.sleep(0))\n"
        "print([n for n in ('tls', 'datagrams', 'pipes', 'sendfile') if f'weft.faces.asyncio.{n}' in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "[]\n"
