"""A figure as one SVG document: the panels side by side on one scale of time, and a legend of what occurs in them.

The document stands alone: no script, no font, no link. It follows the reader's choice of a light or dark page.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from weft.figures import layout, wording
from weft.figures import svg_columns as column
from weft.figures import svg_marks as marks
from weft.figures.notes import lesson, of_figure
from weft.figures.palette import NO_TASK, OTHER, Ink, Inks, mix
from weft.figures.panel import Panel
from weft.figures.svg_columns import PanelDrawing
from weft.record.timeline import Activity, Outcome, Timeline

BODY = 620.0
"""How tall the axis of time is, in pixels."""
GRAIN = 2.5
"""How tall the shortest run is drawn."""
MOST_MARKS = 4_000
"""Beyond this many, blocks are made coarser: at about 200 bytes each, a figure stays below a megabyte."""
BOUNDS = layout.Bounds(threads=12, rails=24, bundles=4)
WIDEST = 1_800.0
"""A row of panels is no wider than this, unless a single panel is."""

_MARGIN = 40.0
_AXIS = 70.0
_LEAST_PANEL = 250.0
_PANEL_GAP = 56.0
_PER_TICK = 75.0
_LEAST_LEGEND = 240.0
_CAPTION_LINES = 4
_LINE = 19.0


def svg(panels: Sequence[Panel], *, title: str = "", subtitle: str = "") -> str:
    """Return a stand-alone SVG document that draws the panels side by side, time running down, on one scale.

    The same panels give the same bytes. The size is bounded, whatever was recorded: what is merged or left out is
    said in the figure.
    """
    inks = mix(panels)
    scale = layout.Scale(layout.total_ns(panels), BODY)
    drawings = _prepare(panels, scale, inks)
    rows = _rows(drawings)
    width = max([760.0, *(_row_width(row) for row in rows)]) + 2 * _MARGIN
    parts: list[str] = []
    y = _draw_heading(parts, title, subtitle, width)
    for row in rows:
        y = _draw_row(parts, row, y, width)
    if not panels:
        parts.append(marks.text(_MARGIN, y + 30, "Nothing to draw: the figure has no panels.", "muted"))
        y += 60
    y = _draw_legend(parts, drawings, inks, y, width)
    y = _draw_notes(parts, drawings, y, width)
    return _document(parts, drawings, inks, title, width, y + _MARGIN - 14)


def _prepare(panels: Sequence[Panel], scale: layout.Scale, inks: Inks) -> list[PanelDrawing]:
    """Return the panels with their blocks stacked, as finely as the number of marks allows."""
    columns = [layout.columns(panel.timeline, BOUNDS, scale, least=12, head=column.HEAD) for panel in panels]
    grain = GRAIN
    while True:
        drawings = [
            column.prepare(panel, place, columns[place], scale, grain, inks) for place, panel in enumerate(panels)
        ]
        if sum(drawing.blocks for drawing in drawings) <= MOST_MARKS or grain >= BODY / 8:
            return drawings
        grain *= 2


def _panel_width(drawing: PanelDrawing) -> float:
    return max(_LEAST_PANEL, drawing.width)


def _row_width(row: Sequence[PanelDrawing]) -> float:
    return _AXIS + sum(_panel_width(drawing) for drawing in row) + _PANEL_GAP * (len(row) - 1)


def _rows(drawings: Sequence[PanelDrawing]) -> list[list[PanelDrawing]]:
    rows: list[list[PanelDrawing]] = []
    for drawing in drawings:
        if rows and _row_width([*rows[-1], drawing]) <= WIDEST:
            rows[-1].append(drawing)
        else:
            rows.append([drawing])
    return rows


def _draw_heading(parts: list[str], title: str, subtitle: str, width: float) -> float:
    y = _MARGIN
    for line in wording.wrap(title, (width - 2 * _MARGIN) / 24, 2, wording.em):
        parts.append(marks.text(_MARGIN, y + 20, line, "h1"))
        y += 32
    for line in wording.wrap(subtitle, (width - 2 * _MARGIN) / 13, 4, wording.em):
        parts.append(marks.text(_MARGIN, y + 16, line, "muted"))
        y += _LINE
    return y + (28 if y > _MARGIN else 0)


def _draw_row(parts: list[str], row: Sequence[PanelDrawing], y: float, width: float) -> float:
    """Draw panels side by side; return where what follows begins."""
    captions = [
        wording.wrap(drawing.panel.caption, _panel_width(drawing) / 13, _CAPTION_LINES, wording.em) for drawing in row
    ]
    head = y + 24 + _LINE * max(len(lines) for lines in captions) + 8
    body = head + 76
    right = _MARGIN + _row_width(row)
    for tick in layout.ticks(row[0].scale.total_ns, round(BODY / _PER_TICK)):
        at = body + row[0].scale.at(tick.ns)
        parts.append(marks.element("path", d=f"M{_MARGIN + _AXIS - 12:.1f} {at:.1f}H{right:.1f}", class_="grid"))
        parts.append(marks.text(_MARGIN + _AXIS - 20, at + 4, tick.label, "muted right small"))
    parts.append(marks.text(_MARGIN, body - 18, "time ↓", "muted small"))
    x = _MARGIN + _AXIS
    for drawing, lines in zip(row, captions, strict=True):
        title = wording.shorten(wording.clean_long(drawing.panel.title), _panel_width(drawing) / 17.5, wording.em)
        inside = [marks.text(x, y + 14, title, "h2")]
        for at, line in enumerate(lines):
            inside.append(marks.text(x, y + 36 + at * _LINE, line, "muted"))
        inside.append(_draw_panel(drawing, x, head, body))
        parts.append(
            marks.element("g", *inside, class_="faded") if drawing.panel.is_faded else marks.element("g", *inside)
        )
        x += _panel_width(drawing) + _PANEL_GAP
    return body + BODY + 84


def _draw_panel(drawing: PanelDrawing, x: float, head: float, body: float) -> str:
    timeline = drawing.panel.timeline
    if layout.is_empty(timeline):
        return marks.text(x, body + 24, "Nothing was recorded.", "muted")
    parts = [_draw_heads(drawing, x, head, body)]
    parts.append(column.draw_threads(drawing, x, body))
    parts.append(column.draw_tasks(drawing, x + drawing.threads_width + column.SECTION_GAP, body))
    end_ns = layout.end_ns(timeline)
    y = body + drawing.scale.at(end_ns) + 7
    unfinished = any(task.outcome is Outcome.UNFINISHED for task in timeline.tasks)
    label = f"{'recording ends at' if unfinished else 'done after'} {wording.duration(end_ns)}"
    parts.append(marks.element("path", d=f"M{x:.1f} {y:.1f}h{drawing.width:.1f}", class_="done"))
    parts.append(marks.text(x, y + 20, label, "big"))
    parts.append(marks.text(x, y + 38, lesson(drawing.panel.timeline, drawing.ink), "muted"))
    return "".join(parts)


def _draw_heads(drawing: PanelDrawing, x: float, y: float, body: float) -> str:
    """Return what stands above the columns: how many threads and tasks, and each column's number or letter."""
    timeline = drawing.panel.timeline
    threads, tasks = wording.count(len(timeline.threads), "thread"), wording.count(len(timeline.tasks), "task")
    at = x + drawing.threads_width + column.SECTION_GAP
    parts = [marks.text(x, y + 20, threads, "strong")]
    if drawing.threads_width + column.SECTION_GAP < wording.width(threads, wording.em) * 13 + 12:
        parts = [marks.text(x, y + 20, f"{threads}, {tasks}", "strong")]
    elif timeline.tasks:
        parts.append(marks.text(at, y + 20, tasks, "strong"))
    for place, (index, _, _) in enumerate(drawing.threads):
        middle = x + place * (drawing.thread_width + drawing.gutter) + drawing.thread_width / 2
        if len(timeline.threads) > 1:
            parts.append(marks.text(middle, body - 18, str(index + 1), "muted middle"))
    for place, rail in enumerate(drawing.rails):
        middle = at + place * column.RAIL + column.RAIL / 2
        if not drawing.columns.shared:
            parts.append(marks.chip(middle - marks.CHIP / 2, body - 32, drawing.ink(rail[0][0].number)))
        guide = f"M{middle:.1f} {body - 10:.1f}V{body + drawing.scale.at(layout.end_ns(timeline)):.1f}"
        parts.append(marks.element("path", d=guide, class_="guide"))
    at += len(drawing.rails) * column.RAIL + column.BUNDLE_GAP / 2
    for bundle in drawing.columns.bundles:
        ink = drawing.ink(bundle.tasks[0].number)
        parts.append(marks.chip(at, body - 32, ink))
        parts.append(marks.text(at + marks.CHIP + 5, body - 19, wording.times(len(bundle.tasks)), "small strong"))
        at += column.BUNDLE + column.BUNDLE_GAP
    return "".join(parts)


def _draw_legend(parts: list[str], drawings: Sequence[PanelDrawing], inks: Inks, y: float, width: float) -> float:
    """Draw which letter is which task, then what each mark means; return where what follows begins."""
    entries: list[tuple[str, str]] = []
    for ink in inks.legend:
        many = f" {wording.times(ink.tasks)}" if inks.by_kind else ""
        entries.append((marks.chip(6, 0, ink), wording.isolated(wording.shorten(ink.name, 40)) + many))
    y = _draw_entries(parts, entries, y, width, len(entries) and "Tasks")
    seen = {what for drawing in drawings for what in drawing.seen}
    glyphs = [(_glyph(what, inks), told) for what, told in _MEANINGS.items() if what in seen]
    return _draw_entries(parts, glyphs, y, width, len(glyphs) and "How to read it")


def _draw_entries(
    parts: list[str], entries: Sequence[tuple[str, str]], y: float, width: float, heading: str | int
) -> float:
    if not entries:
        return y
    parts.append(marks.text(_MARGIN, y + 14, str(heading), "strong"))
    y += 28
    widest = max(wording.width(told, wording.em) for _, told in entries) * 13 + 70
    column_width = min(max(widest, _LEAST_LEGEND), width - 2 * _MARGIN)
    across = max(1, int((width - 2 * _MARGIN) // column_width))
    down = -(-len(entries) // across)
    for at, (glyph, told) in enumerate(entries):
        x, top = _MARGIN + at // down * column_width, y + at % down * 28
        parts.append(marks.element("g", glyph, transform=f"translate({x:.1f} {top:.1f})"))
        shown = wording.shorten(told, (column_width - 56) / 13, wording.em)
        parts.append(marks.text(x + 38, top + 13, shown, ""))
    return y + down * 28 + 18


_MEANINGS: dict[Activity | Outcome | str, str] = {
    "run": "the thread runs a task",
    "idle": "the thread waits: it could run anything",
    "held": "the thread waits, held by this task",
    "callback": "the thread runs a callback of no task",
    Activity.RUNNING: "the task runs",
    Activity.WAITING: "the task waits and holds no thread",
    Activity.READY: "it could run, but its thread is held",
    Activity.BLOCKING: "the task waits and holds its thread",
    "bundle": "many tasks: as wide as there are at that time",
    Outcome.RETURNED: "the task is done",
    Outcome.RAISED: "it raised an exception",
    Outcome.CANCELLED: "it was cancelled",
    Outcome.UNFINISHED: "it was not done yet",
}


def _glyph(what: Activity | Outcome | str, inks: Inks) -> str:
    """Return a small sample of a mark, 30 wide and 18 tall."""
    ink = inks.legend[0] if inks.legend else OTHER
    if isinstance(what, Outcome):
        return marks.end_mark(15, 9, what, "")
    if what == "bundle":
        return "".join(marks.box(0, y, w, 5, "waits pale") for y, w in ((0, 26), (6, 18), (12, 22)))
    if isinstance(what, str):
        fills = {"run": marks.fill(ink), "callback": marks.fill(NO_TASK), "idle": "idle", "held": "held"}
        strip = marks.box(0, 0, marks.STRIP, 18, marks.fill(ink)) if what == "held" else ""
        return marks.box(0, 0, 30, 18, fills[what]) + strip
    if what is Activity.WAITING:
        return marks.element("path", d="M15 0v18", class_="wait")
    left = 15 - column.BAR / 2
    if what is Activity.RUNNING:
        return marks.box(left, 0, column.BAR, 18, marks.fill(ink))
    if what is Activity.READY:
        return marks.box(left, 0.5, column.BAR, 17, f"ready {marks.outline(ink)}")
    return marks.box(left, 0, column.BAR, 18, "held") + marks.box(left, 0, 3, 18, marks.fill(ink))


def _draw_notes(parts: list[str], drawings: Sequence[PanelDrawing], y: float, width: float) -> float:
    """Draw what a reader must know to believe the picture; return where it ends."""
    first = ""
    if any({"run", Activity.RUNNING} & drawing.seen for drawing in drawings):
        least = wording.duration(drawings[0].scale.span(drawings[0].grain), 2)
        first = (
            f"Runs shorter than {least} are drawn {least} tall, or they could not be seen; where they are crowded, "
            "they stand a little below their time, or are merged and show what took longest."
        )
    notes = of_figure(((drawing.panel, drawing.columns.cuts) for drawing in drawings), first)
    for note in notes:
        for line in wording.wrap(note, (width - 2 * _MARGIN) / 13, 3, wording.em):
            parts.append(marks.text(_MARGIN, y + 13, line, "muted"))
            y += _LINE
    return y


def _document(
    parts: Sequence[str], drawings: Sequence[PanelDrawing], inks: Inks, title: str, width: float, height: float
) -> str:
    used: list[Ink] = [*inks.legend, NO_TASK, OTHER]
    name = wording.clean_long(title) or "When each task ran and what it waited for"
    told = " ".join(_described(drawing.panel.title, drawing.panel.timeline) for drawing in drawings)
    return marks.element(
        "svg",
        marks.element("title", escape(name), id="weft-title"),
        marks.element("desc", escape(told or "An empty figure."), id="weft-desc"),
        marks.stylesheet(used),
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


def _described(title: str, timeline: Timeline) -> str:
    threads, tasks = wording.count(len(timeline.threads), "thread"), wording.count(len(timeline.tasks), "task")
    return f"{wording.name(title)}: {tasks} on {threads} in {wording.duration(layout.end_ns(timeline))}."
