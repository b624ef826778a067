"""Nothing of asyncio's loop is missing."""

import asyncio
import inspect

import weft


def test_every_method_of_asyncio_s_abstract_loop_is_there():
    inherited = [
        name
        for name, _ in inspect.getmembers(asyncio.AbstractEventLoop, inspect.isfunction)
        if not name.startswith("_") and getattr(weft.Loop, name) is getattr(asyncio.AbstractEventLoop, name)
    ]

    assert inherited == [], "asyncio's own only raise NotImplementedError: write these"
