"""A failure that nobody handled is reported when its Deferred goes away; one that was handled never is."""

import asyncio
import gc

import pytest

import weft
from weft.deferred import Deferred, fail, is_debugging, set_debugging, succeed


def raises(value):
    raise LookupError("mine")


def test_it_is_reported_with_its_traceback_when_the_deferred_goes_away(reported):
    deferred = succeed(None).add_callback(raises)
    assert reported == []

    del deferred
    gc.collect()  # a traceback's frames may hold the Deferred: they do in the interpreted build

    assert len(reported) == 1
    assert 'raise LookupError("mine")' in reported.pop()


def test_one_in_a_cycle_is_reported_when_that_is_collected(reported):
    def make():
        deferred = Deferred()
        deferred.add_callback(lambda value: deferred and raises(value))
        deferred.callback(None)

    make()
    gc.collect()

    assert "mine" in reported.pop()


def test_one_of_a_paused_deferred_is_not_lost(reported):
    deferred = Deferred()
    deferred.pause()
    deferred.errback(LookupError("mine"))

    del deferred
    gc.collect()  # a traceback's frames may hold the Deferred: they do in the interpreted build

    assert "mine" in reported.pop()


def test_handled_ones_are_not_reported():
    fail(LookupError()).add_errback(lambda failure: None)
    late = fail(LookupError())
    late.add_callback(lambda value: value)
    late.add_errback(lambda failure: None)
    outer = succeed(None).add_callback(lambda _: fail(LookupError()))
    outer.add_errback(lambda failure: None)


def test_one_that_was_passed_on_is_reported_once(reported):
    inner = [fail(LookupError("mine"))]
    outer = succeed(None).add_callback(lambda _: inner.pop())

    del outer
    gc.collect()

    assert len(reported) == 1
    reported.clear()


def test_with_a_loop_running_its_exception_handler_is_told(reported):
    contexts = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: contexts.append(context))
        fail(LookupError("mine"))
        gc.collect()

    weft.run(main())

    [context] = contexts
    assert isinstance(context["exception"], LookupError)
    assert "never handled" in context["message"]
    assert reported == []


@pytest.fixture
def debugging():
    before = is_debugging()
    set_debugging(True)
    yield
    set_debugging(before)


def make_here():
    return Deferred()


def fire_here(deferred):
    deferred.errback(LookupError("mine"))


@pytest.mark.usefixtures("debugging")
def test_debug_mode_says_where_it_was_made_and_fired(reported):
    deferred = make_here()
    fire_here(deferred)
    assert "in make_here" in deferred.made_at()

    del deferred
    gc.collect()  # a traceback's frames may hold the Deferred: they do in the interpreted build

    text = reported.pop()
    assert "in make_here" in text
    assert "in fire_here" in text


@pytest.mark.usefixtures("debugging")
def test_debug_mode_tells_a_loops_handler_too():
    contexts = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: contexts.append(context))
        fire_here(make_here())
        gc.collect()

    weft.run(main())

    [context] = contexts
    assert any(frame.name == "make_here" for frame in context["source_traceback"])
    assert "in fire_here" in context["message"]
