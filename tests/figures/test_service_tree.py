import xml.etree.ElementTree as ElementTree

from hypothesis import given
from hypothesis import strategies as st

from weft.figures import service_tree
from weft.services import Node, State

SVG = "{http://www.w3.org/2000/svg}"

trees = st.recursive(
    st.builds(Node, st.text(), st.text(), st.sampled_from(State), st.text()),
    lambda below: st.builds(
        Node, st.text(), st.text(), st.sampled_from(State), st.text(), st.lists(below, max_size=4).map(tuple)
    ),
)


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def tree():
    web = Node("web", "ServerService", State.RUNNING, "127.0.0.1:80: 3 connections open, 9 in all")
    return Node("shop", "Service", State.RUNNING, "", (web, Node("db", "Database", State.FAILED)))


def test_a_tree_shows_each_service_with_its_kind_its_note_and_its_state():
    shown = texts(service_tree(tree()))

    for word in ("shop", "web", "ServerService", "127.0.0.1:80: 3 connections open, 9 in all", "db", "Database"):
        assert word in shown
    assert shown.count("R") == 3  # two services that run, and what the letter means
    assert shown.count("!") == 2
    assert {"running", "could not start"} <= set(shown)


def test_every_child_hangs_below_its_parent():
    root = ElementTree.fromstring(service_tree(tree()))
    branches = [path.get("d") for path in root.iter(f"{SVG}path") if path.get("class") == "wait"]

    assert len(branches) == 2


def test_the_same_tree_gives_the_same_bytes():
    assert service_tree(tree(), title="A shop") == service_tree(tree(), title="A shop")


def test_a_very_large_tree_is_bounded_and_says_so():
    many = tuple(Node(f"service {number}", "Service", State.NEW) for number in range(1000))
    svg = service_tree(Node("root", "Service", State.NEW, "", many))

    assert "and 601 services more" in texts(svg)
    assert len(svg) < 400_000


@given(trees)
def test_any_tree_is_drawn_as_valid_xml(root):
    ElementTree.fromstring(service_tree(root, title=root.note))
