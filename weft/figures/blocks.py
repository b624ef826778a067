"""What a column draws: intervals of time stacked as blocks that can be seen and do not overlap.

A run may last microseconds in a recording of seconds. A block has a least thickness, and one that would cover its
neighbour is moved down a little; where they are so crowded that it would move far, they are merged into one, which
shows what took most of its time. So a column has a bounded number of blocks, however long the recording.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from weft.figures.layout import Scale
from weft.record.timeline import Activity

MOST_MOVED_GRAINS = 4
"""How far a block may be moved from its time, in least thicknesses, before it is merged."""


@dataclass(frozen=True, slots=True)
class Span:
    """One interval to be stacked."""

    begin_ns: int
    end_ns: int
    activity: Activity
    task: int | None
    label: str = ""
    top: float | None = None
    """Where its counterpart stands in another column, if it has one."""


@dataclass(slots=True)
class Block:
    """One drawn block: a span, or several that were merged."""

    top: float
    bottom: float
    first: Span
    """The span it shows: of merged ones, one of those that took most of its time."""
    begin_ns: int
    end_ns: int
    spans: int = 1
    _held_ns: dict[tuple[Activity, int | None], int] = field(default_factory=dict)
    _shown_by: dict[tuple[Activity, int | None], Span] = field(default_factory=dict)

    @property
    def height(self) -> float:
        """How tall it is."""
        return self.bottom - self.top

    def take(self, span: Span) -> None:
        """Merge a later span into this block."""
        if not self._held_ns:
            self._count(self.first)
        self._count(span)
        self.spans += 1
        self.end_ns = max(self.end_ns, span.end_ns)
        most = max(self._held_ns, key=self._held_ns.__getitem__)
        self.first = self._shown_by[most]

    def owned_as(self, span: Span) -> bool:
        """Whether the span shows what this block shows."""
        return self.first.task == span.task and self.first.activity is span.activity

    def _count(self, span: Span) -> None:
        key = (span.activity, span.task)
        self._held_ns[key] = self._held_ns.get(key, 0) + span.end_ns - span.begin_ns
        self._shown_by.setdefault(key, span)


def stack(spans: Iterable[Span], scale: Scale, grain: float, end_ns: int) -> list[Block]:
    """Return the blocks of one column, from top to bottom.

    Spans come in the order of time and do not overlap. A running one is drawn at least `grain` tall; one that
    waits, and would be less than a pixel tall, is left out. No block reaches below `end_ns` unless there are too
    many of them.
    """
    made: list[Block] = []
    for span in spans:
        top, bottom = scale.at(span.begin_ns), scale.at(span.end_ns)
        if span.activity is not Activity.RUNNING and bottom - top < 1:
            continue
        last = made[-1] if made else None
        if last and last.owned_as(span) and top <= last.bottom:
            last.take(span)
            last.bottom = max(last.bottom, bottom)
            continue
        wanted = top if span.top is None else span.top
        placed = max(wanted, last.bottom) if last else wanted
        if last and placed - top > MOST_MOVED_GRAINS * grain and bottom - placed < grain:
            last.take(span)
            last.bottom = max(last.bottom, bottom)
            continue
        made.append(Block(placed, max(bottom, placed + grain), span, span.begin_ns, span.end_ns))
    _lift(made, scale.at(end_ns), grain)
    return made


def _lift(blocks: list[Block], limit: float, grain: float) -> None:
    """Move the last blocks up where they reach below the column's end."""
    if not blocks:
        return
    limit = max(limit, blocks[0].top + grain * len(blocks))
    for block in reversed(blocks):
        if block.bottom <= limit:
            return
        block.bottom = limit
        block.top = max(blocks[0].top, min(block.top, limit - grain))
        limit = block.top
