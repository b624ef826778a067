import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.services import Backoff


def test_delays_grow_to_the_bound_and_begin_again_after_a_success():
    backoff = Backoff(1, 5, 2, jitter=0)

    assert [backoff.next_s() for _ in range(5)] == [1, 2, 4, 5, 5]
    assert backoff.failures == 5

    backoff.reset()

    assert backoff.next_s() == 1


def test_the_same_seed_gives_the_same_delays():
    def delays(seed):
        backoff = Backoff(chance=random.Random(seed))
        return [backoff.next_s() for _ in range(20)]

    assert delays(7) == delays(7)
    assert delays(7) != delays(8)


@given(
    first=st.floats(0.001, 100),
    more=st.floats(0, 1000),
    factor=st.floats(1, 10),
    jitter=st.floats(0, 1),
    seed=st.integers(),
)
def test_a_delay_lies_between_its_bounds(first, more, factor, jitter, seed):
    most = first + more
    backoff = Backoff(first, most, factor, jitter, chance=random.Random(seed))

    for turn in range(30):
        whole = min(first * factor**turn, most)
        assert whole * (1 - jitter) * 0.999 <= backoff.next_s() <= whole * 1.001


@pytest.mark.parametrize("wrong", [{"first_s": -1}, {"first_s": 9, "most_s": 8}, {"factor": 0.5}, {"jitter": 2}])
def test_what_is_no_backoff_is_refused_with_what_is(wrong):
    with pytest.raises(ValueError, match=r"as in Backoff\(0.5, 60, 2, 0.5\)"):
        Backoff(**wrong)
