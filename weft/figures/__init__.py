"""Pictures: of recordings, of trees of services, of a Deferred's chain.

A recording's picture says what really ran, when, for which task, and what kept it waiting: one or more panels on one
scale of time that runs down. It reads a `Timeline` and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weft.figures.chain_figure import ChainFigure, figure
from weft.figures.panel import Panel
from weft.figures.services import service_tree
from weft.figures.svg_page import svg

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["ChainFigure", "Panel", "figure", "service_tree", "svg", "terminal"]


def terminal(panels: Sequence[Panel], *, width: int, height: int = 32, ascii_only: bool = False) -> RenderableType:
    """Return a figure that Rich prints in a terminal: `height` rows of time, never wider than `width` columns.

    It says everything in letters too, so it is complete without colour; with `ascii_only` it is plain ASCII.
    Raises ImportError if Rich is not installed.
    """
    from weft.figures.terminal_page import render

    return render(panels, width=width, height=height, ascii_only=ascii_only)
