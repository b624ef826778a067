"""Which letter and colour each task has, the same in every panel of a figure.

Few tasks have an ink each; many share one by their kind. A task is the same in two panels when it has the same name
there: that is how the same work is followed from model to model. Colour is never alone: each ink has a letter, and
from the ninth on a pattern.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from weft.figures import wording
from weft.figures.panel import Panel
from weft.record.timeline import Task

COLOURS_LIGHT = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8f7a1c", "#6a4c93")
"""After Okabe and Ito, who chose colours that colour-blind readers can tell apart; two more to make eight."""
COLOURS_DARK = ("#4aa8e8", "#f2b544", "#2cc197", "#e39cc5", "#f08344", "#93d3f8", "#cdb457", "#ab8fdb")
"""The same hues, lighter, to stand on a dark page."""
PATTERNS = ("", "stripes", "dots")
MOST_INKS = len(COLOURS_LIGHT) * len(PATTERNS)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWX"

_BLACK, _WHITE = "#111111", "#ffffff"


@dataclass(frozen=True, slots=True)
class Ink:
    """What marks a task, or all tasks of a kind, in a figure."""

    index: int
    """Its place among the figure's inks; -1 for what belongs to no task, -2 for what had no ink left."""
    letter: str
    name: str
    tasks: int = 1
    """How many tasks share it, in the panel that has most of them."""

    @property
    def colour(self) -> int:
        """Its place among the colours."""
        return self.index % len(COLOURS_LIGHT)

    @property
    def pattern(self) -> str:
        """What is drawn over the colour, to tell it from an earlier ink of the same colour."""
        return PATTERNS[self.index // len(COLOURS_LIGHT)] if self.index >= 0 else ""


NO_TASK = Ink(-1, "#", "callbacks of no task")
OTHER = Ink(-2, "*", "other tasks")


@dataclass(frozen=True, slots=True)
class Inks:
    """The inks of one figure."""

    by_kind: bool
    legend: Sequence[Ink]
    _of_task: Sequence[dict[int, Ink]]

    def of(self, panel: int, task: int | None) -> Ink:
        """Return the ink of a panel's task, by the task's number."""
        if task is None:
            return NO_TASK
        return self._of_task[panel].get(task, OTHER)


def mix(panels: Sequence[Panel]) -> Inks:
    """Return the inks for a figure of these panels."""
    by_name = [_keys_by_name(panel.timeline.tasks) for panel in panels]
    if len({key for keys in by_name for key in keys}) <= MOST_INKS:
        return _ink(panels, [[(text, turn) for text, turn in keys] for keys in by_name], by_kind=False)
    return _ink(panels, [[(kind_of(task), 0) for task in panel.timeline.tasks] for panel in panels], by_kind=True)


def kind_of(task: Task) -> str:
    """Return what a task is grouped by."""
    return wording.name(task.kind) if task.kind else "tasks of no kind"


def text_on(colour: str) -> str:
    """Return black or white, whichever is read better on `colour`."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return _BLACK if luminance > 0.22 else _WHITE


def _keys_by_name(tasks: Sequence[Task]) -> list[tuple[str, int]]:
    """Return a key for each task: its name, and which of the panel's tasks of that name it is."""
    seen: Counter[str] = Counter()
    keys = []
    for task in tasks:
        keys.append((task.name, seen[task.name]))
        seen[task.name] += 1
    return keys


def _ink(panels: Sequence[Panel], keys: Sequence[Sequence[tuple[str, int]]], *, by_kind: bool) -> Inks:
    most: dict[tuple[str, int], int] = {}
    for panel_keys in keys:
        for key, number in Counter(panel_keys).items():
            most[key] = max(number, most.get(key, 0))
    kept = set(most)
    if len(most) > MOST_INKS:
        order = {key: place for place, key in enumerate(most)}
        kept = set(sorted(most, key=lambda key: (-most[key], order[key]))[:MOST_INKS])
    inks: dict[tuple[str, int], Ink] = {}
    for key, number in most.items():
        if key in kept:
            inks[key] = Ink(len(inks), LETTERS[len(inks)], wording.name(key[0]), number)
    of_task = [
        {task.number: inks.get(key, OTHER) for task, key in zip(panel.timeline.tasks, panel_keys, strict=True)}
        for panel, panel_keys in zip(panels, keys, strict=True)
    ]
    legend = list(inks.values())
    left = sum(number for key, number in most.items() if key not in kept)
    if left or _names_unknown(panels, of_task):
        legend.append(replace(OTHER, tasks=max(left, 1)))
    return Inks(by_kind, legend, of_task)


def _names_unknown(panels: Sequence[Panel], of_task: Sequence[dict[int, Ink]]) -> bool:
    """Whether a slice belongs to a task that the timeline does not list, as when the oldest records were lost."""
    return any(
        piece.task is not None and piece.task not in known
        for panel, known in zip(panels, of_task, strict=True)
        for piece in panel.timeline.slices
    )
