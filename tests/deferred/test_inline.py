"""Generators and coroutines that wait for Deferreds."""

import asyncio
from contextvars import ContextVar

import pytest

import weft
from weft.deferred import Deferred, Failure, ensure_deferred, fail, inline_callbacks, succeed
from weft.errors import NotDrivableError

DEPTH = 100_000


def test_a_generator_runs_at_once_and_its_return_value_is_the_result():
    @inline_callbacks
    def add(first, second):
        one = yield first
        other = yield second
        return one + other

    assert add(succeed(1), 2).result == 3


def test_it_waits_for_what_has_not_fired():
    waiting = Deferred()

    @inline_callbacks
    def wait():
        return (yield waiting)

    deferred = wait()
    assert not deferred.called
    waiting.callback(3)

    assert deferred.result == 3
    assert waiting.result is None, "a yield takes the result, as in Twisted"


def test_a_failure_is_raised_at_the_yield_and_what_is_raised_fails():
    @inline_callbacks
    def recover():
        try:
            yield fail(LookupError("mine"))
        except LookupError as error:
            raise ValueError("ours") from error

    deferred = recover()

    assert deferred.result.check(ValueError)
    assert deferred.result.value.__cause__.args == ("mine",)
    deferred.add_errback(lambda failure: None)


def test_generators_and_coroutines_may_be_yielded():
    def inner():
        return (yield succeed(1))

    async def other():
        return await succeed(2)

    @inline_callbacks
    def outer():
        return (yield inner()), (yield other())

    assert outer().result == (1, 2)


def test_cancelling_cancels_what_it_waits_for():
    waiting = Deferred()
    seen = []

    @inline_callbacks
    def wait():
        try:
            yield waiting
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    deferred = wait()
    deferred.cancel()

    assert seen == ["cancelled"]
    assert deferred.result.check(asyncio.CancelledError)
    deferred.add_errback(lambda failure: None)


def test_a_generator_may_go_on_after_it_was_cancelled_and_be_cancelled_again():
    first, second = Deferred(), Deferred()

    @inline_callbacks
    def stubborn():
        for waiting in (first, second):
            try:
                yield waiting
            except asyncio.CancelledError:
                pass
        return "done"

    deferred = stubborn()
    deferred.cancel()
    assert not isinstance(deferred.result, Failure)
    deferred.cancel()

    assert deferred.result == "done"


def test_steps_added_before_the_cancellation_run_after_what_that_brought_about():
    order = []
    waiting = Deferred()

    @inline_callbacks
    def wait():
        try:
            yield waiting
        except asyncio.CancelledError:
            order.append("generator")

    deferred = wait()
    deferred.add_callback(lambda _: order.append("its Deferred"))
    waiting.add_both(lambda _: order.append("what it waited for"))

    deferred.cancel()

    assert order == ["generator", "what it waited for", "its Deferred"]


def test_a_canceller_that_raises_fails_the_generators_deferred():
    def refuse(deferred):
        raise ValueError("no")

    waiting = Deferred(refuse)

    @inline_callbacks
    def wait():
        yield waiting

    deferred = wait()
    deferred.cancel()

    assert deferred.result.check(ValueError)
    deferred.add_errback(lambda failure: None)
    waiting.callback(None)


@pytest.mark.parametrize("ends_by", ["callback", "errback", "cancel"])
@pytest.mark.parametrize("kind", ["generators", "coroutines"])
def test_any_number_of_them_may_wait_for_one_another(kind, ends_by):
    @inline_callbacks
    def wait(deferred):
        return 1 + (yield deferred)

    async def wait_as_coroutine(deferred):
        return 1 + await deferred

    first = deferred = Deferred()
    for _ in range(DEPTH):
        deferred = wait(deferred) if kind == "generators" else ensure_deferred(wait_as_coroutine(deferred))

    if ends_by == "callback":
        first.callback(0)
        assert deferred.result == DEPTH
    elif ends_by == "errback":
        first.errback(LookupError())
        deferred.add_errback(lambda failure: failure.trap(LookupError))
    else:
        deferred.cancel()
        deferred.add_errback(lambda failure: failure.trap(asyncio.CancelledError))
    assert not isinstance(deferred.result, Failure)


def test_one_may_wait_any_number_of_times():
    @inline_callbacks
    def count():
        for number in range(DEPTH):
            yield succeed(number)
        return number

    assert count().result == DEPTH - 1


def test_its_context_is_its_own():
    variable = ContextVar("variable", default="outer")
    waiting = Deferred()

    @inline_callbacks
    def work():
        variable.set("inner")
        yield waiting
        return variable.get()

    deferred = work()
    waiting.callback(None)

    assert deferred.result == "inner"
    assert variable.get() == "outer"


def test_a_function_that_does_not_yield_is_refused():
    with pytest.raises(NotDrivableError):
        inline_callbacks(lambda: 3)()


def test_a_coroutine_runs_at_once_without_a_loop():
    waiting = Deferred()

    async def work():
        return await succeed(1) + await waiting

    deferred = ensure_deferred(work())
    waiting.callback(2)

    assert deferred.result == 3
    assert waiting.result == 2, "an await leaves the result"


def test_a_deferred_is_ensured_already_and_other_things_are_refused():
    deferred = Deferred()

    assert ensure_deferred(deferred) is deferred
    with pytest.raises(NotDrivableError):
        ensure_deferred(3)


def test_a_coroutine_may_await_asyncios_futures_on_a_running_loop():
    async def work(future):
        await asyncio.sleep(0)
        return await future

    async def main():
        future = asyncio.get_running_loop().create_future()
        deferred = ensure_deferred(work(future))
        asyncio.get_running_loop().call_later(0.001, future.set_result, 3)
        cancelled = ensure_deferred(work(asyncio.get_running_loop().create_future()))
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        return await deferred

    assert weft.run(main()) == 3


def test_a_coroutine_that_awaits_something_unknown_is_told_so():
    class Strange:
        def __await__(self):
            yield "strange"

    async def work():
        await Strange()

    deferred = ensure_deferred(work())

    assert deferred.result.check(NotDrivableError)
    deferred.add_errback(lambda failure: None)
