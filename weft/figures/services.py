"""A tree of services as a picture: a row for each, under its parent, with its state as a letter on a colour.

Draws a description (`weft.services.description.Node`), of whatever process; it asks no service anything.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from weft.figures import svg_marks as marks
from weft.figures import wording
from weft.figures.palette import NO_TASK, Ink
from weft.services.description import Node
from weft.services.lifecycle import State

MOST_ROWS = 400
"""A picture of more services than this would be read by nobody; how many are left out is said in it."""

_ROW = 34.0
_INDENT = 30.0
_MARGIN = 32.0
_HEAD = 78.0
_GAP = 22.0
_FONT = 13

_INKS = {
    State.NEW: Ink(-1, "N", State.NEW.value),
    State.STARTING: Ink(1, "S", State.STARTING.value),
    State.RUNNING: Ink(2, "R", State.RUNNING.value),
    State.DONE: Ink(0, "D", State.DONE.value),
    State.BROKEN: Ink(4, "X", State.BROKEN.value),
    State.DRAINING: Ink(5, "F", "draining: it finishes what is under way"),
    State.STOPPING: Ink(3, "E", "stopping: it ends"),
    State.STOPPED: Ink(6, "O", State.STOPPED.value),
    State.FAILED: Ink(12, "!", State.FAILED.value),
}


def service_tree(root: Node, *, title: str = "") -> str:
    """Return a stand-alone SVG document that draws a tree of services; the same tree gives the same bytes."""
    rows = _rows(root)
    shown = rows[:MOST_ROWS]
    names = [wording.name(node.name) for _, _, node in shown]
    kinds = [wording.name(node.kind) for _, _, node in shown]
    notes = [wording.clean_long(node.note) for _, _, node in shown]
    name_at = _MARGIN + marks.CHIP + 10
    kind_at = name_at + max(
        depth * _INDENT + wording.width(name, wording.em) * _FONT
        for (depth, _, _), name in zip(shown, names, strict=True)
    ) + _GAP  # fmt: skip
    note_at = kind_at + max(wording.width(kind, wording.em) * _FONT for kind in kinds) + _GAP
    widest = max([note_at + wording.width(note, wording.em) * _FONT for note in notes])
    width = max(560.0, min(widest, 1_600.0) + _FONT + _MARGIN)

    parts = [marks.text(_MARGIN, 40, wording.clean_long(title) or f"{names[0]}: its services", "h1")]
    parts.append(marks.text(_MARGIN, 62, wording.count(len(rows), "service"), "muted"))
    parts += _branches(shown)
    for place, (depth, _, node) in enumerate(shown):
        x, y = _MARGIN + depth * _INDENT, _HEAD + place * _ROW
        room = (width - _MARGIN - note_at) / _FONT
        told = f"{names[place]}: {node.state.value}"
        parts.append(marks.element("g", marks.tip(told), marks.chip(x, y, _INKS[node.state])))
        parts.append(marks.text(x + marks.CHIP + 10, y + 14, wording.isolated(names[place]), "strong"))
        parts.append(marks.text(kind_at, y + 14, wording.isolated(kinds[place]), "muted"))
        parts.append(marks.text(note_at, y + 14, wording.shorten(notes[place], room, wording.em), ""))
    y = _HEAD + len(shown) * _ROW + 8
    left = len(rows) - len(shown)
    if left:
        parts.append(marks.text(_MARGIN, y + 10, f"and {wording.count(left, 'service')} more", "muted"))
        y += _ROW
    parts += _legend(shown, y)
    states = {node.state for _, _, node in shown}
    height = y + 24 * len(states) + _MARGIN
    return _document(parts, title or f"The services of {names[0]}", rows, width, height)


def _rows(root: Node) -> list[tuple[int, int, Node]]:
    """Return (depth, place of its parent's row, node) for each service, from the root down."""
    rows: list[tuple[int, int, Node]] = []
    pending = [(0, -1, root)]
    while pending:
        depth, parent, node = pending.pop()
        rows.append((depth, parent, node))
        pending.extend((depth + 1, len(rows) - 1, child) for child in reversed(node.children))
    return rows


def _branches(rows: list[tuple[int, int, Node]]) -> list[str]:
    """Return the lines from each row to its parent's."""
    lines = []
    for place, (depth, parent, _) in enumerate(rows):
        if parent >= 0:
            x = _MARGIN + (depth - 1) * _INDENT + marks.CHIP / 2
            top, middle = _HEAD + parent * _ROW + marks.CHIP + 2, _HEAD + place * _ROW + marks.CHIP / 2
            d = f"M{x:.1f} {top:.1f}V{middle:.1f}H{x + _INDENT - marks.CHIP / 2 - 3:.1f}"
            lines.append(marks.element("path", d=d, class_="wait", fill="none"))
    return lines


def _legend(rows: list[tuple[int, int, Node]], y: float) -> list[str]:
    """Return what each letter means, of those that occur."""
    states = {node.state for _, _, node in rows}
    parts = []
    for place, state in enumerate(state for state in State if state in states):
        parts.append(marks.chip(_MARGIN, y + place * 24, _INKS[state], 16))
        parts.append(marks.text(_MARGIN + 26, y + place * 24 + 12, _INKS[state].name, "muted"))
    return parts


def _document(parts: list[str], title: str, rows: list[tuple[int, int, Node]], width: float, height: float) -> str:
    told = " ".join(f"{wording.name(node.name)}: {node.state.value}." for _, _, node in rows[:MOST_ROWS])
    return marks.element(
        "svg",
        marks.element("title", escape(wording.clean_long(title)), id="weft-title"),
        marks.element("desc", escape(told), id="weft-desc"),
        marks.stylesheet([*_INKS.values(), NO_TASK]),
        marks.box(0, 0, width, height, "page"),
        *(f"\n{part}" for part in parts),
        xmlns="http://www.w3.org/2000/svg",
        class_="weft",
        role="img",
        aria_labelledby="weft-title weft-desc",
        width=width,
        height=height,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
    ) + "\n"  # fmt: skip
