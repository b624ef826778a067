import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.services import Node, State

leaves = st.builds(Node, st.text(), st.text(), st.sampled_from(State), st.text())
trees = st.recursive(
    leaves,
    lambda below: st.builds(
        Node, st.text(), st.text(), st.sampled_from(State), st.text(), st.lists(below, max_size=3).map(tuple)
    ),
)


@given(trees)
def test_a_description_survives_json(tree):
    assert Node.from_json(json.loads(json.dumps(tree.to_json()))) == tree


@given(trees)
def test_every_service_has_a_row_in_its_place(tree):
    def walk(node):
        yield node
        for child in node.children:
            yield from walk(child)

    assert [node for _, node in tree.rows()] == list(walk(tree))


@pytest.mark.parametrize(
    "wrong", [None, {}, {"name": "a"}, {"name": "a", "kind": "b", "note": "", "state": "ASLEEP", "children": []}]
)
def test_what_is_no_description_is_refused(wrong):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Node.from_json(wrong)


def test_a_description_from_afar_is_read_to_a_bounded_depth():
    value = {"name": "end", "kind": "", "state": "NEW", "note": "", "children": []}
    for _ in range(900):
        value = {"name": "a", "kind": "", "state": "NEW", "note": "", "children": [value]}

    assert sum(1 for _ in Node.from_json(value).rows()) == 65
