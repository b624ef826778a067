"""Numbers over time as a picture: what `note` noted, one panel for each run, all to one scale.

A number holds from its note until the next of the same name. Runs that noted nothing have an empty panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from weft.figures import svg_marks as marks
from weft.figures import wording
from weft.figures.palette import COLOURS_LIGHT, LETTERS, Ink
from weft.learn.pictures import Drawn
from weft.learn.running import Run

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

Points = Sequence[tuple[int, float]]
"""(ns since the run began, value), in order of time."""
GREY = "#808890"
ROWS = 8
LEVELS = " ▁▂▃▄▅▆▇█"
WIDTH = 340.0
HEIGHT = 160.0
GAP = 50.0
MARGIN = 40.0
AXIS = 64.0


class Curves:
    """The numbers that runs have noted, side by side."""

    name = "curves"

    def terminal(self, drawn: Sequence[Drawn], *, width: int, ascii_only: bool) -> RenderableType | None:
        """Return the numbers as columns of letters: each as high as the largest number of its stretch of time."""
        from rich.console import Group
        from rich.text import Text

        names = names_of(drawn)
        if not names:
            return None
        top, end_ns = bounds(drawn)
        label = amount(top)
        columns = max(10, width - len(label) - 2)
        lines: list[Text] = []
        for each in drawn:
            curves = curves_of(each.run)
            for name in names:
                colour = GREY if each.is_faded else COLOURS_LIGHT[names.index(name) % len(COLOURS_LIGHT)]
                lines.append(Text(f"{each.title}: {wording.name(name)}", GREY if each.is_faded else "bold"))
                lines += columns_of(curves.get(name, ()), end_ns, top, columns, colour, ascii_only=ascii_only)
                lines.append(Text(" " * len(label) + f"  0 to {wording.duration(end_ns, 2)}", GREY))
        return Group(*lines)

    def svg(self, drawn: Sequence[Drawn], *, title: str = "") -> str | None:
        """Return the numbers as lines over time."""
        names = names_of(drawn)
        if not names:
            return None
        top, end_ns = bounds(drawn)
        inks = [Ink(place, LETTERS[place % len(LETTERS)], name) for place, name in enumerate(names)]
        width = 2 * MARGIN + len(drawn) * (AXIS + WIDTH) + (len(drawn) - 1) * GAP
        height = 2 * MARGIN + HEIGHT + 120
        parts = [marks.text(MARGIN, MARGIN + 14, wording.clean_long(title), "h2")]
        for place, each in enumerate(drawn):
            x = MARGIN + place * (AXIS + WIDTH + GAP)
            parts.append(
                marks.element("g", panel(each, inks, x, top, end_ns), class_="faded" if each.is_faded else "own")
            )
        x = MARGIN
        for ink in inks:
            parts.append(marks.chip(x, height - MARGIN - 14, ink) + marks.text(x + 26, height - MARGIN, ink.name, ""))
            x += 60 + 8.0 * len(ink.name)
        return marks.element(
            "svg",
            marks.element("title", escape(wording.clean_long(title) or "Numbers over time")),
            marks.stylesheet(inks),
            marks.box(0, 0, width, height, "page"),
            *(f"\n{part}" for part in parts),
            xmlns="http://www.w3.org/2000/svg",
            class_="weft",
            role="img",
            width=width,
            height=height,
            viewBox=f"0 0 {width:.0f} {height:.0f}",
        )


def curves_of(run: Run) -> dict[str, list[tuple[int, float]]]:
    """Return what a run noted, by name, from its begin on."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for at, name, value in run.notes:
        curves.setdefault(name, []).append((max(0, at - run.begin_ns), value))
    return curves


def names_of(drawn: Sequence[Drawn]) -> list[str]:
    """Return the names of all numbers, in the order in which they were first noted."""
    return list(dict.fromkeys(name for each in drawn for name in curves_of(each.run)))


def bounds(drawn: Sequence[Drawn]) -> tuple[float, int]:
    """Return the largest number, and the longest time in ns, of all the runs: their common scale."""
    points = [point for each in drawn for curve in curves_of(each.run).values() for point in curve]
    longest = max(each.run.timeline.duration_ns for each in drawn)
    return max(1.0, *(value for _, value in points)), max(1, longest, *(at for at, _ in points))


def amount(value: float) -> str:
    """Return a number in words: whole where it is, with spaces between thousands."""
    return f"{value:,.0f}".replace(",", " ") if value == round(value) or value >= 100 else f"{value:.2g}"


def largest(points: Points, end_ns: int, columns: int) -> list[float]:
    """Return the largest number in each of so many stretches of time."""
    most = [0.0] * columns
    ends = [at for at, _ in points[1:]] + [end_ns]
    for (begin, value), end in zip(points, ends, strict=False):
        first, last = (min(columns - 1, max(0, at * columns // end_ns)) for at in (begin, end))
        for column in range(first, last + 1):
            most[column] = max(most[column], value)
    return most


def columns_of(points: Points, end_ns: int, top: float, columns: int, colour: str, *, ascii_only: bool) -> list[Text]:
    """Return a curve's lines of letters, the top one first."""
    from rich.text import Text

    label = amount(top)
    heights = [max(0.0, value) / top * ROWS for value in largest(points, end_ns, columns)]
    lines = []
    for row in reversed(range(ROWS)):
        shares = [min(1.0, max(0.0, height - row)) for height in heights]
        if ascii_only:
            cells = "".join("#" if share >= 0.5 else " " for share in shares)
        else:
            cells = "".join(LEVELS[round(share * (len(LEVELS) - 1))] for share in shares)
        axis = label if row == ROWS - 1 else "0" if row == 0 else ""
        lines.append(Text(f"{axis:>{len(label)}}  ", GREY).append(cells, colour))
    return lines


def panel(each: Drawn, inks: Sequence[Ink], x: float, top: float, end_ns: int) -> str:
    """Return one run's axes and lines."""
    left, above = x + AXIS, MARGIN + 60.0
    below = above + HEIGHT
    parts = [
        marks.text(left, above - 14, f"{each.title}", "strong"),
        marks.box(left, above, WIDTH, HEIGHT, "idle"),
        marks.text(left - 6, above + 10, amount(top), "small muted right"),
        marks.text(left - 6, below, "0", "small muted right"),
        marks.text(left, below + 16, "0", "small muted"),
        marks.text(left + WIDTH, below + 16, wording.duration(end_ns, 2), "small muted right"),
    ]
    curves = curves_of(each.run)
    _, until_ns = bounds([each])
    for ink in inks:
        points = curves.get(ink.name, [])
        if points:
            parts.append(line(points, ink, left, below, top, end_ns, until_ns))
    return "".join(parts)


def line(points: Points, ink: Ink, left: float, below: float, top: float, end_ns: int, until_ns: int) -> str:
    """Return a curve: level from each note to the next, and from the last to the end of the run."""
    steps = [f"M{left + WIDTH * points[0][0] / end_ns:.1f} {below - HEIGHT * points[0][1] / top:.1f}"]
    for at, value in points[1:]:
        steps.append(f"H{left + WIDTH * at / end_ns:.1f}V{below - HEIGHT * max(0.0, value) / top:.1f}")
    steps.append(f"H{left + WIDTH * until_ns / end_ns:.1f}")
    peak_at, peak = max(points, key=lambda point: point[1])
    told = f"{ink.name}: at most {amount(peak)}, after {wording.duration(peak_at, 2)}"
    return marks.element(
        "path", marks.tip(told), d="".join(steps), class_=marks.outline(ink), fill="none", stroke_width=2
    )
