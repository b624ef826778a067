import dataclasses
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.figures import Panel, svg
from weft.record.timeline import Outcome, Slice, Thread, Timeline

from .samples import HOSTILE, MS, crowd, interleaved, one_after_another
from .timelines import timelines

SVG = "{http://www.w3.org/2000/svg}"


def tips(document):
    return [title.text for title in ElementTree.fromstring(document).iter(f"{SVG}title")]


def words(document):
    return [text.text for text in ElementTree.fromstring(document).iter(f"{SVG}text")]


@settings(max_examples=60)
@given(st.lists(st.builds(Panel, st.text(max_size=9), timelines(), st.text(max_size=40)), max_size=3), st.text())
def test_any_timeline_gives_well_formed_xml_that_says_what_it_is(panels, title):
    document = svg(panels, title=title)

    root = ElementTree.fromstring(document)
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc").text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_harmless(name):
    timeline = interleaved(names=(name, "b", "c"), kind=name)

    document = svg([Panel(name, timeline, name)], title=name, subtitle=name)

    root = ElementTree.fromstring(document)
    assert not list(root.iter(f"{SVG}script"))
    assert len(document.encode()) < 100_000


def test_the_same_task_has_the_same_letter_in_every_panel():
    document = svg([Panel("1", one_after_another()), Panel("2", interleaved(names=("egg", "toast", "kettle")))])

    assert any(tip.startswith("A · kettle") for tip in tips(document))
    assert not any(tip.startswith("A · egg") for tip in tips(document))


def test_panels_share_one_scale_and_say_when_they_were_done_and_why():
    said = words(svg([Panel("one after another", one_after_another()), Panel("interleaved", interleaved())]))

    assert "done after 3.7 s" in said
    assert "as long as all tasks together" in said
    assert "done after 1.5 s" in said
    assert "as long as the longest task, A" in said
    assert said.count("0.5 s") == 1


def test_tooltips_say_what_a_task_waits_for_and_how_long():
    told = tips(svg([Panel("interleaved", interleaved())]))

    assert any(tip.startswith("B · toast\nwaits on asyncio.sleep\n") and "(100 ms)" in tip for tip in told)
    assert any("A · kettle runs" in tip and "(50 µs)" in tip for tip in told)


def test_a_task_whose_thread_is_held_by_another_is_marked_ready():
    document = svg([Panel("blocked", interleaved(blocked_ms=700))])

    assert any("A · kettle could run, but its thread is held" in tip for tip in tips(document))
    assert 'class="ready s0"' in document
    assert any("B · toast waits and holds its thread" in tip for tip in tips(document))


def test_each_outcome_has_its_own_mark():
    documents = {outcome: svg([Panel("", interleaved(outcome=outcome))]) for outcome in Outcome}

    assert len(set(documents.values())) == len(Outcome)
    assert "recording ends at 1.5 s" in words(documents[Outcome.UNFINISHED])


def test_a_callback_of_no_task_is_drawn_and_explained():
    timeline = Timeline([Thread("main", 0, 9 * MS)], [], [Slice(0, 0, 5 * MS, None, True, "accept")], 9 * MS)

    document = svg([Panel("", timeline)])

    assert any("a callback of no task runs: accept" in tip for tip in tips(document))
    assert "the thread runs a callback of no task" in words(document)


def test_the_least_thickness_is_admitted():
    assert any(text.startswith("Runs shorter than 15 ms are drawn 15 ms tall") for text in words(
        svg([Panel("", one_after_another())])
    ))  # fmt: skip


def test_tasks_beyond_the_last_letter_share_one_that_is_explained():
    said = words(svg([Panel("many", crowd(90, kinds=30))]))

    assert any(text.startswith("other tasks") for text in said)


def test_what_is_cut_and_lost_is_said():
    timeline = dataclasses.replace(crowd(1_000, kinds=20), lost=3, notes=("Recorded in a hurry.",))

    said = words(svg([Panel("many", timeline)]))

    assert "800 more tasks in 16 kinds are not drawn." in said
    assert "the start is missing: 3 records did not fit." in said
    assert "Recorded in a hurry." in said


def test_a_figure_of_5000_tasks_stays_small():
    document = svg([Panel(str(kinds), crowd(5_000, kinds=kinds)) for kinds in (1, 50, 5_000)])

    assert len(document.encode()) < 1_000_000


def test_a_figure_of_100000_slices_stays_small():
    slices = [Slice(at % 16, at * 1_000, at * 1_000 + 900, at % 7, at % 3 > 0, "step") for at in range(100_000)]
    slices.sort(key=lambda piece: (piece.thread, piece.begin_ns))
    timeline = Timeline([Thread("", 0, 100 * MS)] * 16, crowd(7).tasks, slices, 100 * MS)

    document = svg([Panel("busy", timeline)] * 3)

    assert len(document.encode()) < 1_000_000


def test_nothing_recorded_is_said():
    assert "Nothing was recorded." in words(svg([Panel("empty", Timeline([], [], [], 0))]))
    assert "Nothing to draw: the figure has no panels." in words(svg([]))


def test_the_same_timeline_gives_the_same_bytes():
    panels = [Panel("a", interleaved()), Panel("b", crowd(200, kinds=30))]

    assert svg(panels) == svg(panels)


def test_the_figure_stands_alone_and_follows_dark_pages():
    document = svg([Panel("a", interleaved())])

    assert "prefers-color-scheme:dark" in document
    assert re.findall(r"https?://[^\"]+", document) == ["http://www.w3.org/2000/svg"]


def test_a_faded_panel_says_the_same_in_grey():
    panels = [Panel("Yours", interleaved()), Panel("Expected", interleaved(), is_faded=True)]
    root = ElementTree.fromstring(svg(panels))

    (faded,) = [node for node in root.iter() if node.get("class") == "faded"]
    assert "Expected" in "".join(faded.itertext())
    assert "Yours" not in "".join(faded.itertext())
    assert ".weft .faded{filter:grayscale(1)" in svg(panels)
