"""The leaf's two builds, where Python sees them: the masks, and the recorder's ring."""

import select

import pytest

from weft.core import _os
from weft.ports import Clock


class SetClock(Clock):
    ns = 1000

    def now_ns(self):
        return self.ns


@pytest.mark.parametrize("name", ["READ", "WRITE", "ERROR", "HANGUP", "PEER_CLOSED", "EDGE"])
def test_a_mask_is_one_bit_of_its_own(name):
    names = ["READ", "WRITE", "ERROR", "HANGUP", "PEER_CLOSED", "EDGE"]
    value = getattr(_os, name)

    others = [getattr(_os, other) for other in names if other != name]

    assert value > 0
    assert value.bit_count() == 1
    assert all(value & other == 0 for other in others)


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="the masks are epoll's own, where there is epoll")
def test_the_masks_are_the_system_s_own():
    system = [select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR, select.EPOLLHUP, select.EPOLLRDHUP, select.EPOLLET]
    ours = [_os.READ, _os.WRITE, _os.ERROR, _os.HANGUP, _os.PEER_CLOSED, _os.EDGE]

    assert ours == system


def test_a_new_ring_holds_nothing():
    assert _os.Ring(8, SetClock()).snapshot() == (b"", [], 0)


@pytest.mark.parametrize("clock", [None, SetClock()])
def test_a_ring_of_any_capacity_can_be_made(clock):
    for capacity in (1, 2, 3, 7, 1000):
        records, keys, lost = _os.Ring(capacity, clock).snapshot()

        assert (records, keys, lost) == (b"", [], 0)
