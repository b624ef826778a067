import io
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from weft.figures import Panel, terminal
from weft.record.timeline import Outcome, Timeline

from .samples import HOSTILE, crowd, interleaved, one_after_another
from .timelines import timelines


def printed(panels, width, **options):
    console = Console(file=io.StringIO(), width=width + 40, color_system=None)
    console.print(terminal(panels, width=width, **options))
    return console.file.getvalue()


@settings(max_examples=60)
@given(
    st.lists(st.builds(Panel, st.text(max_size=9), timelines(), st.text(max_size=40)), max_size=3),
    st.sampled_from([1, 20, 40, 57, 80, 120, 200]),
    st.integers(1, 40),
    st.booleans(),
)
def test_any_timeline_fits_the_width(panels, width, height, ascii_only):
    text = printed(panels, width, height=height, ascii_only=ascii_only)

    assert all(cell_len(line) <= width for line in text.split("\n"))
    assert text.isascii() or not ascii_only


@pytest.mark.parametrize("width", [40, 80, 120, 200])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_fit_the_width(width, name):
    text = printed([Panel(name, interleaved(names=(name, "b", "c"), kind=name), name)] * 2, width)

    assert all(cell_len(line) <= width for line in text.split("\n"))
    assert "\x1b" not in text


def test_panels_stand_side_by_side_where_they_fit():
    panels = [Panel("one after another", one_after_another()), Panel("interleaved", interleaved())]

    assert printed(panels, 80).split("\n")[0].split() == ["one", "after", "another", "interleaved"]
    assert printed(panels, 40).split("\n")[0].split() == ["one", "after", "another"]


def test_tasks_that_ran_in_one_row_share_its_cells_and_the_rest_is_idle():
    text = printed([Panel("interleaved", interleaved())], 60, height=12)

    assert "ABC░░" in text


def test_a_held_thread_says_who_holds_it_and_who_could_run():
    text = printed([Panel("blocked", interleaved(blocked_ms=700))], 60)

    assert ["┊", "b▒", "┊"] in [line.split()[-3:] for line in text.split("\n")]
    assert "b▒▒▒▒" in text
    assert "it could run, but its thread is held" in text


def test_ascii_says_the_same():
    text = printed(
        [Panel("blocked\u2026", interleaved(names=("漢字", "é", "c"), blocked_ms=700))], 60, ascii_only=True
    )

    assert text.isascii()
    assert [":", "b=", ":"] in [line.split()[-3:] for line in text.split("\n")]
    assert "b====" in text


def test_each_outcome_has_its_own_sign():
    texts = {printed([Panel("", interleaved(outcome=outcome))], 60, ascii_only=True) for outcome in Outcome}

    assert len(texts) == len(Outcome)


def test_the_body_has_as_many_rows_as_asked_for():
    lines = printed([Panel("", one_after_another())], 60, height=20).split("\n")

    assert sum("▒" in line for line in lines[:26]) == 20


def test_many_tasks_are_bundled_counted_and_the_cut_is_said():
    text = printed([Panel("many", crowd(1_000, kinds=20))], 80)

    assert "A\N{MULTIPLICATION SIGN}50" in text
    assert "more tasks in 16 kinds are not drawn" in text


def test_nothing_recorded_is_said():
    assert "nothing was recorded" in printed([Panel("empty", Timeline([], [], [], 0))], 40)
    assert "no panels" in printed([], 60)


def test_the_same_timeline_gives_the_same_text():
    panels = [Panel("a", interleaved()), Panel("b", crowd(200, kinds=30))]

    assert printed(panels, 120) == printed(panels, 120)


def test_without_rich_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.cells", None)
    monkeypatch.delitem(sys.modules, "weft.figures.terminal_page", raising=False)

    with pytest.raises(ImportError, match=r"pip install 'weft\[cli\]'"):
        terminal([], width=80)


def test_a_faded_panel_says_the_same_in_grey():
    panels = [Panel("Yours", interleaved()), Panel("Expected", interleaved(), is_faded=True)]
    console = Console(file=io.StringIO(), width=140, color_system="truecolor", force_terminal=True)
    console.print(terminal(panels, width=120))
    lines = console.file.getvalue().splitlines()
    head = next(line for line in lines if "Expected" in line)

    assert "38;2;128;136;144mExpected" in head
    assert "38;2;128;136;144mYours" not in head
    assert printed(panels, 120) == printed([Panel("Yours", interleaved()), Panel("Expected", interleaved())], 120)
