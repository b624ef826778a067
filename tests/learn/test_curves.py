"""Numbers over time, drawn: what was noted stands where it belongs, at one scale for all runs."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from weft.learn.curves import Curves, amount, curves_of, largest
from weft.learn.pictures import Drawn
from weft.learn.running import Run

MS = 1_000_000


def noting(*notes: tuple[int, str, float]) -> Run:
    """A run that noted numbers at these ms."""
    return Run(Path("program.py"), 0, "", "", 5.0, notes=[(at * MS, name, value) for at, name, value in notes])


def in_letters(*drawn: Drawn, **options) -> list[str]:
    to = StringIO()
    picture = Curves().terminal(drawn, width=40, **{"ascii_only": True, **options})
    Console(file=to, width=200).print(picture)
    return to.getvalue().splitlines()


UP_AND_DOWN = noting((0, "waiting", 0), (50, "waiting", 800), (75, "waiting", 100), (100, "waiting", 0))


def test_the_numbers_of_each_name_are_kept_in_order_of_time():
    run = noting((1, "waiting", 5), (2, "taken", 7), (3, "waiting", 6))

    assert curves_of(run) == {"waiting": [(MS, 5), (3 * MS, 6)], "taken": [(2 * MS, 7)]}


def test_a_number_holds_until_the_next_one():
    assert largest([(0, 1.0), (50, 8.0), (75, 2.0), (100, 0.0)], 100, 4) == [1.0, 1.0, 8.0, 8.0]
    assert largest([(60, 3.0)], 100, 10) == [0, 0, 0, 0, 0, 0, 3.0, 3.0, 3.0, 3.0]
    assert largest([], 100, 2) == [0, 0]


def test_a_terminal_shows_columns_as_high_as_the_numbers():
    lines = in_letters(Drawn("program.py", UP_AND_DOWN))

    assert lines[0] == "program.py: waiting"
    assert lines[1].startswith("800  ")
    assert lines[8].lstrip().startswith("0  ")
    assert lines[9].strip() == "0 to 100 ms"
    columns = [line[5:].ljust(35) for line in lines[1:9]]
    assert {row[0] for row in columns} == {" "}
    assert {row[20] for row in columns} == {"#"}
    assert [row[30] for row in columns] == [" "] * 7 + ["#"]


def test_letters_that_are_not_ascii_show_an_eighth_of_a_row():
    tall, low = noting((0, "waiting", 64), (100, "waiting", 64)), noting((0, "waiting", 1), (100, "waiting", 1))

    lines = in_letters(Drawn("tall", tall), Drawn("low", low), ascii_only=False)

    assert "█" in lines[1]
    assert "▁" in lines[18]
    assert "▁" not in lines[17]


def test_a_run_that_noted_nothing_has_no_picture_alone_and_an_empty_panel_beside_others():
    nothing = Drawn("silent", noting())

    assert Curves().svg([nothing]) is None
    assert Curves().terminal([nothing], width=40, ascii_only=True) is None
    lines = in_letters(Drawn("program.py", UP_AND_DOWN), nothing)
    assert "#" not in "".join(lines[10:])
    assert lines[10] == "silent: waiting"


def test_in_an_svg_the_last_number_holds_to_the_end_of_the_run():
    svg = Curves().svg([Drawn("program.py", noting((0, "waiting", 0), (40, "waiting", 8), (100, "taken", 9)))])

    assert svg is not None
    [path] = re.findall(r' d="(M[^"]*V[^"]*)"', svg)
    begin, *ends = map(float, re.findall(r"[MH]([\d.]+)", path))
    assert ends[-1] > begin + 2 * (ends[0] - begin)  # 40 of 100 ms


def test_all_runs_have_one_scale_and_the_svg_says_the_peak():
    high, low = Drawn("high", UP_AND_DOWN), Drawn("low <&>", noting((0, "waiting", 400), (100, "waiting", 0)))

    svg = Curves().svg([high, replace(low, is_faded=True)], title="Pressure")

    assert svg is not None
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert re.findall(r"waiting: at most (\d+), after", svg) == ["800", "400"]
    tops = [
        min(float(y) for y in re.findall(r"[V ]([\d.]+)", path)) for path in re.findall(r' d="(M[^"]*V[^"]*)"', svg)
    ]
    assert tops == [100.0, 180.0]  # half as high
    assert svg.count('class="faded"') == 1
    assert "low &lt;&amp;&gt;" in svg


@pytest.mark.parametrize("value, said", [(0, "0"), (4194304, "4 194 304"), (0.25, "0.25"), (250.4, "250")])
def test_a_number_is_said_in_words(value, said):
    assert amount(value) == said
