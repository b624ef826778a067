"""Writes docs/streams.md: the diagram and the tables of a stream's life, from the table that the code runs on.

With --check it writes nothing, and exits with 1 if the document is not what the table gives.
"""

from __future__ import annotations

import sys
from pathlib import Path

from weft.transports import lifecycle

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "streams.md"
HEAD = """# A stream's life

Generated from the table in [lifecycle.py](../weft/transports/lifecycle.py) by `tools/draw_lifecycle.py`.

Two rules hold throughout. What was accepted for sending is sent before an orderly end. And `connection_lost` comes
exactly once, when the stream is closed, after the last data: what came before the connection broke is read first,
and `abort()` drops only what the system does not take at once.

"""


def document() -> str:
    """Return the whole document."""
    return HEAD + diagram() + "\n" + states() + "\n" + events()


def diagram() -> str:
    """Return the states and the ways between them, for Mermaid."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    s{state}: {name}" for state, (name, _) in lifecycle.STATES.items()]
    lines += [f"    [*] --> s{lifecycle.CONNECTING}"]
    lines += [
        f"    s{state} --> s{after}: {lifecycle.EVENTS[event]}"
        for (state, event), after in lifecycle.TRANSITIONS.items()
        if event != lifecycle.LOST
    ]
    lines += [f"    s{lifecycle.CLOSED} --> [*]", "```"]
    lost = lifecycle.EVENTS[lifecycle.LOST]
    return "\n".join(lines) + f"\n\nFrom every state but the last, {lost} leads to closed.\n"


def states() -> str:
    """Return the table of states."""
    rows = [f"| {name} | {meaning} |" for name, meaning in lifecycle.STATES.values()]
    return "\n".join(["| state | what it means |", "|---|---|", *rows]) + "\n"


def events() -> str:
    """Return the table of transitions."""
    rows = [
        f"| {lifecycle.STATES[state][0]} | {lifecycle.EVENTS[event]} | {lifecycle.STATES[after][0]} |"
        for (state, event), after in lifecycle.TRANSITIONS.items()
    ]
    return "\n".join(["| in state | when | comes state |", "|---|---|---|", *rows]) + "\n"


def main() -> int:
    """Write the document, or check it."""
    if sys.argv[1:] == ["--check"]:
        same = DOCUMENT.exists() and DOCUMENT.read_text() == document()
        if not same:
            print(f"{DOCUMENT.name} is not what the table gives: run python tools/draw_lifecycle.py", file=sys.stderr)
        return 0 if same else 1
    DOCUMENT.write_text(document())
    return 0


if __name__ == "__main__":
    sys.exit(main())
