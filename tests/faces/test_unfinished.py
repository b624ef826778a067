"""What asyncio has and Weft does not have yet says so by its name."""

import asyncio
import inspect

import pytest

import weft
from weft.faces.asyncio.unfinished import Unfinished

METHODS = [name for name, _ in inspect.getmembers(Unfinished, inspect.isfunction) if not name.startswith("_")]


@pytest.fixture
def loop():
    loop = weft.new_event_loop()
    yield loop
    loop.close()


def test_what_is_not_there_yet_says_so_by_its_name(loop):
    for method in METHODS:
        assert getattr(type(loop), method) is getattr(Unfinished, method), f"{method} is there: take it out"
        with pytest.raises(NotImplementedError, match=rf"^{method}\(\) is not there yet"):
            loop.run_until_complete(getattr(loop, method)("any", argument="at all"))


def test_every_method_of_asyncio_s_abstract_loop_is_there():
    inherited = [
        name
        for name, _ in inspect.getmembers(asyncio.AbstractEventLoop, inspect.isfunction)
        if not name.startswith("_") and getattr(weft.Loop, name) is getattr(asyncio.AbstractEventLoop, name)
    ]

    assert inherited == [], "asyncio's own only raise NotImplementedError: write these, or list them in Unfinished"
