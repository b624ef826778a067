"""A poller's five verbs, on every poller of this platform."""

import os
import resource
import signal
import socket
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest

from weft.core import _os
from weft.ports import Poller

from .fakes import SilentSource

A_MOMENT_NS = 5_000_000
SOON_NS = 10_000_000_000


@pytest.fixture
def ends(descriptors: object) -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    yield near, far
    near.close()
    far.close()


def events_of(poller: Poller, timeout_ns: int) -> list[tuple[Any, int]]:
    count = poller.wait(timeout_ns)
    return [(poller.ready_source(index), poller.ready_events) for index in range(count)]


def test_a_descriptor_with_bytes_to_read_is_told_of_with_its_source(poller, ends):
    near, far = ends
    source = SilentSource()
    poller.add(near.fileno(), source, _os.READ)
    far.send(b"x")

    [(found, mask)] = events_of(poller, SOON_NS)

    assert found is source
    assert mask & _os.READ


def test_a_descriptor_with_room_to_write_is_told_of(poller, ends):
    near, _ = ends
    source = SilentSource()
    poller.add(near.fileno(), source, _os.WRITE)

    [(found, mask)] = events_of(poller, SOON_NS)

    assert found is source
    assert mask & _os.WRITE
    assert not mask & _os.READ


def test_reading_and_writing_come_in_one_event_or_two_but_both_come(poller, ends):
    near, far = ends
    far.send(b"x")
    poller.add(near.fileno(), SilentSource(), _os.READ | _os.WRITE)

    masks = 0
    for _, mask in events_of(poller, SOON_NS):
        masks |= mask

    assert masks & (_os.READ | _os.WRITE) == _os.READ | _os.WRITE


def test_the_end_of_the_peer_is_told_as_readiness_to_read(poller, ends):
    near, far = ends
    poller.add(near.fileno(), SilentSource(), _os.READ | _os.PEER_CLOSED)
    far.close()

    [(_, mask)] = events_of(poller, SOON_NS)

    assert mask & _os.READ


def test_without_edge_a_ready_descriptor_is_told_of_again_and_again(poller, ends):
    near, far = ends
    poller.add(near.fileno(), SilentSource(), _os.READ)
    far.send(b"x")

    counts = [poller.wait(SOON_NS) for _ in range(3)]

    assert counts == [1, 1, 1]


def test_with_edge_a_change_is_told_of_once(poller, ends):
    near, far = ends
    poller.add(near.fileno(), SilentSource(), _os.READ | _os.EDGE)
    far.send(b"x")

    first = poller.wait(SOON_NS)
    again = poller.wait(0)
    far.send(b"y")
    after_more_came = poller.wait(SOON_NS)

    assert (first, after_more_came) == (1, 1)
    assert again == (0 if poller.is_edge_triggered else 1)


def test_modify_changes_what_is_watched_for(poller, ends):
    near, far = ends
    far.send(b"x")
    poller.add(near.fileno(), SilentSource(), _os.WRITE)

    poller.modify(near.fileno(), _os.READ)
    [(_, mask)] = events_of(poller, SOON_NS)

    assert mask & _os.READ
    assert not mask & _os.WRITE


def test_modify_to_nothing_keeps_the_descriptor_and_tells_nothing(poller, ends):
    near, far = ends
    source = SilentSource()
    poller.add(near.fileno(), source, _os.READ)
    far.send(b"x")

    poller.modify(near.fileno(), 0)
    silent = poller.wait(0)
    poller.modify(near.fileno(), _os.READ)
    [(found, _)] = events_of(poller, SOON_NS)

    assert silent == 0
    assert found is source


def test_a_descriptor_that_turns_writable_meanwhile_is_told_of_once_asked_for_by_edge(poller, ends):
    near, _ = ends
    poller.add(near.fileno(), SilentSource(), _os.READ | _os.EDGE)

    poller.modify(near.fileno(), _os.READ | _os.WRITE | _os.EDGE)
    [(_, mask)] = events_of(poller, SOON_NS)

    assert mask & _os.WRITE


def test_a_removed_descriptor_is_told_of_no_more(poller, ends):
    near, far = ends
    poller.add(near.fileno(), SilentSource(), _os.READ)
    far.send(b"x")

    poller.remove(near.fileno())

    assert poller.wait(0) == 0


def test_an_event_of_a_descriptor_removed_within_the_batch_has_no_source(poller):
    pairs = [socket.socketpair() for _ in range(3)]
    sources = [SilentSource() for _ in pairs]
    for (near, far), source in zip(pairs, sources, strict=True):
        poller.add(near.fileno(), source, _os.READ)
        far.send(b"x")
    assert poller.wait(SOON_NS) == 3

    poller.remove(pairs[0][0].fileno())
    poller.remove(pairs[1][0].fileno())
    found = [poller.ready_source(index) for index in range(3)]

    assert found.count(None) == 2
    assert sources[2] in found
    for near, far in pairs:
        near.close()
        far.close()


def test_a_stale_event_is_not_given_to_the_next_owner_of_the_same_number(poller, ends):
    near, far = ends
    number = near.fileno()
    poller.add(number, SilentSource(), _os.READ)
    far.send(b"x")
    assert poller.wait(SOON_NS) == 1

    poller.remove(number)
    poller.add(number, SilentSource(), _os.READ)

    assert poller.ready_source(0) is None


def test_the_next_owner_of_a_number_gets_its_own_events(poller, ends):
    near, far = ends
    number = near.fileno()
    poller.add(number, SilentSource(), _os.READ)
    far.send(b"x")
    poller.wait(SOON_NS)
    poller.remove(number)
    heir = SilentSource()
    poller.add(number, heir, _os.READ)

    [(found, _)] = events_of(poller, SOON_NS)

    assert found is heir


def test_watching_a_descriptor_twice_is_an_error_and_the_first_owner_stays(poller, ends):
    near, far = ends
    first = SilentSource()
    poller.add(near.fileno(), first, _os.READ)

    with pytest.raises(FileExistsError):
        poller.add(near.fileno(), SilentSource(), _os.READ)

    far.send(b"x")
    assert events_of(poller, SOON_NS)[0][0] is first


@pytest.mark.parametrize("verb", ["modify", "remove"])
def test_changing_a_descriptor_that_is_not_watched_is_an_error(poller, ends, verb):
    near, _ = ends
    arguments = (near.fileno(), _os.READ) if verb == "modify" else (near.fileno(),)

    with pytest.raises(KeyError, match="is not watched"):
        getattr(poller, verb)(*arguments)


def test_a_closed_descriptor_cannot_be_watched(poller):
    near, far = socket.socketpair()
    number = near.fileno()
    near.close()
    far.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        poller.add(number, SilentSource(), _os.READ)


def test_a_negative_number_cannot_be_watched(poller):
    with pytest.raises((OSError, ValueError)):
        poller.add(-1, SilentSource(), _os.READ)


def test_a_descriptor_that_was_closed_too_early_can_still_be_removed(poller):
    near, far = socket.socketpair()
    number = near.fileno()
    poller.add(number, SilentSource(), _os.READ)
    near.close()
    far.close()

    poller.remove(number)

    assert poller.wait(0) == 0


def test_wait_for_no_time_returns_at_once_without_events(poller, ends):
    near, _ = ends
    poller.add(near.fileno(), SilentSource(), _os.READ)

    assert poller.wait(0) == 0


def test_a_wait_lasts_no_less_than_it_was_asked_to(poller, ends):
    near, _ = ends
    poller.add(near.fileno(), SilentSource(), _os.READ)

    lasted_ns = []
    for _ in range(5):
        began_ns = time.monotonic_ns()
        assert poller.wait(A_MOMENT_NS) == 0
        lasted_ns.append(time.monotonic_ns() - began_ns)

    assert statistics.median(lasted_ns) >= A_MOMENT_NS  # the system may end one early, as by a signal


def test_a_wait_for_longer_than_the_system_can_count_still_ends_with_an_event(poller, ends):
    near, far = ends
    poller.add(near.fileno(), SilentSource(), _os.READ)
    far.send(b"x")

    assert poller.wait(1 << 62) == 1


def test_a_wait_that_has_to_wait_may_be_longer_than_the_system_can_count(poller, ends):
    near, far = ends
    poller.add(near.fileno(), SilentSource(), _os.READ)
    before = signal.signal(signal.SIGALRM, lambda number, frame: far.send(b"x"))
    left = signal.setitimer(signal.ITIMER_REAL, 0.02)

    count = 0
    while count == 0:  # the signal itself may end a wait
        count = poller.wait(1 << 62)

    signal.signal(signal.SIGALRM, before)
    signal.setitimer(signal.ITIMER_REAL, *left)
    assert count == 1


def test_a_wait_without_limit_ends_with_an_event(poller, ends):
    near, far = ends
    poller.add(near.fileno(), SilentSource(), _os.READ)
    far.send(b"x")

    assert poller.wait(-1) == 1


def test_a_signal_s_handler_that_raises_ends_a_wait_without_limit(poller, ends):
    class WokenError(Exception):
        pass

    def wake(number, frame):
        raise WokenError

    def wait():
        while True:  # a process that was stopped for a moment ends a wait as well (signal(7))
            poller.wait(-1)

    near, _ = ends
    poller.add(near.fileno(), SilentSource(), _os.READ)
    before = signal.signal(signal.SIGALRM, wake)
    left = signal.setitimer(signal.ITIMER_REAL, 0.02)

    try:
        with pytest.raises(WokenError):
            wait()
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *left)


def test_hundreds_of_ready_descriptors_are_all_told_of(poller):
    pairs = [socket.socketpair() for _ in range(200)]
    sources = {near.fileno(): SilentSource() for near, _ in pairs}
    for near, far in pairs:
        poller.add(near.fileno(), sources[near.fileno()], _os.READ)
        far.send(b"x")

    found = [source for source, _ in events_of(poller, SOON_NS)]

    assert len(found) == 200
    assert {id(source) for source in found} == {id(source) for source in sources.values()}
    for near, far in pairs:
        near.close()
        far.close()


def test_more_ready_descriptors_than_a_batch_holds_are_told_of_batch_by_batch(make_poller):
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if make_poller.__name__ == "SelectPoller" or soft < 3000:
        return  # beyond what select can watch, or what this process may open
    poller = make_poller()
    pairs = [socket.socketpair() for _ in range(700)]
    for near, far in pairs:
        poller.add(near.fileno(), SilentSource(), _os.READ | _os.EDGE)
        far.send(b"x")

    found = set()
    while batch := events_of(poller, 0):
        found |= {id(source) for source, _ in batch}

    assert len(found) == 700
    for near, far in pairs:
        near.close()
        far.close()
    poller.close()


def test_a_descriptor_beyond_what_select_can_count_is_refused_when_it_is_added():
    from weft.core.readiness import SelectPoller

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2000:
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    near, far = socket.socketpair()
    high = 1500
    os.dup2(near.fileno(), high)
    poller = SelectPoller()

    with pytest.raises(ValueError, match="out of range"):
        poller.add(high, SilentSource(), _os.READ)

    assert poller.wait(0) == 0
    os.close(high)
    near.close()
    far.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_closing_twice_does_nothing(make_poller):
    poller = make_poller()

    poller.close()
    poller.close()


def test_closing_gives_the_system_s_descriptor_back(make_poller, descriptors):
    before = descriptors()

    pollers = [make_poller() for _ in range(10)]
    for poller in pollers:
        poller.close()

    assert descriptors() == before


def test_a_forgotten_poller_gives_its_descriptor_back(make_poller, descriptors):
    before = descriptors()

    poller = make_poller()
    del poller

    assert descriptors() == before
