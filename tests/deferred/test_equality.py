"""Weft's Deferred does what Twisted's does: random programs leave the same trace on both. `equality.py` runs them."""

import random

import pytest
from hypothesis import HealthCheck, given, settings

from tests.deferred.equality import compare, make_program, programs, quiet_twisted

PROGRAMS = 3000


@pytest.fixture(autouse=True, scope="module")
def quiet():
    quiet_twisted()


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(programs())
def test_a_program_leaves_the_same_trace_on_twisted_and_on_weft(program):
    compare(program)


def test_so_do_thousands_of_them():
    events = sum(compare(make_program(random.Random(seed).choice)) for seed in range(PROGRAMS))

    assert events > PROGRAMS, "programs in which nothing happens prove nothing"
