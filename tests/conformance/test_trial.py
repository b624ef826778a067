"""What the harness makes of tests of Twisted's that hang, end the process, or run on another reactor."""

import os
import textwrap

import pytest
from judging import judged
from named import Group
from processes import BrokenError, Outcome
from trial import KINDS, SUFFIX, Kind, Trial

import weft

LONG_S = 60.0
TESTS = """
    import os
    import threading

    from twisted.internet.test.reactormixins import ReactorBuilder
    from twisted.trial.unittest import SynchronousTestCase


    class Ends(SynchronousTestCase):
        def test_a_passes(self):
            pass

        def test_b_hangs(self):
            threading.Event().wait()

        def test_c_dies(self):
            os._exit(3)

        def test_d_fails(self):
            self.assertEqual("this", "that")

        def test_e_is_skipped(self):
            self.skipTest("as it says")

        def test_f_makes_a_reactor_of_another_kind(self):
            from twisted.internet.selectreactor import SelectReactor
            SelectReactor()


    class Building(ReactorBuilder):
        def test_runs(self):
            reactor = self.buildReactor()
            reactor.callWhenRunning(reactor.stop)
            self.runReactor(reactor)


    globals().update(Building.makeTestCaseClasses())
"""


@pytest.fixture
def environ(tmp_path, monkeypatch):
    (tmp_path / "test_ends.py").write_text(textwrap.dedent(TESTS))
    return dict(os.environ, PYTHONPATH=str(tmp_path), WEFT_EXPECT_BUILD=weft.BUILD)


def outcomes(kind, environ, *names):
    """Return what becomes of the tests above, by their short names."""
    trial = Trial(kind, environ, LONG_S, {"test_ends.Ends.test_b_hangs": 0.2})
    try:
        return {outcome.name.rpartition(".")[2]: outcome for outcome in trial.outcomes_of(list(names))}
    finally:
        trial.close()


def test_a_test_that_hangs_or_ends_the_process_costs_the_others_nothing(environ):
    found = outcomes(KINDS["epoll"], environ, "test_ends")

    assert {name: outcome.status for name, outcome in found.items()} == {
        "test_runs": "passed",
        "test_a_passes": "passed",
        "test_b_hangs": "hung",
        "test_c_dies": "died",
        "test_d_fails": "failed",
        "test_e_is_skipped": "skipped",
        "test_f_makes_a_reactor_of_another_kind": "passed",
    }
    assert "in wait" in found["test_b_hangs"].reason, "the stack says where it hung"
    assert "'this' != 'that'" in found["test_d_fails"].reason
    assert found["test_e_is_skipped"].reason == "as it says"


@pytest.mark.parametrize("name", ["weft", "epoll", "asyncio", "asyncio-weft"])
def test_the_reactors_that_ran_are_counted_and_the_names_are_the_same_for_each(environ, name):
    found = outcomes(KINDS[name], environ, f"test_ends.Building{SUFFIX}test_runs", "test_ends.Ends.test_a_passes")

    built = found["test_runs"]
    assert (built.name, built.status, built.others) == (f"test_ends.Building{SUFFIX}test_runs", "passed", 0)
    assert built.ours >= 2, "it was made, and it was run"
    assert (found["test_a_passes"].ours, found["test_a_passes"].others) == (0, 0)


def test_a_reactor_of_another_kind_does_not_count_as_ours(environ):
    found = outcomes(KINDS["weft"], environ, "test_ends.Ends.test_f_makes_a_reactor_of_another_kind")

    (outcome,) = found.values()
    assert (outcome.ours, outcome.others) == (0, 1)


def test_a_reactor_that_trial_does_not_know_is_told_in_its_words(environ):
    unknown = Kind("no-such-reactor", "twisted.internet.epollreactor.EPollReactor")

    with pytest.raises(BrokenError, match="no-such-reactor"):
        outcomes(unknown, environ, "test_ends")


def test_the_other_build_is_refused(environ):
    expected = {"compiled": "interpreted", "interpreted": "compiled"}[weft.BUILD]

    with pytest.raises(BrokenError, match=f"asked for the {expected} build"):
        outcomes(KINDS["weft"], environ | {"WEFT_EXPECT_BUILD": expected}, "test_ends")


def test_a_name_that_is_no_test_is_unloadable(environ):
    found = outcomes(KINDS["epoll"], environ, "test_ends.Ends.test_none_such")

    assert [outcome.status for outcome in found.values()] == ["unloadable"]


# -- the judgement


def judge(ours, stock=None, again=None, named=()):
    """Return the verdicts for outcomes by name: (status, reactors of ours, of others), or a status alone."""

    def outcome(name, what):
        return Outcome(name, *((what, "", 0.0, 1, 0) if isinstance(what, str) else (what[0], "", 0.0, *what[1:])))

    def run(found):
        return lambda names, is_alone: {name: outcome(name, found[name]) for name in names}

    first = {name: outcome(name, what) for name, what in ours.items()}
    group = Group("a reason", list(named))
    return judged(["m"], first, dict.fromkeys(named, group), run(again or ours), run(stock) if stock else None)


def test_what_the_stock_implementation_does_not_pass_is_not_asked_of_ours():
    statuses = {"m.fails": "failed", "m.skips": "skipped", "m.hangs": "hung"}

    figures = judge(statuses, stock={"m.fails": "failed", "m.skips": "skipped", "m.hangs": "passed"})

    assert figures.verdicts() == {"m.fails": "not asked", "m.skips": "not asked", "m.hangs": "failed"}
    assert not figures.is_good()


def test_a_skip_that_the_stock_implementation_does_not_have_is_a_failure():
    assert judge({"m.t": "skipped"}, stock={"m.t": "passed"}).failed == ["m.t"]


def test_a_pass_on_another_implementation_is_a_failure():
    assert judge({"m.t": ("passed", 0, 1)}, stock={"m.t": "passed"}).failed == ["m.t"]


def test_a_second_attempt_counts_and_is_told_of():
    figures = judge({"m.t": "failed"}, stock={"m.t": "passed"}, again={"m.t": "passed"})

    assert (figures.passed, figures.passed_again, figures.is_good()) == (["m.t"], ["m.t"], True)


def test_named_tests_are_excused_and_one_that_passes_breaks_the_run():
    excused = judge({"m.t": "failed", "m.u": "passed"}, stock={"m.t": "passed"}, named=["m.t"])
    needless = judge({"m.t": "passed"}, named=["m.t", "m.gone"])

    assert (excused.named, excused.is_good()) == (["m.t"], True)
    assert (needless.pass_though_named, needless.absent, needless.is_good()) == (["m.t"], ["m.gone"], False)


def test_a_module_whose_tests_never_met_what_is_under_test_breaks_the_run():
    figures = judge({"m.t": ("passed", 0, 0)})

    assert (figures.untouched, figures.is_good()) == (["m"], False)
