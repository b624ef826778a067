"""A tree of services as plain values, to be shown as text, sent to another process, or drawn.

It knows nothing of services: whoever has a tree describes it, whoever draws one needs nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from weft.services.lifecycle import State

MOST_DEPTH = 64
"""A tree deeper than this is shown to this depth: deeper ones are mistakes, and a description may come from afar."""


@dataclass(frozen=True, slots=True)
class Node:
    """One service of a tree: what it is called, what it is, how it does, and its children."""

    name: str
    kind: str
    state: State
    note: str = ""
    """What the service says of itself: where it listens, how many connections it has, ..."""
    children: tuple[Node, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return it as what `json.dumps` takes."""
        return {
            "name": self.name,
            "kind": self.kind,
            "state": self.state.name,
            "note": self.note,
            "children": [child.to_json() for child in self.children],
        }

    @classmethod
    def from_json(cls, value: Any, depth: int = 0) -> Node:
        """Return the tree that `to_json` was given. Raises ValueError, KeyError or TypeError for anything else."""
        children = value["children"] if depth < MOST_DEPTH else ()
        return cls(
            str(value["name"]),
            str(value["kind"]),
            State[value["state"]],
            str(value["note"]),
            tuple(cls.from_json(child, depth + 1) for child in children),
        )

    def rows(self) -> Iterator[tuple[str, Node]]:
        """Yield (the branches in front of it, the node) for each line of the tree, from the root down."""
        pending = [("", "", self)]
        while pending:
            branches, below, node = pending.pop()
            yield branches, node
            last = len(node.children) - 1
            for place in range(last, -1, -1):
                mark, rest = ("└─ ", "   ") if place == last else ("├─ ", "│  ")
                pending.append((below + mark, below + rest, node.children[place]))


def text(root: Node) -> str:
    """Return the tree in lines: a service each, with its kind, state and note in columns."""
    rows = [(branches + node.name, node.kind, node.state.value, node.note) for branches, node in root.rows()]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = []
    for row in rows:
        columns = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*columns, row[3]]).rstrip())
    return "\n".join(lines)
