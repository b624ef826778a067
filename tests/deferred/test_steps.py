"""A chain can be told: what stands in it, what ran on which side, and how that ended."""

import asyncio
from functools import partial

from weft.deferred import Deferred, DeferredList, Step, fail, inline_callbacks, succeed


def double(value):
    return value * 2


def refuse(value):
    raise LookupError("no")


def recover(failure):
    return "recovered"


class Poet:
    def write(self, value):
        return value


def test_before_it_fires_the_steps_have_names_and_nothing_else():
    deferred = Deferred().add_callbacks(double, recover).add_errback(recover, 3).add_both(Poet().write)
    deferred.add_callback(partial(double)).add_callback(str).chain(Deferred())

    steps = deferred.steps()

    assert [(step.callback, step.errback) for step in steps] == [
        ("double", "recover"),
        (None, "recover"),
        ("Poet.write", "Poet.write"),
        ("double", None),
        ("str", None),
        ("chain", "chain"),
    ]
    assert {(step.ran, step.outcome, step.waited_on) for step in steps} == {(None, None, None)}


def test_after_it_fired_they_say_which_side_ran_and_how_it_ended():
    deferred = (
        Deferred().add_callback(double).add_callback(refuse).add_callback(double).add_callbacks(double, recover)
    )
    deferred.add_errback(recover).add_both(Poet().write)

    deferred.callback(1)

    assert deferred.steps() == (
        Step("double", None, "callback", "value"),
        Step("refuse", None, "callback", "failure", LookupError),
        Step("double", None, "passed", None),
        Step("double", "recover", "errback", "value"),
        Step(None, "recover", "passed", None),
        Step("Poet.write", "Poet.write", "callback", "value"),
    )


def test_a_chain_that_waits_shows_whom_it_waits_for():
    inner = Deferred()

    outer = succeed(1).add_callback(lambda _: inner).add_callback(double)

    waiting = ("callback", "waiting", None, inner)
    assert outer.waits_for is inner
    assert outer.steps() == (
        Step(f"{test_a_chain_that_waits_shows_whom_it_waits_for.__qualname__}.<locals>.<lambda>", None, *waiting),
        Step("double", None, None, None),
    )
    assert [step.callback for step in inner.steps()] == ["(the Deferred that waits)"]
    inner.callback(3)


def test_a_chain_that_has_waited_shows_the_steps_of_what_it_waited_for():
    inner = Deferred().add_callback(double)
    outer = succeed(1).add_callback(lambda _: inner).add_callback(double)

    inner.callback(3)

    waited = outer.steps()[0]
    assert outer.result == 12
    assert (waited.ran, waited.outcome) == ("callback", "value")
    assert waited.waited_on == (Step("double", None, "callback", "value"),)


def test_nested_waits_are_all_shown_and_so_are_failures():
    innermost = Deferred().add_callback(refuse)
    inner = succeed(1).add_callback(lambda _: innermost)
    outer = succeed(1).add_callback(lambda _: inner).add_errback(recover)

    innermost.callback(3)

    [waited, recovered] = outer.steps()
    [nested] = waited.waited_on
    assert (waited.outcome, waited.error) == ("failure", LookupError)
    assert (nested.outcome, nested.error) == ("failure", LookupError)
    assert nested.waited_on == (Step("refuse", None, "callback", "failure", LookupError),)
    assert recovered.ran == "errback"


def test_what_had_a_result_already_is_shown_too():
    outer = succeed(1).add_callback(lambda _: fail(LookupError()).add_callback(double)).add_errback(recover)

    [waited, _] = outer.steps()

    assert waited.error is LookupError
    assert waited.waited_on == (Step("double", None, "passed", None),)


def test_a_cancelled_one_shows_where_the_cancellation_went():
    inner = Deferred()
    outer = succeed(1).add_callback(lambda _: inner).add_callback(double).add_errback(recover)

    outer.cancel()

    assert [(step.ran, step.outcome, step.error) for step in outer.steps()] == [
        ("callback", "failure", asyncio.CancelledError),
        ("passed", None, None),
        ("errback", "value", None),
    ]


def test_a_list_shows_its_own_chain_and_has_its_deferreds():
    waiting = Deferred()
    gathered = DeferredList([waiting, succeed(2)]).add_callback(len)

    assert gathered.deferreds[0].steps()[0].callback == "DeferredList._arrive"
    waiting.callback(1)

    assert gathered.steps() == (Step("len", None, "callback", "value"),)


def test_a_generator_that_waits_stands_in_the_chain():
    waiting = Deferred()

    @inline_callbacks
    def work():
        yield waiting

    work()

    [step] = waiting.steps()
    assert step.callback.startswith("yield in ")
    assert step.callback.endswith("work")
    waiting.callback(None)
