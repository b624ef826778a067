"""What a figure says in words beside the picture: what was cut, lost and merged, and what the time comes from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from weft.figures import layout, wording
from weft.figures.palette import Ink
from weft.figures.panel import Panel
from weft.record.timeline import Timeline

MOST_NOTES = 12
MOST_TASKS_COMPARED = 24


def of_figure(panels: Iterable[tuple[Panel, Iterable[str]]], first: str) -> list[str]:
    """Return the notes under a figure: `first`, then each panel's, every one once and a bounded number of them."""
    pairs = list(panels)
    notes = [first] if first else []
    for panel, cuts in pairs:
        notes.extend(_of_panel(panel, cuts, several=len(pairs) > 1))
    notes = list(dict.fromkeys(notes))
    if len(notes) > MOST_NOTES:
        notes[MOST_NOTES:] = [f"{len(notes) - MOST_NOTES:,} more notes are not shown."]
    return notes


def lesson(timeline: Timeline, ink_of: Callable[[int], Ink]) -> str:
    """Return what the time of the whole comes from, if it plainly is that of all tasks together or of the longest."""
    parents = {task.parent for task in timeline.tasks}
    leaves = [task for task in timeline.tasks if task.number not in parents]
    if not 2 <= len(leaves) <= MOST_TASKS_COMPARED:
        return ""
    whole = layout.end_ns(timeline)
    longest = max(leaves, key=lambda task: task.end_ns - task.begin_ns)
    together = sum(task.end_ns - task.begin_ns for task in leaves)
    if abs(whole - together) * 20 < whole:
        return "as long as all tasks together"
    if abs(whole - (longest.end_ns - longest.begin_ns)) * 20 < whole:
        return f"as long as the longest task, {ink_of(longest.number).letter}"
    return ""


def _of_panel(panel: Panel, cuts: Iterable[str], *, several: bool) -> list[str]:
    """Return what was cut, lost and noted of one panel; it is named where there are several."""
    timeline = panel.timeline
    whose = f"{wording.name(panel.title)}: " if several else ""
    made = [f"{whose}{cut}." for cut in cuts]
    if timeline.lost:
        made.append(f"{whose}the start is missing: {wording.count(timeline.lost, 'record')} did not fit.")
    if timeline.resolution_ns:
        within = wording.duration(timeline.resolution_ns)
        made.append(f"Whether a thread ran or waited while it was held is known to within {within}.")
    return made + [wording.clean_long(note) for note in itertools.islice(timeline.notes, MOST_NOTES)]
