"""The table of a stream's life is whole, and the compiled build has the same numbers."""

import re
from pathlib import Path

from weft.transports import lifecycle

NUMBERS = {name: value for name, value in vars(lifecycle).items() if name.isupper() and isinstance(value, int)}


def test_the_compiled_build_s_numbers_are_the_same():
    text = Path(lifecycle.__file__).with_suffix(".pxd").read_text()

    found = {name: int(value) for name, value in re.findall(r"^\s+(\w+) = (\d+)$", text, re.MULTILINE)}

    assert found == NUMBERS, "lifecycle.pxd and lifecycle.py differ: change both in one commit"


def test_every_state_and_every_event_has_a_name_and_no_number_is_used_twice():
    names = [name for name, _ in lifecycle.STATES.values()] + list(lifecycle.EVENTS.values())

    assert sorted(lifecycle.STATES) == list(range(len(lifecycle.STATES)))
    assert sorted(lifecycle.EVENTS) == list(range(len(lifecycle.EVENTS)))
    assert len(NUMBERS) == len(lifecycle.STATES) + len(lifecycle.EVENTS)
    assert all(names)
    assert len(set(names)) == len(names)


def test_every_transition_leads_from_a_known_state_by_a_known_event_to_a_known_state():
    for (state, event), next_state in lifecycle.TRANSITIONS.items():
        assert state in lifecycle.STATES
        assert event in lifecycle.EVENTS
        assert next_state in lifecycle.STATES
        assert next_state != state


def test_every_state_is_reached_from_the_first():
    reached = {lifecycle.CONNECTING}
    for _ in lifecycle.STATES:
        reached |= {after for (before, _), after in lifecycle.TRANSITIONS.items() if before in reached}

    assert reached == set(lifecycle.STATES)


def test_nothing_follows_closed_and_everything_else_can_end_there():
    states_left = {state for state, _ in lifecycle.TRANSITIONS}

    assert lifecycle.CLOSED not in states_left
    for state in states_left:
        assert lifecycle.TRANSITIONS[state, lifecycle.LOST] == lifecycle.CLOSED


def test_the_order_of_the_states_says_whether_a_stream_is_closing():
    closing = {state for state in lifecycle.STATES if state >= lifecycle.CLOSING}

    assert closing == {lifecycle.CLOSING, lifecycle.CLOSED}
