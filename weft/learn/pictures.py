"""What is drawn of a run: the timelines, and the stacks that were kept; what is expected, in grey beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from weft.figures import Panel, svg, terminal
from weft.learn.running import Run

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Drawn:
    """A run that is to be drawn, under a title."""

    title: str
    run: Run
    caption: str = ""
    is_faded: bool = False
    """Whether it is what was expected, to be drawn in grey."""


class Picture(Protocol):
    """A way to draw runs, side by side. A chapter may bring one of its own."""

    name: str
    """For file names: the first picture of a chapter is written to the file that was asked for."""

    def terminal(self, drawn: Sequence[Drawn], *, width: int, ascii_only: bool) -> RenderableType | None:
        """Return what Rich prints; None if there is nothing to draw."""

    def svg(self, drawn: Sequence[Drawn], *, title: str = "") -> str | None:
        """Return an SVG document; None if there is nothing to draw."""


class Timelines:
    """What each thread ran and what each task waited for: the picture that nearly every chapter has."""

    name = "timelines"

    def terminal(self, drawn: Sequence[Drawn], *, width: int, ascii_only: bool) -> RenderableType | None:
        """Return the figure in letters."""
        return terminal(panels(drawn), width=width, height=ROWS, ascii_only=ascii_only)

    def svg(self, drawn: Sequence[Drawn], *, title: str = "") -> str | None:
        """Return the figure as SVG."""
        return svg(panels(drawn), title=title)


ROWS = 24


def panels(drawn: Sequence[Drawn]) -> list[Panel]:
    """Return a panel for each run."""
    return [Panel(each.title, each.run.timeline, each.caption, each.is_faded) for each in drawn]


def beside(got: Run, expected: Run) -> list[Drawn]:
    """Return a run, and in grey beside it the one that was expected."""
    return [Drawn("Yours", got, got.program.name), replace(Drawn("Expected", expected, "a solution"), is_faded=True)]
