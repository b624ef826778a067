"""The shared requirements, each on programs that meet it and on programs that do not, really recorded."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from weft.learn import requirements as asks
from weft.learn.chapter import Requirement, Verdict
from weft.learn.running import Run, run_program

Recorded = Callable[..., Run]


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """Run a program, and return what came of it."""

    def recorded(source: str, *, limit_s: float = 60, **options) -> Run:
        program = tmp_path / "program.py"
        program.write_text("import asyncio, time, threading\nimport weft\n" + textwrap.dedent(source))
        return run_program(program, limit_s=limit_s, **options)

    return recorded


def judged(run: Run, requirement: Requirement) -> Verdict:
    return requirement.judge(run)


TWO = """
    async def one():
        {first}
    async def two():
        {second}
    async def main():
        {main}
    weft.run(main())
"""
TOGETHER = TWO.format(
    first="await asyncio.sleep(0.2)", second="await asyncio.sleep(0.1)", main="await asyncio.gather(one(), two())"
)
IN_TURN = TWO.format(
    first="await asyncio.sleep(0.1)",
    second="await asyncio.sleep(0.1)",
    main="await asyncio.create_task(one()); await asyncio.create_task(two())",
)
BLOCKING = TWO.format(first="time.sleep(0.2)", second="time.sleep(0.2)", main="await asyncio.gather(one(), two())")


# -- how it ends


def test_a_program_that_ends_well_meets_it(recorded):
    verdict = judged(recorded("print('done')"), asks.ends_well())

    assert verdict.holds
    assert verdict.evidence.startswith("exit code 0 after ")


@pytest.mark.parametrize(
    "source, evidence, hint",
    [
        ("1 / 0", "ZeroDivisionError in line 3: division by zero", asks.MEND_FIRST),
        ("raise SystemExit(3)", "it ends with exit code 3", asks.MEND_FIRST),
        ("raise SystemExit('no')", "it ends with exit code 1", asks.MEND_FIRST),
        ("import os; os.kill(os.getpid(), 9)", "it ends with exit code -9", asks.MEND_FIRST),
        ("async def f(): pass\nf()", "coroutine 'f' was never awaited", asks.NOT_AWAITED),
    ],
)
def test_a_program_that_does_not_end_well_says_how(recorded, source, evidence, hint):
    verdict = judged(recorded(source), asks.ends_well())

    assert (verdict.holds, verdict.evidence, verdict.hint) == (False, evidence, hint)


def test_a_program_that_waits_for_ever_is_stopped_and_its_recording_kept(recorded):
    run = recorded("async def main(): await asyncio.Event().wait()\nweft.run(main())", limit_s=3)
    verdict = judged(run, asks.ends_well())

    assert run.is_over_time
    assert [task.name for task in run.timeline.tasks] == ["main"]
    assert verdict.evidence == "it was stopped after 3 s, in line 4: weft.run(main())"
    assert verdict.hint == asks.NEVER_ENDS


def test_a_program_that_will_not_be_interrupted_is_killed(recorded, monkeypatch):
    monkeypatch.setattr("weft.learn.running.FAREWELL_S", 0.2)
    source = """
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            print("not yet")
    """
    run = recorded(source, limit_s=3)

    assert run.is_over_time
    assert run.recording is None
    assert not judged(run, asks.ends_well()).holds
    assert not judged(run, asks.waits_overlap()).holds


def test_lines_are_asked_for_whatever_else_is_printed(recorded):
    run = recorded("print('b')\nprint('noise')\nprint('a  ')")

    assert judged(run, asks.prints("a", "b")).holds
    missing = judged(run, asks.prints("a", "c", hint="print c"))
    assert (missing.evidence, missing.hint) == ("it does not print: c", "print c")
    wrong_order = judged(run, asks.prints("a", "b", in_order=True))
    assert (wrong_order.holds, wrong_order.evidence) == (False, "it prints them as: b, a")
    assert judged(run, asks.prints("b", "a", in_order=True)).holds


# -- tasks


def test_tasks_that_wait_together_meet_all_of_it(recorded):
    run = recorded(TOGETHER)

    for requirement in (
        asks.has_tasks("one", "two"),
        asks.waits_overlap("one", "two"),
        asks.waits_overlap(least=2),
        asks.done_when_the_slowest_is(),
        asks.one_thread(),
        asks.nothing_blocks(),
        asks.nothing_unhandled(),
    ):
        assert judged(run, requirement).holds, requirement.asked


def test_tasks_that_come_one_after_another_are_told_from_those_that_block(recorded):
    in_turn, blocking = recorded(IN_TURN), recorded(BLOCKING)

    for requirement in (asks.waits_overlap(), asks.done_when_the_slowest_is()):
        assert not judged(in_turn, requirement).holds
        assert judged(in_turn, requirement).hint == asks.IN_TURN
    assert judged(in_turn, asks.nothing_blocks()).holds
    verdict = judged(blocking, asks.nothing_blocks())
    assert (verdict.holds, verdict.hint) == (False, asks.BLOCKED)
    assert "and holds the thread in line " in verdict.evidence
    assert "time.sleep(0.2)" in verdict.evidence


def test_one_task_that_awaits_everything_is_told_from_tasks_of_other_names(recorded):
    alone = recorded("async def main():\n    await asyncio.sleep(0.05)\nweft.run(main())")

    assert judged(alone, asks.waits_overlap(least=3)).hint == asks.ONE_TASK
    assert judged(recorded(TOGETHER), asks.waits_overlap("Ada", "Ben")).hint == asks.NOT_MADE
    missing = judged(alone, asks.has_tasks("Ada"))
    assert (missing.evidence, missing.hint) == ("no task Ada was recorded; those seen: main", asks.NOT_MADE)
    assert judged(recorded("pass"), asks.has_tasks("Ada")).evidence.endswith("those seen: none")


def test_a_thread_is_seen_and_what_python_starts_for_itself_is_not(recorded):
    own = recorded("t = threading.Thread(target=time.sleep, args=(0.01,))\nt.start()\nt.join()")
    executors = recorded("async def main():\n    await asyncio.to_thread(time.sleep, 0.01)\nweft.run(main())")

    verdict = judged(own, asks.one_thread())
    assert (verdict.holds, verdict.evidence, verdict.hint) == (False, "it started 1 more thread", asks.IN_THREADS)
    assert len(executors.threads) == 1


# -- who holds the thread


def test_a_step_that_computes_for_long_is_told_from_one_that_sleeps(recorded):
    run = recorded(
        """
        async def main():
            end = time.thread_time() + 0.3
            while time.thread_time() < end:
                pass
        weft.run(main())
        """
    )

    verdict = judged(run, asks.nothing_blocks())

    assert (verdict.holds, verdict.hint) == (False, asks.COMPUTED)
    assert verdict.evidence.startswith("main computes for ")


def test_a_job_in_another_thread_may_sleep(recorded):
    run = recorded("async def main():\n    await asyncio.to_thread(time.sleep, 0.2)\nweft.run(main())")

    assert judged(run, asks.nothing_blocks()).holds


def test_a_library_that_sleeps_is_laid_to_the_line_that_called_it(recorded, tmp_path):
    (tmp_path / "library.py").write_text("import time\ndef call():\n    time.sleep(0.2)\n")

    run = recorded("import library\nasync def main():\n    library.call()\nweft.run(main())")

    assert judged(run, asks.nothing_blocks()).evidence.endswith(" in line 5: library.call()")


# -- failures, calls and cancellations


@pytest.mark.parametrize(
    "source",
    [
        "async def bad(): 1 / 0\nasync def main():\n    asyncio.create_task(bad())\n    await asyncio.sleep(0.01)\n"
        "weft.run(main())",
        "def bad(): 1 / 0\nloop = weft.new_event_loop()\nloop.call_soon(bad)\nloop.call_soon(loop.stop)\n"
        "loop.run_forever()\nloop.close()",
        "weft.fail(ZeroDivisionError('division by zero'))",
        "t = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()",
    ],
    ids=["a task", "a callback", "a Deferred", "a thread"],
)
def test_a_failure_that_nobody_looked_at_is_found(recorded, source):
    verdict = judged(recorded(source), asks.nothing_unhandled())

    assert (verdict.holds, verdict.hint) == (False, asks.UNHANDLED)
    assert "ZeroDivisionError" in verdict.evidence


def test_a_failure_that_is_handled_is_none(recorded):
    run = recorded("weft.fail(ZeroDivisionError()).add_errback(lambda failure: print('seen'))")

    assert judged(run, asks.nothing_unhandled()).holds


def test_calls_are_counted_by_name_and_by_file(recorded, tmp_path):
    (tmp_path / "library.py").write_text("def explain():\n    pass\n")
    source = """
    import library
    def explain(failure):
        pass
    weft.fail(ValueError()).add_errback(explain)
    library.explain()
    threading.Thread(target=library.explain).start()
    """

    run = recorded(source, watched=["program.explain", "library.explain"])

    assert judged(run, asks.was_called("program.explain", 1)).holds
    assert judged(run, asks.was_called("library.explain", 2)).holds
    assert judged(run, asks.was_called("library.explain")).holds
    verdict = judged(run, asks.was_called("absent", asked="it ran", hint="call it"))
    assert (verdict.holds, verdict.evidence, verdict.hint) == (False, "absent was called 0 times", "call it")


def test_what_was_cancelled_in_time_is_told_from_what_was_not(recorded):
    run = recorded(
        """
        async def wait():
            await asyncio.sleep(60)
        async def main():
            slow = asyncio.create_task(wait(), name="slow")
            done = asyncio.create_task(asyncio.sleep(0), name="done")
            await asyncio.wait([slow], timeout=0.1)
            slow.cancel()
        weft.run(main())
        """
    )

    assert judged(run, asks.was_cancelled("slow", 30)).holds
    late = judged(run, asks.was_cancelled("slow", 0.01, hint="sooner"))
    assert (late.holds, late.hint) == (False, "sooner")
    assert judged(run, asks.was_cancelled("done", 30)).evidence.startswith("done: returned after ")
    assert judged(run, asks.was_cancelled("absent", 30)).hint == asks.NOT_MADE
