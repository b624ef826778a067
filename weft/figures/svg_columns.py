"""The columns of a panel in SVG: a wide one for each thread, a rail for each task, a bundle for many of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from weft.figures import svg_marks as marks
from weft.figures import wording
from weft.figures.blocks import Block, Span, stack
from weft.figures.layout import Bundle, Columns, Scale, phases_of, profile
from weft.figures.palette import Ink, Inks
from weft.figures.panel import Panel
from weft.record.timeline import Activity, Outcome, Task, Thread

RAIL = 24.0
BAR = 9.0
"""How wide a rail's bar is; the rest of the rail is space."""
BUNDLE = 72.0
BUNDLE_GAP = 14.0
SECTION_GAP = 22.0
LEAST_LETTERED = 15.0
"""How tall a block must be to carry its letter."""
MOST_LETTERS = 3
"""How many letters stand beside blocks that are too thin to carry theirs."""
LETTER_WIDTH = 8.0
HEAD = 20.0
"""The room above a life on a shared rail, for its letter."""
ROW = 3.0
"""How tall a row of a bundle is."""


@dataclass(slots=True)
class PanelDrawing:
    """One panel's columns, stacked and measured, before they have a place on the page."""

    panel: Panel
    place: int
    columns: Columns
    scale: Scale
    grain: float
    inks: Inks
    thread_width: float
    gutter: float = 0.0
    threads: list[tuple[int, Thread, list[Block]]] = field(default_factory=list)
    rails: list[list[tuple[Task, list[Block]]]] = field(default_factory=list)
    seen: set[Activity | Outcome | str] = field(default_factory=set)
    """What occurs in it, so that the legend explains that and no more."""

    @property
    def threads_width(self) -> float:
        """How wide all threads are together."""
        return len(self.threads) * (self.thread_width + self.gutter)

    @property
    def tasks_width(self) -> float:
        """How wide all rails and bundles are together."""
        return len(self.rails) * RAIL + len(self.columns.bundles) * (BUNDLE + BUNDLE_GAP)

    @property
    def width(self) -> float:
        """How wide the panel's columns are."""
        return self.threads_width + SECTION_GAP + self.tasks_width

    @property
    def blocks(self) -> int:
        """How many marks it takes, about."""
        rails = sum(2 * len(blocks) + 4 for rail in self.rails for _, blocks in rail)
        return rails + sum(len(blocks) for _, _, blocks in self.threads)

    def ink(self, task: int | None) -> Ink:
        """Return the ink of a task by its number."""
        return self.inks.of(self.place, task)


def prepare(panel: Panel, place: int, columns: Columns, scale: Scale, grain: float, inks: Inks) -> PanelDrawing:
    """Return a panel's columns with their blocks stacked."""
    number = len(columns.threads)
    width = 92.0 if number <= 1 else 56.0 if number <= 4 else 26.0
    made = PanelDrawing(panel, place, columns, scale, grain, inks, width)
    spans: dict[int, list[Span]] = {index: [] for index, _ in columns.threads}
    for piece in panel.timeline.slices:
        if piece.thread in spans:
            activity = Activity.RUNNING if piece.running else Activity.BLOCKING
            spans[piece.thread].append(Span(piece.begin_ns, piece.end_ns, activity, piece.task, piece.label))
    tops: dict[tuple[int | None, int], float] = {}
    for index, thread in columns.threads:
        blocks = stack(spans[index], scale, grain, thread.end_ns)
        made.threads.append((index, thread, blocks))
        tops.update({(block.first.task, block.first.begin_ns): block.top for block in blocks})
    for rail in columns.rails:
        made.rails.append([(task, stack(_task_spans(task, tops), scale, grain, task.end_ns)) for task in rail])
    beside = [len(letters) for _, _, blocks in made.threads for _, letters in _letters_beside(made, blocks)]
    made.gutter = 8 + LETTER_WIDTH * max(beside, default=0)
    return made


def draw_threads(drawing: PanelDrawing, left: float, top: float) -> str:
    """Return the columns of a panel's threads."""
    parts = []
    for at, (index, thread, blocks) in enumerate(drawing.threads):
        x = left + at * (drawing.thread_width + drawing.gutter)
        y, bottom = drawing.scale.at(thread.begin_ns), drawing.scale.at(thread.end_ns)
        who = f"thread {index + 1}, {wording.name(thread.name)}"
        told = f"{who}: grey where it waits\n{_when(drawing, thread.begin_ns, thread.end_ns)}"
        parts.append(marks.box(x, top + y, drawing.thread_width, bottom - y, "idle", told, rx=2))
        parts.extend(_thread_block(drawing, block, who, x, top) for block in blocks)
        for beside, letters in _letters_beside(drawing, blocks):
            baseline = top + max(y + 9, min(beside + 9, bottom - 1))
            parts.append(marks.text(x + drawing.thread_width + 4, baseline, letters, "small strong"))
        if bottom > y and (not blocks or sum(block.height for block in blocks) < bottom - y - 1):
            drawing.seen.add("idle")
    return "".join(parts)


def draw_tasks(drawing: PanelDrawing, left: float, top: float) -> str:
    """Return the rails and bundles of a panel's tasks."""
    parts = []
    for at, rail in enumerate(drawing.rails):
        x = left + at * RAIL + RAIL / 2
        for task, blocks in rail:
            parts.append(_life(drawing, task, blocks, x, top))
    x = left + len(drawing.rails) * RAIL + BUNDLE_GAP / 2
    for bundle in drawing.columns.bundles:
        parts.append(_bundle(drawing, bundle, x, top))
        x += BUNDLE + BUNDLE_GAP
    return "".join(parts)


def _task_spans(task: Task, tops: dict[tuple[int | None, int], float]) -> list[Span]:
    return [
        Span(phase.begin_ns, phase.end_ns, phase.activity, task.number, phase.detail,
             None if phase.activity is Activity.READY else tops.get((task.number, phase.begin_ns)))
        for phase in task.phases if phase.activity is not Activity.WAITING
    ]  # fmt: skip


def _thread_block(drawing: PanelDrawing, block: Block, who: str, x: float, top: float) -> str:
    ink = drawing.ink(block.first.task)
    told = f"{who}\n{_told_block(drawing, block, ink)}"
    width = drawing.thread_width
    if block.first.activity is Activity.RUNNING:
        drawing.seen.add("run" if block.first.task is not None else "callback")
        shape = marks.box(x, top + block.top, width, block.height, marks.fill(ink), told)
        if block.height < LEAST_LETTERED:
            return shape
        y = top + (block.top + block.bottom) / 2 + 4.5
        return shape + marks.text(x + width / 2, y, ink.letter, f"middle strong {marks.label_on(ink)}")
    drawing.seen.add("held")
    held = marks.box(x, top + block.top, width, block.height, "held", told)
    return held + marks.box(x, top + block.top, marks.STRIP, block.height, marks.fill(ink))


def _letters_beside(drawing: PanelDrawing, blocks: Sequence[Block]) -> list[tuple[float, str]]:
    """Return the letters that stand beside a column's blocks, each with its y; repeated only after a while."""
    clusters: list[tuple[float, list[str]]] = []
    for block in blocks:
        if block.first.task is None:
            continue
        if block.first.activity is Activity.RUNNING and block.height >= LEAST_LETTERED:
            continue
        letter = drawing.ink(block.first.task).letter
        if clusters and block.top < clusters[-1][0] + 12:
            if letter not in clusters[-1][1]:
                clusters[-1][1].append(letter)
        else:
            clusters.append((block.top, [letter]))
    made: list[tuple[float, str]] = []
    for y, letters in clusters:
        shown = "".join(letters[:MOST_LETTERS]) + ("…" if len(letters) > MOST_LETTERS else "")
        if not made or made[-1][1] != shown or y > made[-1][0] + 100:
            made.append((y, shown))
    return made


def _life(drawing: PanelDrawing, task: Task, blocks: Sequence[Block], x: float, top: float) -> str:
    ink = drawing.ink(task.number)
    scale = drawing.scale
    who = f"{ink.letter} · {wording.isolated(wording.name(task.name))}"
    begin, end = scale.at(task.begin_ns), scale.at(task.end_ns)
    end = max([end, begin + drawing.grain, *(block.bottom for block in blocks)])
    told = f"{who}\nits life: {_when(drawing, task.begin_ns, task.end_ns)}, {task.outcome.value}"
    parts = []
    if drawing.columns.shared:
        parts.append(marks.text(x, top + begin - 4, ink.letter, "small strong middle"))
    parts.append(marks.element("path", marks.tip(told), d=_line(x, top + begin, end - begin), class_="wait"))
    for phase in phases_of(task):
        y, bottom = scale.at(phase.begin_ns), scale.at(phase.end_ns)
        if phase.activity is Activity.WAITING and bottom - y >= 2 * drawing.grain:
            drawing.seen.add(Activity.WAITING)
            on = f" on {wording.name(phase.detail)}" if phase.detail else ""
            told = f"{who}\nwaits{on}\n{_when(drawing, phase.begin_ns, phase.end_ns)}"
            line = _line(x, top + y, bottom - y)
            parts.append(marks.element("path", marks.tip(told), d=line, class_="wait"))
    parts.append(marks.box(x - BAR / 2, top + begin - 1, BAR, 2, "waits"))
    parts.extend(_rail_block(drawing, block, ink, who, x, top) for block in blocks)
    drawing.seen.add(task.outcome)
    told = f"{who}\n{task.outcome.value} at {wording.instant(task.end_ns, scale.total_ns)}"
    parts.append(marks.end_mark(x, top + end, task.outcome, told))
    return "".join(parts)


def _rail_block(drawing: PanelDrawing, block: Block, ink: Ink, who: str, x: float, top: float) -> str:
    left, y = x - BAR / 2, top + block.top
    told = f"{who}\n{_told_block(drawing, block, ink)}"
    drawing.seen.add(block.first.activity)
    if block.first.activity is Activity.RUNNING:
        return marks.box(left, y, BAR, block.height, marks.fill(ink), told)
    if block.first.activity is Activity.READY:
        height = max(1.0, block.height - 1)
        return marks.box(left, y + 0.5, BAR, height, f"ready {marks.outline(ink)}", told)
    held = marks.box(left, y, BAR, block.height, "held", told)
    return held + marks.box(left, y, 3, block.height, marks.fill(ink))


_DOES = {
    Activity.RUNNING: "runs",
    Activity.BLOCKING: "waits and holds its thread",
    Activity.READY: "could run, but its thread is held",
    Activity.WAITING: "waits",
}


def _told_block(drawing: PanelDrawing, block: Block, ink: Ink) -> str:
    first = block.first
    task = "a callback of no task" if first.task is None else f"{ink.letter} · {ink.name}"
    label = f": {wording.name(first.label)}" if first.label and wording.name(first.label) != ink.name else ""
    merged = f"{block.spans} stretches drawn as one, most of it: " if block.spans > 1 else ""
    return f"{merged}{task} {_DOES[first.activity]}{label}\n{_when(drawing, block.begin_ns, block.end_ns)}"


def _when(drawing: PanelDrawing, begin_ns: int, end_ns: int) -> str:
    total = drawing.scale.total_ns
    begin, end = wording.instant(begin_ns, total), wording.instant(end_ns, total)
    return f"{begin} to {end} ({wording.duration(end_ns - begin_ns)})"


def _line(x: float, y: float, length: float) -> str:
    return f"M{x:.1f} {y:.1f}v{max(length, 0):.1f}"


def _bundle(drawing: PanelDrawing, bundle: Bundle, x: float, top: float) -> str:
    """Return how many tasks of a kind ran, could run or waited at each moment, as bands of their numbers' width."""
    rows = profile(bundle.tasks, Scale(drawing.scale.total_ns, round(drawing.scale.height / ROW)))
    paths: dict[Activity, list[str]] = {activity: [] for activity in Activity}
    for at, row in enumerate(rows):
        left = x
        for activity in (Activity.RUNNING, Activity.BLOCKING, Activity.READY, Activity.WAITING):
            width = row[activity] / bundle.peak * BUNDLE
            if row[activity] > 0 and activity is Activity.RUNNING:
                width = max(width, 2.5)
            width = min(width, x + BUNDLE - left)
            if width >= 0.25:
                paths[activity].append(f"M{left:.1f} {top + at * ROW:.1f}h{width:.1f}v{ROW}h-{width:.1f}z")
                drawing.seen.add(activity)
                left += width
    ink = drawing.ink(bundle.tasks[0].number)
    class_of = {
        Activity.RUNNING: marks.fill(ink), Activity.BLOCKING: "held",
        Activity.READY: f"{marks.fill(ink)} faint", Activity.WAITING: "waits pale",
    }  # fmt: skip
    told = f"{len(bundle.tasks):,} tasks of {bundle.kind}, at most {bundle.peak:,} at once"
    drawing.seen.add("bundle")
    return "".join(
        marks.element("path", marks.tip(f"{told}: those that are {activity.value}"), d="".join(d),
                      class_=class_of[activity])
        for activity, d in paths.items() if d
    )  # fmt: skip
