"""Stacks of calls as a picture: who called whom, from the program's first line at the top to the innermost call.

What `keep_stack` kept is drawn; your own functions, Weft's and Python's are told apart by colour and by letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from weft.figures import svg_marks as marks
from weft.figures import wording
from weft.figures.palette import COLOURS_LIGHT, NO_TASK, Ink, text_on
from weft.learn.pictures import Drawn

if TYPE_CHECKING:
    from rich.console import RenderableType

OWNERS = {
    "yours": Ink(0, "Y", "your program"),
    "weft": Ink(1, "W", "Weft"),
    "python": Ink(NO_TASK.index, "P", "Python's library"),
}
GREY = "#808890"
WIDTH = 300.0
ROW = 40.0
GAP = 46.0
MARGIN = 40.0


class Stacks:
    """The stacks that runs have kept, side by side."""

    name = "stacks"

    def terminal(self, drawn: Sequence[Drawn], *, width: int, ascii_only: bool) -> RenderableType | None:
        """Return the stacks in letters, one below the other: each call stands a step further in than its caller."""
        from rich.console import Group
        from rich.text import Text

        lines: list[Text] = []
        for each, stack in stacks_of(drawn):
            whose = f"{each.title}: " if len(drawn) > 1 else ""
            lines.append(Text(f"{whose}{wording.name(stack['title'])}", GREY if each.is_faded else "bold"))
            for depth, call in enumerate(stack["calls"]):
                ink = OWNERS[call["owner"]]
                letter = Text(f" {ink.letter} ", GREY if each.is_faded else solid(ink))
                place = Text(f"  {wording.name(call['file'])}:{call['line']}", GREY)
                lines.append(Text(" " * depth).append_text(letter).append(f" {wording.name(call['function'])}"))
                lines[-1].append_text(place)
                if each.is_faded:
                    lines[-1].stylize(GREY)
            lines.append(Text())
        if not lines:
            return None
        legend = Text()
        for ink in OWNERS.values():
            legend.append(f" {ink.letter} ", solid(ink)).append(f" {ink.name}   ")
        lines.append(legend)
        for line in lines:
            line.truncate(width, overflow="ellipsis" if not ascii_only else "crop")
        return Group(*lines)

    def svg(self, drawn: Sequence[Drawn], *, title: str = "") -> str | None:
        """Return the stacks as boxes, each below its caller."""
        found = stacks_of(drawn)
        if not found:
            return None
        inks = list(OWNERS.values())
        deepest = max(len(stack["calls"]) for _, stack in found)
        width = 2 * MARGIN + len(found) * WIDTH + (len(found) - 1) * GAP
        height = 2 * MARGIN + 70 + deepest * ROW + 40
        parts = [marks.text(MARGIN, MARGIN + 14, wording.clean_long(title), "h2")]
        for place, (each, stack) in enumerate(found):
            x = MARGIN + place * (WIDTH + GAP)
            column = marks.text(x, MARGIN + 44, f"{each.title}: {wording.name(stack['title'])}", "strong")
            column += "".join(box(call, x, MARGIN + 60 + at * ROW) for at, call in enumerate(stack["calls"]))
            parts.append(marks.element("g", column, class_="faded" if each.is_faded else "own"))
        x = MARGIN
        for ink in inks:
            parts.append(marks.chip(x, height - MARGIN - 14, ink) + marks.text(x + 26, height - MARGIN, ink.name, ""))
            x += 150
        return marks.element(
            "svg",
            marks.element("title", escape(wording.clean_long(title) or "Who called whom")),
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


def stacks_of(drawn: Sequence[Drawn]) -> list[tuple[Drawn, dict[str, Any]]]:
    """Return every stack that the runs kept, with its run."""
    return [(each, stack) for each in drawn for stack in each.run.stacks]


def box(call: dict[str, Any], x: float, y: float) -> str:
    """Return a call's box, and the line from its caller's."""
    ink = OWNERS[call["owner"]]
    function = wording.shorten(wording.name(call["function"]), (WIDTH - 50) / 13, wording.em)
    place = wording.shorten(f"{wording.name(call['file'])}:{call['line']}", (WIDTH - 50) / 11, wording.em)
    return (
        marks.box(x, y, WIDTH, ROW - 8, "idle", rx=4)
        + marks.box(x, y, 26, ROW - 8, marks.fill(ink), rx=4)
        + marks.text(x + 13, y + 21, ink.letter, f"middle strong {marks.label_on(ink)}")
        + marks.text(x + 36, y + 14, function, "strong")
        + marks.text(x + 36, y + 27, place, "small muted")
        + marks.element("path", d=f"M{x + 13:.1f} {y + ROW - 8:.1f}v8", class_="wait")
    )


def solid(ink: Ink) -> str:
    """Return the style of an owner's letter in a terminal."""
    colour = COLOURS_LIGHT[ink.colour] if ink.index >= 0 else "#6b7078"
    return f"bold {text_on(colour)} on {colour}"
