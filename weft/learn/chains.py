"""Chains of Deferreds as a picture of a run: what `keep_chain` kept, drawn as `weft.figure` draws it.

The same rows say what ran, for requirements: `rows_of(run, title)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from weft.figures import ChainFigure, wording
from weft.figures import svg_marks as marks
from weft.figures.chain_rows import Row, What
from weft.learn.pictures import Drawn
from weft.learn.running import Run

if TYPE_CHECKING:
    from rich.console import RenderableType

ACROSS = 2
"""Chains of one run that stand side by side; of several runs, each has a column."""
GREY = "#808890"
SIZE = re.compile(r' width="([\d.]+)" height="([\d.]+)"')


class Chains:
    """The chains that runs have kept."""

    name = "chains"

    def terminal(self, drawn: Sequence[Drawn], *, width: int, ascii_only: bool) -> RenderableType | None:
        """Return the chains in letters, one below the other."""
        from rich.console import Group
        from rich.text import Text

        parts: list[RenderableType] = []
        for each in drawn:
            for kept in each.run.chains:
                chain = figure_of(kept, each, len(drawn) > 1)
                if each.is_faded or ascii_only:
                    plain = chain.text(width=width, ascii_only=ascii_only)
                    parts.append(Text(plain, GREY if each.is_faded else ""))
                else:
                    parts.append(chain)
                parts.append(Text())
        return Group(*parts[:-1]) if parts else None

    def svg(self, drawn: Sequence[Drawn], *, title: str = "") -> str | None:
        """Return one document with the chains as they are drawn alone, those of a row at one height."""
        columns = columns_of(drawn)
        if not columns:
            return None
        widths = [max(size_of(chain)[0] for _, chain in chains) for chains in columns]
        x, parts, bottom = 0.0, [], 0.0
        for chains, width in zip(columns, widths, strict=True):
            y = 0.0
            for place, (each, chain) in enumerate(chains):
                placed = chain.replace("<svg ", f'<svg x="{x:g}" y="{y:g}" ', 1)
                parts.append(marks.element("g", placed, class_="faded" if each.is_faded else "own"))
                y += max(size_of(other[place][1])[1] for other in columns if place < len(other))
            x, bottom = x + width, max(bottom, y)
        return marks.element(
            "svg",
            marks.element("title", escape(wording.clean_long(title) or "Chains of Deferreds")),
            marks.stylesheet([]),
            marks.box(0, 0, x, bottom, "page"),
            *(f"\n{part}" for part in parts),
            xmlns="http://www.w3.org/2000/svg",
            class_="weft",
            role="img",
            width=x,
            height=bottom,
            viewBox=f"0 0 {x:.0f} {bottom:.0f}",
        )


def size_of(chain: str) -> tuple[float, float]:
    """Return the width and the height of a chain's document."""
    found = SIZE.search(chain)
    assert found is not None
    return float(found[1]), float(found[2])


def columns_of(drawn: Sequence[Drawn]) -> list[list[tuple[Drawn, str]]]:
    """Return the chains' documents by column: a run's own, or those of the only run by turns."""
    found = [
        [(each, figure_of(kept, each, len(drawn) > 1).svg()) for kept in each.run.chains]
        for each in drawn
        if each.run.chains
    ]
    return [found[0][place::ACROSS] for place in range(min(ACROSS, len(found[0])))] if len(found) == 1 else found


def figure_of(kept: dict[str, Any], each: Drawn, is_one_of_several: bool) -> ChainFigure:
    """Return the picture of a chain that was kept."""
    title = f"{each.title}: {kept['title']}" if is_one_of_several else kept["title"]
    return ChainFigure(rows_in(kept), title)


def rows_in(kept: dict[str, Any]) -> list[Row]:
    """Return the rows of a chain that was kept."""
    return [Row(**row | {"what": What[row["what"]]}) for row in kept["rows"]]


def rows_of(run: Run, title: str) -> list[Row]:
    """Return the rows of the last chain that was kept under a title; none if none was."""
    return next((rows_in(kept) for kept in reversed(run.chains) if kept["title"] == title), [])


def steps_of(run: Run, title: str) -> list[Row]:
    """Return the steps of a chain's own, without those of chains within it."""
    return [row for row in rows_of(run, title) if row.what is What.STEP and not row.depth]
