"""A Deferred's chain as a picture: what happened to real Deferreds can be read from it."""

import asyncio
import gc
import weakref

import pytest

import weft
from weft.deferred import (
    Deferred,
    DeferredList,
    Failure,
    ensure_deferred,
    fail,
    gather_results,
    inline_callbacks,
    succeed,
)

from .chains import classes, crossings, double, fired, nested, recover, recovered, refuse, tips, words


def test_a_value_goes_down_the_left_side():
    figure = weft.figure(fired(Deferred().add_callback(double).add_callbacks(str, recover)))

    assert tips(figure) == [
        "callback double: ran; returned a value",
        "callback str: ran; returned a value",
        "errback recover: did not run",
    ]
    assert crossings(figure) == ([], [])
    assert "fired with a value" in words(figure)
    assert "the value '2'" in words(figure)
    assert classes(figure, "rect").count("on-value") == 3  # two steps, and what the colour means
    assert "line-failure" not in " ".join(classes(figure, "path"))


def test_a_failure_crosses_to_the_right_and_recovers_to_the_left_each_with_its_reason():
    figure = weft.figure(recovered())

    assert crossings(figure) == (["failure", "value"], ["raised LookupError", "returned a value: recovered"])
    assert tips(figure) == [
        "callback double: ran; returned a value",
        "callback refuse: ran; raised LookupError",
        "callback double: did not run",
        "errback recover: ran; returned a value: recovered",
        "callback len: ran; returned a value",
    ]
    assert "no errback: it passes" in words(figure)


def test_the_same_can_be_read_in_plain_text():
    assert str(weft.figure(recovered())).split("\n") == [
        "The chain of a Deferred",
        "Fired with a value. 5 steps. Now: the value 12.",
        "",
        "callbacks: for a value                  errbacks: for a failure",
        "",
        "✓ fired with a value                    ┊",
        "├─[double]                              ┊  ·",
        "├─[refuse]                              ┊  ·",
        "╰───────── raised LookupError ──────────╖",
        "┊  double                               ║  no errback: it passes",
        "┊  ·                                    ╠═[recover]",
        "╭───── returned a value: recovered ─────╜",
        "├─[len]                                 ┊  ·",
        "✓ the value 12                          ┊",
        "",
        "✓ a value    ✗ a failure    [name] ran    ┊ name  did not run",
    ]


def test_and_in_ascii():
    lines = weft.figure(recovered()).text(ascii_only=True, width=64).split("\n")

    assert lines[5:14] == [
        "v fired with a value            :",
        "|-[double]                      :  -",
        "|-[refuse]                      :  -",
        "`----- raised LookupError ------.",
        ":  double                       #  no errback: it passes",
        ":  -                            #=[recover]",
        ".- returned a value: recovered -'",
        "|-[len]                         :  -",
        "v the value 12                  :",
    ]


def test_a_failure_that_nobody_handled_says_so():
    deferred = fired(Deferred().add_callback(refuse))

    figure = weft.figure(deferred)
    deferred.add_errback(recover)

    assert "an unhandled failure: LookupError: no such poem" in words(figure)
    assert "reported if the Deferred goes away" in words(figure)


def test_a_failure_that_was_awaited_was_given_to_somebody():
    async def wait():
        await deferred

    deferred = fail(LookupError("no"))
    ensure_deferred(wait()).add_errback(recover)

    assert "a failure: LookupError: no" in words(weft.figure(deferred))
    assert "whoever awaited it was given it" in words(weft.figure(deferred))


def test_a_failure_that_was_taken_leaves_none():
    @inline_callbacks
    def work():
        with pytest.raises(LookupError):
            yield deferred

    deferred = fired(Deferred().add_callback(refuse))
    work()

    assert "its failure went to whoever waited for it" in words(weft.figure(deferred))


def test_before_it_fires_both_sides_wait_and_nothing_has_run():
    figure = weft.figure(Deferred().add_callbacks(double, recover).add_callback(double))

    assert {"not fired yet", "a value will come in left, a failure right"} <= set(words(figure))
    assert tips(figure) == [
        "callback double: has not run",
        "errback recover: has not run",
        "callback double: has not run",
    ]
    assert classes(figure, "circle") == ["open", "open"]
    assert classes(figure, "rect").count("later") == 4
    assert not [each for each in classes(figure, "path") if "line-" in each]


def test_a_deferred_without_steps_is_drawn():
    assert "Not fired yet. 0 steps." in words(weft.figure(Deferred()))
    assert "Fired with a value. 0 steps. Now: the value 3." in words(weft.figure(succeed(3)))


def test_of_what_was_taken_and_left_no_trace_nothing_is_claimed():
    inner = fail(LookupError())
    succeed(1).add_callback(lambda _: inner).add_errback(recover)

    said = words(weft.figure(inner))

    assert "fired" in said
    assert "fired with a value" not in said


@pytest.mark.parametrize("is_fired_later", [False, True])
def test_cancelled_without_a_canceller(is_fired_later):
    deferred = Deferred().add_callback(double).add_errback(recover)
    deferred.cancel()
    if is_fired_later:
        deferred.callback(1)

    figure = weft.figure(deferred)

    more = (
        "a result came later, and was ignored" if is_fired_later else "whoever fires it later, once, does so in vain"
    )
    assert {"cancelled: it has no canceller", more} <= set(words(figure))
    assert crossings(figure)[0] == ["value"]
    assert tips(figure)[0] == "callback double: did not run"


def test_cancelled_with_a_canceller():
    stopped = Deferred(lambda deferred: None).add_errback(recover)
    given = Deferred(lambda deferred: deferred.callback("half")).add_callback(len)
    stopped.cancel()
    given.cancel()

    assert "cancelled: its canceller was called" in words(weft.figure(stopped))
    assert "a failure came of it" in words(weft.figure(stopped))
    assert {"cancelled: its canceller was called", "it fired it with a value"} <= set(words(weft.figure(given)))


def test_a_canceller_that_raises_leaves_it_unfired():
    def stop(deferred):
        raise OSError("cannot be stopped")

    deferred = Deferred(stop)
    with pytest.raises(OSError, match="cannot be stopped"):
        deferred.cancel()

    assert "its canceller was called, and did not fire it" in words(weft.figure(deferred))


def test_a_step_that_waits_shows_the_chain_that_it_waits_for_and_what_is_to_come():
    inner = Deferred().add_callback(double)
    figure = weft.figure(nested(inner))

    assert "returned a Deferred, and waits for it" in words(figure)
    assert "the Deferred that fetch returned" in words(figure)
    assert "Fired with a value. 4 steps. It waits for what fetch returned." in words(figure)
    assert tips(figure) == [
        "callback double: ran; returned a value",
        "callback fetch: ran; returned a Deferred, and waits for it",
        "callback double: has not run",
        "(the Deferred that waits): then its result goes to the Deferred that waits",
        "callback double: has not run",
        "errback recover: has not run",
    ]
    assert classes(figure, "rect").count("frame") == 1
    assert str(figure).split("\n")[5:-2] == [
        "  ✓ fired with a value                   ┊",
        "  ├─[double]                             ┊  ·",
        "  ├─[fetch]                              ┊  ·",
        "  ╰─ returned a Deferred, and waits for it",
        "┌── the Deferred that fetch returned     ┊",
        "│ ○ not fired yet                        ○",
        "│ ┊  double                              ┊  ·",
        "│ ┊ (then its result goes to the Deferred that waits)",
        "└─┊                                      ┊",
        "  ┊  double                              ┊  ·",
        "  ┊  ·                                   ┊  recover",
    ]


def test_a_step_that_has_waited_shows_the_chain_that_it_waited_for():
    inner = Deferred().add_callback(double)
    deferred = nested(inner)
    inner.callback(5)
    figure = weft.figure(deferred)

    assert tips(figure) == [
        "callback double: ran; returned a value",
        "callback fetch: ran; returned a Deferred",
        "callback double: ran; returned a value",
        "callback double: ran; returned a value",
        "errback recover: did not run",
    ]
    assert "its value goes on" in words(figure)
    assert "the value 20" in words(figure)


def test_a_failure_of_what_was_waited_for_goes_on_through_the_chain():
    innermost = Deferred().add_callback(refuse)
    deferred = nested(nested(innermost).add_errback(double).add_callback(refuse))
    innermost.callback(5)
    figure = weft.figure(deferred)

    assert crossings(figure)[1] == [
        "raised LookupError",  # within the innermost
        "it failed: LookupError",
        "returned a value: recovered",
        "raised LookupError",
        "it failed: LookupError",
        "returned a value: recovered",
    ]
    assert classes(figure, "rect").count("frame") == 2


def test_an_errback_that_waited_recovers_too():
    deferred = fired(Deferred().add_callback(refuse).add_errback(lambda _: succeed(3)))

    assert "its value goes on: recovered" in words(weft.figure(deferred))


def test_what_was_cancelled_while_it_waited_shows_where_the_cancellation_went():
    inner = Deferred()
    deferred = nested(inner)
    deferred.cancel()

    assert "it failed: CancelledError" in words(weft.figure(deferred))
    assert "cancelled: it has no canceller" in words(weft.figure(inner))


def test_a_generators_deferred_shows_what_the_generator_waits_for():
    waiting = Deferred()

    @inline_callbacks
    def work():
        yield waiting

    deferred = work().add_callback(double)
    said = " ".join(words(weft.figure(deferred)))

    assert "it gets the result of the generator work, which waits for a Deferred" in said
    assert "what the generator work waits for" in said
    assert "then its result goes to the generator work" in said
    waiting.callback(None)


def test_a_coroutines_deferred_says_which_future_it_waits_for():
    async def main():
        future = asyncio.get_running_loop().create_future()

        async def work():
            await future

        said = str(weft.figure(ensure_deferred(work())))
        future.set_result(None)
        return said

    assert "it gets the result of the coroutine work, which waits for a Future" in weft.run(main())


def test_a_cancelled_one_that_waits_for_how_its_task_ends():
    async def main():
        async def linger():
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                return "gone"

        deferred = Deferred.from_coroutine(linger())
        await asyncio.sleep(0)
        deferred.cancel()
        figure = weft.figure(deferred)
        return figure, await deferred, weft.figure(deferred)

    before, result, after = weft.run(main())

    assert result == "gone"
    assert {"cancelled: its canceller was called", "the Deferred whose result it takes"} <= set(words(before))
    assert {"cancelled: its canceller was called", "it fired it with a value"} <= set(words(after))


def test_a_list_shows_its_members_and_then_its_own_chain():
    members = [Deferred().add_callback(double), Deferred().add_callback(refuse).add_errback(recover)]
    gathered = gather_results(members).add_callback(len)
    before = weft.figure(gathered)
    for member in members:
        member.callback(1)
    after = weft.figure(gathered)

    assert words(after)[0] == "A DeferredList and its 2 members"
    assert {"member [0] of the list", "member [1] of the list"} <= set(words(after))
    assert tips(after) == [
        "callback double: ran; returned a value",
        "DeferredList._arrive: its value goes to the list",
        "callback refuse: ran; raised LookupError",
        "errback recover: ran; returned a value: recovered",
        "DeferredList._arrive: its value goes to the list",
        "callback _gathered_values: ran; returned a value",
        "callback len: ran; returned a value",
    ]
    assert "all of its 2 members had a result" in words(after)
    assert "it has 0 of 2 results; a failure fires it at once" in words(before)
    assert "then its result goes to the list" in words(before)


def test_a_list_that_fired_early_says_at_what():
    open_member = Deferred()
    failed = DeferredList([open_member, fail(KeyError())], fire_on_one_errback=True, consume_errors=True)
    failed.add_errback(recover)
    first = DeferredList([open_member, succeed(2)], fire_on_one_callback=True)

    assert "that of the first member that failed" in words(weft.figure(failed))
    assert "None goes on" in words(weft.figure(failed))
    assert "that of the first member that had one" in words(weft.figure(first))


def test_a_cancelled_list_shows_its_members_cancelled():
    deferred = DeferredList([Deferred(), Deferred(lambda _: None)], consume_errors=True)
    deferred.cancel()
    said = words(weft.figure(deferred))

    assert {"cancelled: it has no canceller", "cancelled: its canceller was called"} <= set(said)
    assert "its failure goes to the list" in said


def test_of_a_long_list_some_members_are_drawn_and_the_others_counted():
    members = [Deferred() for _ in range(50)]
    deferred = DeferredList(members, consume_errors=True)
    for member in members[:20]:
        member.callback(1)
    members[20].errback(KeyError())
    said = words(weft.figure(deferred))

    assert "… 38 members more" in said
    assert "8 with a value, 1 failed, 29 not there yet" in said


def test_an_empty_list_is_drawn():
    assert "Fired with a value. 0 steps. Now: the value []." in words(weft.figure(DeferredList([])))


def test_a_paused_one_says_where_it_stopped():
    deferred = fired(Deferred().add_callback(double), 3)
    deferred.pause()
    deferred.pause()
    deferred.add_callback(double)
    figure = weft.figure(deferred)

    assert {"paused 2 times, with the value 6", "unpause() lets it go on"} <= set(words(figure))
    assert tips(figure) == ["callback double: ran; returned a value", "callback double: has not run"]
    assert "‖ paused 2 times, with the value 6" in str(figure)


def test_one_that_is_paused_before_it_fires_says_so():
    deferred = Deferred()
    deferred.pause()

    assert "paused once" in words(weft.figure(deferred))


def test_a_picture_from_within_a_step_shows_that_step_running():
    taken = []
    deferred = Deferred().add_callback(double).add_callback(lambda _: taken.append(weft.figure(deferred)))
    fired(deferred.add_callback(double), 1).add_errback(recover)

    assert "it runs now" in words(taken[0])
    assert tips(taken[0])[-1] == "callback double: has not run"
    assert any("<lambda> runs now." in each for each in words(taken[0]))


def test_a_failure_that_was_returned_is_told_from_one_that_was_raised():
    deferred = fired(Deferred().add_callback(lambda _: Failure(KeyError())).add_errback(lambda failure: failure))
    deferred.add_errback(refuse)
    figure = weft.figure(deferred)
    deferred.add_errback(recover)

    assert crossings(figure) == (
        ["failure"],
        ["returned a failure: KeyError", "returned the failure: KeyError", "raised LookupError"],
    )


def test_who_was_given_the_result_is_said():
    async def wait():
        await awaited

    awaited = Deferred()
    ensure_deferred(wait())
    fired(awaited)
    chained = fired(Deferred().chain(Deferred()))

    assert tips(weft.figure(awaited)) == ["await: its value goes to whoever awaits it"]
    assert "its value goes to another Deferred, by chain()" in words(weft.figure(chained))


def test_a_step_with_nothing_on_either_side_passes():
    assert "no callback: it passes" in words(weft.figure(fired(Deferred().add_callbacks(None, None))))


# -- bounds


def test_of_a_long_chain_the_first_and_last_steps_are_drawn_and_those_around_the_result():
    deferred = Deferred()
    for _ in range(60):
        deferred.add_callback(double)
    deferred.callback(0)
    deferred.pause()
    for _ in range(1000):
        deferred.add_callback(double)
    figure = weft.figure(deferred)

    assert "… 47 steps left out" in words(figure)
    assert "… 989 steps left out: they have not run" in words(figure)
    assert "paused once, with the value 0" in words(figure)
    assert [each for each in words(figure) if each.isdigit()] == [
        str(number) for number in (*range(1, 9), *range(56, 64), *range(1053, 1061))
    ]


def test_a_switch_among_the_steps_left_out_is_drawn_still():
    deferred = Deferred()
    for place in range(60):
        deferred.add_callback(refuse if place == 30 else double)
    deferred.callback(0)
    figure = weft.figure(deferred)
    deferred.add_errback(recover)

    assert crossings(figure)[0] == ["failure"]
    assert "no errback: it passes" in words(figure)
    assert "╖" in str(figure)


def test_steps_that_ran_long_ago_are_counted():
    deferred = fired(Deferred(), 0)
    for _ in range(1000):
        deferred.add_callback(double)
    forgotten = deferred.steps_forgotten

    assert f"… fired; {forgotten} steps ran long ago, no longer kept" in words(weft.figure(deferred))


def test_steps_of_an_inner_chain_that_are_not_kept_are_counted():
    inner = Deferred()
    for _ in range(70):
        inner.add_callback(double)

    assert "… 70 steps, no longer kept" in words(weft.figure(nested(fired(inner, 0))))


def test_a_picture_of_a_chain_of_100000_steps_stays_small():
    deferred = Deferred()
    for _ in range(100_000):
        deferred.add_callback(double)

    assert len(weft.figure(deferred).svg()) < 40_000
    assert len(str(weft.figure(deferred))) < 4_000


def waiting_chain(count):
    """Deferreds that wait for one another, `count` of them; the outermost, and the innermost."""
    innermost = deferred = Deferred()
    for _ in range(count):
        deferred = fired(Deferred().add_callback(lambda _, inner=deferred: inner))
    return deferred, innermost


def test_of_many_that_wait_for_one_another_a_few_are_drawn_and_how_the_last_stands_is_said():
    deferred, innermost = waiting_chain(20_000)

    said = " ".join(words(weft.figure(deferred)))

    assert "19,995 more wait below it, each for the next; the last is not fired yet" in said
    innermost.callback(1)
    said = " ".join(words(weft.figure(deferred)))
    assert "of 1 step, is not drawn" in said
    assert "the value 1" in said


def test_one_that_waits_for_itself_is_drawn():
    deferred = Deferred().add_callback(lambda _: deferred)
    with pytest.warns(RuntimeWarning, match="waits for itself"):
        deferred.callback(1)

    assert "in a circle, for ever" in " ".join(words(weft.figure(deferred)))


def test_a_circle_below_what_is_drawn_is_found():
    first, second = Deferred().add_callback(lambda _: second), Deferred().add_callback(lambda _: first)
    first.callback(1)
    second.callback(1)
    deferred = second
    for _ in range(6):
        deferred = fired(Deferred().add_callback(lambda _, inner=deferred: inner))

    assert "in the end it waits for itself, in a circle" in " ".join(words(weft.figure(deferred)))


def test_lists_of_lists_stay_small():
    deferred = Deferred()
    for _ in range(4):
        deferred = DeferredList([deferred] * 12)
    deferred.cancel()

    figure = weft.figure(deferred)

    assert "… 11 members more" in words(figure)
    assert len(figure.svg()) < 400_000


# -- what a picture does to its Deferred: nothing


def test_drawing_leaves_the_deferred_as_it_was():
    inner = Deferred()
    deferred = nested(inner)
    before = (deferred.steps(), inner.steps(), deferred.waits_for)

    weft.figure(deferred).svg()

    assert (deferred.steps(), inner.steps(), deferred.waits_for) == before
    inner.callback(2)
    assert deferred.result == 4


def test_a_picture_keeps_neither_the_deferred_nor_its_result():
    class Poem:
        pass

    poem = Poem()
    deferred = succeed(poem)
    figure = weft.figure(deferred)
    gone = weakref.ref(poem), weakref.ref(deferred)
    del poem, deferred
    gc.collect()

    assert [reference() for reference in gone] == [None, None]
    assert "the value <Poem>" in str(figure)


def test_an_unhandled_failure_is_reported_although_it_was_drawn(caplog):
    deferred = fail(LookupError("no"))
    figure = weft.figure(deferred)
    del deferred
    gc.collect()

    assert "LookupError: no" in caplog.text
    assert "an unhandled failure" in str(figure)
