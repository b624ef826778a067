"""What a figure is asked to draw: a panel is one recording with a title."""

from __future__ import annotations

from dataclasses import dataclass

from weft.record.timeline import Timeline


@dataclass(frozen=True)
class Panel:
    """One recording in a figure; the panels of a figure share one scale of time."""

    title: str
    timeline: Timeline
    caption: str = ""
    is_faded: bool = False
    """Drawn in grey: what another panel is compared with."""
