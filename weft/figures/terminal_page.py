"""A figure as rows of a terminal, for Rich to print: complete in plain letters, clearer with colour.

The only module of figures that needs Rich.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

try:
    from rich.cells import cell_len, set_cell_size
    from rich.console import Group, RenderableType
    from rich.text import Text
except ImportError as error:
    raise ImportError(
        "drawing a figure in a terminal needs Rich, which is not installed; install it with: pip install 'weft[cli]'"
    ) from error

from weft.figures import layout, shares, wording
from weft.figures.notes import lesson, of_figure
from weft.figures.palette import COLOURS_LIGHT, Ink, Inks, mix, text_on
from weft.figures.panel import Panel
from weft.record.timeline import Activity, Outcome, Task

LEAST_WIDTH = 24
"""Below this a figure is cropped: there is no room for an axis, a thread and a task."""
MOST_HEIGHT = 1_000

_AXIS = 8
_RAIL = 3
_BUNDLE = 8
_GAP = 2
_PANEL_GAP = 3
_MOST_SPARE = 12
_MOST_RAILS = 24
_MOST_THREADS = 12
_ROWS_PER_TICK = 4
_GREY = "#808890"
_STRONG = "bold"


@dataclass(frozen=True, slots=True)
class Signs:
    """The characters that a figure is drawn with."""

    running: str
    held: str
    idle: str
    ready: str
    waiting: str
    callback: str
    rule: str
    ends: dict[Outcome, str]


UNICODE = Signs("█", "▒", "░", "┊", "│", "#", "─", {
    Outcome.RETURNED: "●", Outcome.RAISED: "✗", Outcome.CANCELLED: "⊘", Outcome.UNFINISHED: "▽",
})  # fmt: skip
ASCII = Signs("#", "=", ".", ":", "|", "%", "-", {
    Outcome.RETURNED: "o", Outcome.RAISED: "x", Outcome.CANCELLED: "/", Outcome.UNFINISHED: "v",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Plan:
    """One panel's columns and how wide they are."""

    panel: Panel
    place: int
    columns: layout.Columns
    thread: int
    drawn: int
    width: int

    @property
    def threads_width(self) -> int:
        return len(self.columns.threads) * (self.thread + 1)


@dataclass(slots=True)
class _Figure:
    """What all parts of one figure share."""

    inks: Inks
    scale: layout.Scale
    signs: Signs
    width: int
    seen: set[Activity | Outcome | str]


def render(panels: Sequence[Panel], *, width: int, height: int = 32, ascii_only: bool = False) -> RenderableType:
    """Return the figure; see `weft.figures.terminal`."""
    width, height = max(1, width), min(max(2, height), MOST_HEIGHT)
    figure = _Figure(mix(panels), layout.Scale(layout.total_ns(panels), height), UNICODE, width, set())
    if ascii_only:
        figure.signs = ASCII
    lines: list[Text] = []
    if not panels:
        lines.append(Text("Nothing to draw: the figure has no panels."))
    plans = _plans(figure, panels)
    for row in plans:
        lines.extend(_draw_row(figure, row))
        lines.append(Text())
    lines.extend(_legend(figure))
    lines.extend(_notes(figure, [plan for row in plans for plan in row]))
    return Group(*(_fitted(line, width, ascii_only) for line in lines))


def _plans(figure: _Figure, panels: Sequence[Panel]) -> list[list[_Plan]]:
    """Return the panels in rows: one row if all fit side by side, else a row each."""
    if not panels:
        return []
    room = max(figure.width, LEAST_WIDTH) - _AXIS
    for thread, least in ((8, 22), (6, 20), (4, 17)):
        beside = [_plan(figure, panel, place, thread, 10_000, least) for place, panel in enumerate(panels)]
        spare = room - sum(plan.width for plan in beside) - _PANEL_GAP * (len(beside) - 1)
        if spare >= 0:
            more = min(spare // len(beside), _MOST_SPARE)
            return [[replace(plan, width=plan.width + more) for plan in beside]]
    return [[_plan(figure, panel, place, 6, room, min(room, 60))] for place, panel in enumerate(panels)]


def _plan(figure: _Figure, panel: Panel, place: int, thread: int, room: int, least: int) -> _Plan:
    """Return a panel's columns such that they fit into `room`; the panel is `least` wide, for its words."""
    number = max(1, len(panel.timeline.threads))
    wide = thread + 2 if number == 1 else thread
    threads = max(1, min(_MOST_THREADS, number, (room - _GAP - 2 * _RAIL) // 4))
    wide = max(3, min(wide, (room - _GAP - 2 * _RAIL) // threads - 1))
    left = room - threads * (wide + 1) - _GAP
    few = len(panel.timeline.tasks) <= min(_MOST_RAILS, left // _RAIL)
    for bundles in (0,) if few else (4, 3, 2, 1):
        rails = min(_MOST_RAILS, (left - bundles * _BUNDLE) // _RAIL)
        bounds = layout.Bounds(threads, max(0, rails), bundles)
        columns = layout.columns(panel.timeline, bounds, figure.scale, least=2, head=1)
        tasks_width = len(columns.rails) * _RAIL + len(columns.bundles) * _BUNDLE
        if tasks_width <= left:
            break
    drawn = threads * (wide + 1) + _GAP + tasks_width
    return _Plan(panel, place, columns, wide, drawn, max(drawn, least))


def _draw_row(figure: _Figure, row: Sequence[_Plan]) -> list[Text]:
    """Return panels side by side, with one axis of time at the left."""
    heads = [_head(figure, plan) for plan in row]
    tall = max(len(head) for head in heads)
    blocks = [head[:-2] + [Text()] * (tall - len(head)) + head[-2:] for head in heads]
    bodies = [_body(figure, plan) for plan in row]
    down = max(len(body) for body in bodies)
    rows = max(len(shares.extent(0, layout.end_ns(plan.panel.timeline), figure.scale)) for plan in row)
    axis = [Text()] * tall + _axis(figure, rows)
    lines = []
    for at in range(tall + down):
        line = Text()
        line.append_text(_padded(axis[at] if at < len(axis) else Text(), _AXIS))
        for plan, block, body in zip(row, blocks, bodies, strict=True):
            cells = [*block, *body]
            cell = _padded(cells[at] if at < len(cells) else Text(), plan.width)
            line.append_text(Text(cell.plain, _GREY) if plan.panel.is_faded else cell)
            line.append(" " * _PANEL_GAP)
        line.rstrip()
        lines.append(line)
    return lines


def _head(figure: _Figure, plan: _Plan) -> list[Text]:
    """Return a panel's title, caption and counts; the last two lines head its columns."""
    timeline = plan.panel.timeline
    lines = [Text(line, _STRONG) for line in wording.wrap(plan.panel.title, plan.width, 2)]
    lines.extend(Text(line, _GREY) for line in wording.wrap(plan.panel.caption, plan.width, 5))
    threads, tasks = wording.count(len(timeline.threads), "thread"), wording.count(len(timeline.tasks), "task")
    lines.append(Text(wording.shorten(f"{threads}, {tasks}", plan.width)))
    names = Text()
    for index, _ in plan.columns.threads:
        names.append((str(index + 1) if len(timeline.threads) > 1 else "").center(plan.thread) + " ", _GREY)
    names = _padded(names, plan.threads_width + _GAP)
    for rail in plan.columns.rails:
        ink = figure.inks.of(plan.place, rail[0].number)
        names.append(" " if len(rail) > 1 else ink.letter, _STRONG).append(" " * (_RAIL - 1))
    for bundle in plan.columns.bundles:
        ink = figure.inks.of(plan.place, bundle.tasks[0].number)
        many = Text(f"{ink.letter}{wording.times(len(bundle.tasks))}".replace(",", ""), _STRONG)
        names.append_text(_padded(many, _BUNDLE))
    return [*lines, names]


def _axis(figure: _Figure, rows: int) -> list[Text]:
    labels = {
        shares.row_of(tick.ns, figure.scale): tick.label
        for tick in reversed(layout.ticks(figure.scale.total_ns, max(1, int(figure.scale.height) // _ROWS_PER_TICK)))
    }
    return [Text(labels.get(row, "").rjust(_AXIS - 1), _GREY) for row in range(rows)]


def _body(figure: _Figure, plan: _Plan) -> list[Text]:
    """Return a panel's rows of time, and beneath them when it was done."""
    timeline = plan.panel.timeline
    if layout.is_empty(timeline):
        return [Text("nothing was recorded")]
    end = layout.end_ns(timeline)
    rows = len(shares.extent(0, end, figure.scale))
    lines = _threads(figure, plan, rows)
    rails = [_rail(figure, plan, rail, rows) for rail in plan.columns.rails]
    bundles = [_bundle(figure, plan, bundle, rows) for bundle in plan.columns.bundles]
    for at in range(rows):
        lines[at] = _padded(lines[at], plan.threads_width + _GAP)
        for column in (*rails, *bundles):
            lines[at].append_text(column[at])
    unfinished = any(task.outcome is Outcome.UNFINISHED for task in timeline.tasks)
    label = f"{'recording ends at' if unfinished else 'done after'} {wording.duration(end)}"
    lines.append(Text(figure.signs.rule * plan.drawn, _GREY))
    lines.append(Text(label, _STRONG))
    told = lesson(timeline, lambda task: figure.inks.of(plan.place, task))
    return [*lines, *(Text(line, _GREY) for line in wording.wrap(told, plan.width, 2))]


def _threads(figure: _Figure, plan: _Plan, rows: int) -> list[Text]:
    lines = [Text() for _ in range(rows)]
    for index, thread in plan.columns.threads:
        slices = [piece for piece in plan.panel.timeline.slices if piece.thread == index]
        held = shares.thread_rows(thread, slices, figure.scale)
        for at, line in enumerate(lines):
            line.append_text(_padded(_thread_row(figure, plan, held.get(at, {})), plan.thread + 1))
    return lines


def _thread_row(figure: _Figure, plan: _Plan, row: shares.Row) -> Text:
    """Return a row of a thread: each task's letter as wide as its share, a run at least one cell."""
    must = [activity is Activity.RUNNING for activity, _ in row]
    parts = shares.apportion(list(row.values()), must, plan.thread)
    line = Text()
    for (activity, task), cells in zip(row, parts, strict=True):
        if not cells:
            continue
        if (activity, task) == shares.IDLE:
            figure.seen.add("idle")
            line.append(figure.signs.idle * cells, _GREY)
            continue
        ink = figure.inks.of(plan.place, task)
        if activity is Activity.RUNNING:
            figure.seen.add("run" if task is not None else "callback")
            line.append((ink.letter if task is not None else figure.signs.callback) * cells, _solid(ink))
        else:
            figure.seen.add("held")
            line.append(ink.letter.lower(), f"bold {_colour(ink)}")
            line.append(figure.signs.held * (cells - 1), _GREY)
    return line


def _rail(figure: _Figure, plan: _Plan, rail: Sequence[Task], rows: int) -> list[Text]:
    """Return a rail: a letter in each row in which its task ran, and a sign for what it did most."""
    lines = [Text(" " * _RAIL) for _ in range(rows)]
    for task in rail:
        ink = figure.inks.of(plan.place, task.number)
        lived = shares.task_rows(task, figure.scale)
        figure.seen.add(task.outcome)
        for at, row in lived.items():
            did = {activity for activity, _ in row}
            most = max(row, key=lambda key: row[key])[0] if row else Activity.WAITING
            figure.seen.add(most)
            first = ink.letter if Activity.RUNNING in did else ink.letter.lower() if at == min(lived) else " "
            first = ink.letter.lower() if first == " " and most is Activity.BLOCKING else first
            line = Text(first, _solid(ink) if first == ink.letter else _colour(ink))
            if at == max(lived):
                line.append(figure.signs.ends[task.outcome], _STRONG)
            else:
                line.append(_sign(figure, most), _colour(ink) if most in _COLOURED else _GREY)
            lines[at] = line.append(" " * (_RAIL - 2))
    return lines


def _bundle(figure: _Figure, plan: _Plan, bundle: layout.Bundle, rows: int) -> list[Text]:
    """Return a bundle: as many signs as there are tasks, in proportion to the most there ever were."""
    ink = figure.inks.of(plan.place, bundle.tasks[0].number)
    figure.seen.add("bundle")
    lines = []
    for row in shares.bundle_rows(bundle, figure.scale, _BUNDLE - 1)[:rows]:
        line = Text()
        for activity, cells in row.items():
            figure.seen.update({activity} if cells else ())
            sign = ink.letter if activity is Activity.RUNNING else _sign(figure, activity)
            line.append(sign * cells, _solid(ink) if activity is Activity.RUNNING else _GREY)
        lines.append(_padded(line, _BUNDLE))
    return lines


_COLOURED = (Activity.RUNNING, Activity.READY)


def _sign(figure: _Figure, activity: Activity) -> str:
    signs = figure.signs
    return {
        Activity.RUNNING: signs.running, Activity.BLOCKING: signs.held,
        Activity.READY: signs.ready, Activity.WAITING: signs.waiting,
    }[activity]  # fmt: skip


def _legend(figure: _Figure) -> list[Text]:
    """Return which letter is which task, and what each sign in the figure means."""
    signs = figure.signs
    lines = []
    for ink in figure.inks.legend:
        line = Text(f" {ink.letter} ", _solid(ink))
        many = f" {wording.times(ink.tasks)}" if figure.inks.by_kind else ""
        lines.append(line.append(f" {wording.shorten(ink.name, figure.width - 4 - len(many))}{many}", "default"))
    if lines:
        lines.append(Text())
    letter = figure.inks.legend[0].letter if figure.inks.legend else "*"
    meanings: list[tuple[Activity | Outcome | str, str, str]] = [
        ("run", letter * 3, "the thread runs that task"),
        ("held", letter.lower() + signs.held * 2, "the thread waits, held by that task"),
        ("idle", signs.idle * 3, "the thread waits: it could run anything"),
        ("callback", signs.callback * 3, "the thread runs a callback of no task"),
        (Activity.RUNNING, letter + signs.running, "the task runs most of the row"),
        (Activity.WAITING, " " + signs.waiting, "the task waits and holds no thread"),
        (Activity.READY, " " + signs.ready, "it could run, but its thread is held"),
        (Activity.BLOCKING, letter.lower() + signs.held, "the task waits and holds its thread"),
        ("bundle", wording.times(99), "many tasks: as wide as there are"),
    ]
    ends = {
        Outcome.RETURNED: "done", Outcome.RAISED: "raised an exception",
        Outcome.CANCELLED: "cancelled", Outcome.UNFINISHED: "not done yet",
    }  # fmt: skip
    meanings.extend((outcome, " " + signs.ends[outcome], told) for outcome, told in ends.items())
    lines.extend(Text(f"{sign:<4} {told}") for what, sign, told in meanings if what in figure.seen)
    return lines


def _notes(figure: _Figure, plans: Sequence[_Plan]) -> list[Text]:
    first = ""
    if "run" in figure.seen:
        row = wording.duration(figure.scale.span(1), 2)
        first = f"A row is {row}. A run is drawn at least one letter wide, however short it was."
    notes = of_figure(((plan.panel, plan.columns.cuts) for plan in plans), first)
    return [Text(line, _GREY) for note in notes for line in wording.wrap(note, figure.width, 4)]


def _solid(ink: Ink) -> str:
    colour = _colour(ink)
    return f"bold {text_on(colour)} on {colour}"


def _colour(ink: Ink) -> str:
    return COLOURS_LIGHT[ink.colour] if ink.index >= 0 else "#6b7078" if ink.index == -1 else "#8a7f72"


def _padded(text: Text, width: int) -> Text:
    """Return a line exactly `width` cells wide."""
    line = text.copy()
    line.truncate(width, overflow="crop")
    line.append(" " * (width - line.cell_len))
    return line


_ASCII_OF = str.maketrans({"…": "~", "µ": "u", "\N{MULTIPLICATION SIGN}": "x"})


def _fitted(line: Text, width: int, ascii_only: bool) -> Text:
    """Return a line that is no wider than the figure, in ASCII if asked for."""
    made = line.copy()
    if ascii_only:
        made.plain = "".join(_ascii(character) for character in line.plain)
    made.truncate(width, overflow="crop")
    made.no_wrap, made.overflow = True, "crop"
    return made


def _ascii(character: str) -> str:
    """Return as many ASCII characters as the character fills cells."""
    plain = character.translate(_ASCII_OF).encode("ascii", "replace").decode("ascii")
    return set_cell_size(plain * 2, cell_len(character))
