"""Several Deferreds as one."""

import asyncio

import pytest
from twisted.internet import defer

from weft.deferred import (
    Deferred,
    DeferredList,
    Failure,
    execute,
    fail,
    gather_results,
    maybe_deferred,
    race,
    succeed,
)
from weft.errors import AllFailedError, FirstError


def ignore(deferred):
    deferred.add_errback(lambda failure: None)


def test_a_list_fires_with_all_results_in_order():
    deferreds = [Deferred() for _ in range(3)]
    gathered = DeferredList(deferreds, consume_errors=True)
    for number, deferred in reversed(list(enumerate(deferreds))):
        deferred.errback(LookupError()) if number == 1 else deferred.callback(number)

    (first, middle, last) = gathered.result

    assert (first, last) == ((True, 0), (True, 2))
    assert middle[0] is False
    assert middle[1].check(LookupError)


def test_a_list_may_fire_at_the_first_value():
    deferreds = [Deferred(), Deferred()]
    gathered = DeferredList(deferreds, fire_on_one_callback=True)

    deferreds[1].callback("first")
    deferreds[0].callback("second")

    assert gathered.result == ("first", 1)


def test_a_list_may_fail_at_the_first_failure():
    deferreds = [Deferred(), Deferred()]
    gathered = DeferredList(deferreds, fire_on_one_errback=True, consume_errors=True)

    deferreds[1].errback(LookupError("mine"))

    error = gathered.result.value
    assert isinstance(error, FirstError)
    assert error.index == 1
    assert error.failure.check(LookupError)
    assert "mine" in str(error)
    ignore(gathered)


def test_a_list_of_nothing_has_fired():
    assert DeferredList([]).result == []
    assert not DeferredList([], fire_on_one_callback=True).called


def test_without_consuming_them_a_list_leaves_failures_to_their_deferreds(reported):
    deferred = fail(LookupError("mine"))

    gathered = DeferredList([deferred])
    assert isinstance(deferred.result, Failure)
    del deferred, gathered

    assert "mine" in reported.pop()


def test_cancelling_a_list_cancels_all_even_if_one_refuses(reported):
    def refuse(deferred):
        raise ValueError("no")

    deferreds = [Deferred(), Deferred(refuse), Deferred()]
    gathered = DeferredList(deferreds, consume_errors=True)

    gathered.cancel()

    assert [deferred.called for deferred in deferreds] == [True, False, True]
    assert "ValueError: no" in reported.pop()


def test_gathering_gives_the_values():
    first = Deferred()
    gathered = gather_results([first, succeed(2)])

    first.callback(1)

    assert gathered.result == [1, 2]


def test_gathering_fails_with_the_first_failure():
    gathered = gather_results([Deferred(), fail(LookupError())], consume_errors=True)

    assert gathered.result.check(FirstError)
    ignore(gathered)


def test_a_race_is_won_by_the_first_value_and_the_others_are_cancelled():
    cancelled = []
    deferreds = [Deferred(cancelled.append), Deferred(), Deferred(cancelled.append)]
    winner = race(deferreds)

    deferreds[1].callback("won")

    assert winner.result == (1, "won")
    assert cancelled == [deferreds[0], deferreds[2]]


def test_a_race_without_a_winner_fails_with_all_failures():
    deferreds = [Deferred(), Deferred()]
    winner = race(deferreds)

    deferreds[1].errback(LookupError("second"))
    assert not winner.called
    deferreds[0].errback(ValueError("first"))

    error = winner.result.value
    assert isinstance(error, AllFailedError)
    assert [failure.type for failure in error.failures] == [ValueError, LookupError]
    ignore(winner)


def test_cancelling_a_race_cancels_all():
    deferreds = [Deferred(), Deferred()]
    winner = race(deferreds)

    winner.cancel()

    assert [deferred.called for deferred in deferreds] == [True, True]
    ignore(winner)


def test_execute_and_maybe_deferred_make_deferreds_of_what_a_function_does():
    async def coroutine():
        return 4

    assert execute(lambda value: value, 1).result == 1
    assert maybe_deferred(lambda value: value, 2).result == 2
    assert maybe_deferred(lambda: succeed(3)).result == 3
    assert maybe_deferred(coroutine).result == 4
    for failing in (
        execute(lambda: 1 // 0),
        maybe_deferred(lambda: 1 // 0),
        maybe_deferred(lambda: Failure(ZeroDivisionError())),
    ):
        assert failing.result.check(ZeroDivisionError)
        ignore(failing)


OPTIONS = [
    {"fire_on_one_callback": one, "fire_on_one_errback": other, "consume_errors": third}
    for one in (False, True)
    for other in (False, True)
    for third in (False, True)
]
TWISTED_NAMES = {
    "fire_on_one_callback": "fireOnOneCallback",
    "fire_on_one_errback": "fireOnOneErrback",
    "consume_errors": "consumeErrors",
}


def shown(result):
    """Return a result with what differs by design between the two sides taken out."""
    if isinstance(result, list | tuple):
        return [shown(each) for each in result]
    value = getattr(result, "value", result)
    if type(value).__name__ == "FirstError":
        return ["first error", value.index if hasattr(value, "index") else None]
    return type(value).__name__ if isinstance(value, BaseException) else value


def outcome(make, make_list, script, options):
    """Return what a list over three Deferreds, and each of those, ends with after a script of events."""
    deferreds = [make() for _ in range(3)]
    gathered = make_list(deferreds, **options)
    for verb, number in script:
        if verb == "cancel":
            gathered.cancel()
        elif not deferreds[number].called:
            getattr(deferreds[number], verb)(number if verb == "callback" else ValueError(number))
    results = [shown(getattr(each, "result", None)) if each.called else "waits" for each in [*deferreds, gathered]]
    for deferred in [*deferreds, gathered]:
        (deferred.addErrback if hasattr(deferred, "addErrback") else deferred.add_errback)(lambda failure: None)
    return results


SCRIPTS = [
    [("callback", 1), ("errback", 0), ("callback", 2)],
    [("errback", 2), ("callback", 0), ("errback", 1)],
    [("callback", 0), ("cancel", 0)],
    [("cancel", 0)],
    [("errback", 0), ("errback", 1), ("errback", 2)],
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_a_list_does_what_twisteds_does(script, options):
    theirs = outcome(
        defer.Deferred,
        defer.DeferredList,
        script,
        {TWISTED_NAMES[name]: value for name, value in options.items()},
    )

    assert outcome(Deferred, DeferredList, script, options) == theirs


def test_lists_gathering_and_races_can_be_awaited():
    async def main():
        return await gather_results([succeed(1)]), await race([succeed(2)]), await DeferredList([succeed(3)])

    assert asyncio.run(main()) == ([1], (0, 2), [(True, 3)])
