"""A chain can be told: what stands in it, what ran on which side, and how that ended."""

import asyncio
from functools import partial

from weft.deferred import Deferred, DeferredList, Failure, Step, ensure_deferred, fail, inline_callbacks, succeed


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
        ("(another Deferred, by chain)", "(another Deferred, by chain)"),
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


def test_a_failure_that_was_returned_is_told_from_one_that_was_raised():
    deferred = Deferred().add_callback(lambda value: Failure(KeyError())).add_errback(lambda failure: failure)
    deferred.add_errback(lambda failure: failure.raise_value()).add_errback(recover)

    deferred.callback(1)

    assert [(step.error, step.returned_failure) for step in deferred.steps()] == [
        (KeyError, True),
        (KeyError, True),
        (KeyError, False),
        (None, False),
    ]


def test_an_await_lets_a_failure_pass():
    deferred = Deferred()

    async def wait():
        await deferred

    waiting = ensure_deferred(wait()).add_errback(recover)
    deferred.errback(LookupError())

    assert deferred.steps() == (Step("await", "await", "errback", "failure", LookupError, returned_failure=True),)
    assert waiting.result == "recovered"


def test_a_step_that_runs_says_so():
    seen = []
    deferred = Deferred().add_callback(double).add_callback(lambda _: seen.append(deferred.steps()))

    deferred.callback(1)

    assert [step.outcome for step in seen[0]] == ["value", "running"]
    assert [step.outcome for step in deferred.steps()] == ["value", "value"]


def test_of_what_was_waited_for_the_steps_that_are_not_kept_are_counted():
    def fetch(_):
        inner = Deferred()
        for _ in range(60):
            inner.add_callback(double)
        inner.callback(1)
        return inner

    outer = succeed(1).add_callback(fetch).add_callback(fetch)

    kept, left_out = outer.steps()
    assert (len(kept.waited_on), kept.waited_forgotten) == (60, 0)
    assert (left_out.waited_on, left_out.waited_forgotten) == ((), 60)


def test_what_was_waited_for_and_forgot_steps_itself_is_counted_with_them():
    inner = Deferred()
    for _ in range(300):
        inner.add_callback(lambda value: value)
    inner.callback(1)

    [step] = succeed(1).add_callback(lambda _: inner).steps()

    assert inner.steps_forgotten > 0
    assert (step.waited_on, step.waited_forgotten) == ((), 300)


def test_how_it_was_cancelled_is_known():
    plain, deaf, fired_in_vain = Deferred(), Deferred(), Deferred()
    stopped, stopped_with_a_value = Deferred(lambda _: None), Deferred(lambda deferred: deferred.callback(1))
    for deferred in (deaf, fired_in_vain, stopped, stopped_with_a_value):
        deferred.cancel()
        deferred.add_errback(recover)
    fired_in_vain.callback(1)
    plain.callback(1)
    plain.cancel()

    assert [each.cancelled for each in (plain, deaf, fired_in_vain, stopped, stopped_with_a_value)] == [
        None,
        "no canceller",
        "result ignored",
        "canceller",
        "canceller",
    ]


def test_who_waits_is_not_cancelled_itself_but_what_it_waits_for_is():
    inner = Deferred()
    outer = succeed(1).add_callback(lambda _: inner)

    outer.cancel()
    outer.add_errback(recover)

    assert (outer.cancelled, inner.cancelled) == (None, "no canceller")


def test_a_generators_deferred_knows_the_generator_and_what_that_waits_for():
    waiting = Deferred()

    @inline_callbacks
    def work():
        yield waiting

    deferred = work()
    name, waits_for = deferred.routine

    assert name.startswith("yield in ")
    assert waits_for is waiting
    assert Deferred().routine is None
    waiting.callback(None)
    assert deferred.routine is None


def test_a_cancelled_generators_deferred_says_so():
    @inline_callbacks
    def work():
        yield Deferred()

    deferred = work().add_errback(recover)
    deferred.cancel()

    assert deferred.cancelled == "canceller"


def test_pauses_are_counted_without_the_wait_for_another():
    inner = Deferred()
    outer = succeed(1).add_callback(lambda _: inner)
    outer.pause()
    outer.pause()

    assert (outer.times_paused, inner.times_paused, outer.paused) == (2, 0, True)
    outer.unpause()
    assert outer.times_paused == 1


def test_a_failure_is_unhandled_until_somebody_takes_it():
    deferred = fail(LookupError())

    assert deferred.unhandled
    deferred.add_errback(recover)
    assert not deferred.unhandled
    assert not Deferred().unhandled


def test_a_failure_that_was_awaited_is_handled():
    deferred = fail(LookupError())

    async def wait():
        await deferred

    ensure_deferred(wait()).add_errback(recover)

    assert not deferred.unhandled
    assert isinstance(deferred.result, Failure)
