"""Whatever happens to Deferreds, their pictures can be drawn at any time, and tell the path that `steps()` tells.

The programs are those on which Weft's Deferred is compared with Twisted's: callbacks, errbacks, returned Deferreds,
pauses, cancels, chains and generators, at random.
"""

import gc
import logging
import random
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from rich.cells import cell_len

import weft
from tests.deferred.equality import Run, WeftSide, make_program, programs

from .chains import tips

PROGRAMS = 100
HANDED = ("(the Deferred that waits)", "(another Deferred, by chain)", "yield in ")
REASONS = {"value": ("returned a value",), "failure": ("raised ", "returned the failure", "returned a failure")}
MOST_DEPTH = 4


@pytest.fixture(autouse=True)
def quiet():
    """Programs leave failures that nobody handles: nobody wants to read of them here."""
    logger = logging.getLogger("weft.deferred")
    logger.disabled = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Deferreds that wait for themselves
        yield
        gc.collect()
    logger.disabled = False


class DrawingRun(Run):
    """Runs a program, and draws a Deferred after each operation, also of those within callbacks; in the end, all."""

    def __init__(self, program):
        self.drawn = 0
        super().__init__(WeftSide, program)
        for deferred in self.deferreds:
            check(deferred)

    def perform(self, operations):
        for operation in operations:
            super().perform([operation])
            check(self.deferred(self.drawn))
            self.drawn += 1


def check(deferred):
    """Draw a Deferred, and compare the picture with what `steps()` tells."""
    before = deferred.steps()
    figure = weft.figure(deferred)
    told = tips(figure)
    for step in expected(deferred, [], 0):
        said = told.pop(0)
        assert said.startswith(step[0]), (said, step)
        assert any(reason in said for reason in step[1]), (said, step)
    assert told == []
    for ascii_only in (False, True):
        for line in figure.text(ascii_only=ascii_only).split("\n"):
            assert cell_len(line) <= 80
    assert deferred.steps() == before


def expected(deferred, above, depth):
    """Yield what a reader must be told of each side of each step: how it begins, and what of these it holds."""
    above = [*above, deferred]
    steps = deferred.steps()
    if all(step.outcome != "waiting" for step in steps):
        inner = deferred.waits_for or (deferred.routine or ("", None))[1]
        yield from expected_within(inner, above, depth)
    yield from expected_steps(steps, above, depth)


def expected_within(inner, above, depth):
    if inner is not None and depth < MOST_DEPTH and all(inner is not each for each in above):
        yield from expected(inner, above, depth + 1)


def expected_steps(steps, above, depth):
    for step in steps:
        if step.callback is not None and step.callback.startswith(HANDED):
            what = {"callback": "its value", "errback": "its failure"}.get(step.ran, "then its result")
            yield step.callback.rpartition("<locals>.")[2], (what,)
        else:
            for side, name in (("callback", step.callback), ("errback", step.errback)):
                if name is not None:
                    yield f"{side} {name.rpartition('<locals>.')[2]}: ", did(step, side)
        if step.outcome == "waiting":
            yield from expected_within(step.waited_on, above, depth)
        elif step.waited_on is not None and depth < MOST_DEPTH:
            yield from expected_steps(step.waited_on, above, depth + 1)


def did(step, side):
    if step.ran is None:
        return ("has not run",)
    if step.ran != side:
        return ("did not run",)
    if step.outcome == "running":
        return ("it runs now",)
    if step.waited_on is not None:
        return ("returned a Deferred",)
    return REASONS[step.outcome]


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(programs())
def test_a_picture_can_be_drawn_at_any_time_and_tells_the_path(program):
    run = DrawingRun(program)
    run.deferreds.clear()


def test_so_it_is_in_many_programs():
    drawn = 0
    for seed in range(PROGRAMS):
        run = DrawingRun(make_program(random.Random(seed).choice))
        drawn += run.drawn
        run.deferreds.clear()

    assert drawn > 10 * PROGRAMS, "programs in which nothing is drawn prove nothing"
