"""Diagrams in the documentation: the little of Mermaid that the pages use, drawn by Graphviz when the site is built.

GitHub draws such a block by itself; a site that fetches nothing needs its picture in the page. Known are
`stateDiagram-v2` and `flowchart`, with names, arrows and what is written on them; anything else is refused.
"""

from __future__ import annotations

import re
import subprocess
from html import escape
from typing import Any

INK = "#123456"
"""What Graphviz is told to draw with; in the page it becomes the colour of the text, on light pages and dark ones."""
NODE = re.compile(r"(\w+|\[\*\])(?:\[([^\]]*)\])?")
ARROW = re.compile(r"\s*-->(?:\|([^|]*)\|)?\s*")


class DiagramError(Exception):
    """A diagram that cannot be drawn here."""


def dot(source: str) -> str:
    """Return a Mermaid diagram in Graphviz's language. Raises DiagramError for what is not known."""
    kind, *lines = [line.strip() for line in source.strip().splitlines()]
    if not kind.startswith(("stateDiagram-v2", "flowchart")):
        raise DiagramError(f"only stateDiagram-v2 and flowchart can be drawn, not {kind!r}")
    names: dict[str, str] = {}
    edges: list[str] = []
    for line in filter(None, lines):
        if "-->" in line:
            edges.extend(arrows(line, names))
        else:
            name, colon, told = line.partition(":")
            if not colon:
                raise DiagramError(f"cannot draw the line {line!r}")
            names[name.strip()] = told.strip()
    style = f'fontname="sans-serif" fontsize=12 color="{INK}" fontcolor="{INK}"'
    nodes = [
        f'"{name}" [{"shape=point" if name.startswith("[*]") else f"label={quoted(told)}"}]'
        for name, told in names.items()
    ]
    return "\n".join(
        [
            'digraph { bgcolor="transparent" rankdir=TB nodesep=0.4',
            f"node [shape=box style=rounded {style}] edge [{style} arrowsize=0.7]",
            *nodes,
            *edges,
            "}",
        ]
    )


def arrows(line: str, names: dict[str, str]) -> list[str]:
    """Return the edges of a line, a --> b --> c, and add its nodes to the names."""
    chain, _, label = line.partition(": ") if not ARROW.search(line.rpartition(": ")[2]) else (line, "", "")
    parts = ARROW.split(chain.strip())
    nodes, labels = parts[::2], [*parts[1::2]]
    ids = []
    for place, node in enumerate(nodes):
        match = NODE.fullmatch(node)
        if match is None:
            raise DiagramError(f"cannot draw {node!r} in the line {line!r}")
        name = f"[*]{place}" if match[1] == "[*]" else match[1]
        names.setdefault(name, match[2] or match[1])
        if match[2]:
            names[name] = match[2]
        ids.append(name)
    return [
        f'"{before}" -> "{after}" [label={quoted(label or told or "")}]'
        for before, after, told in zip(ids, ids[1:], labels, strict=False)
    ]


def quoted(text: str) -> str:
    """Return a text for Graphviz, in lines of some thirty characters."""
    lines, words = [""], text.split()
    for word in words:
        if len(lines[-1]) + len(word) > 28:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return '"' + "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'


def svg(source: str) -> str:
    """Return a Mermaid diagram as an SVG element for a page. Raises DiagramError."""
    try:
        done = subprocess.run(["dot", "-Tsvg"], input=dot(source), capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise DiagramError(
            "Graphviz draws the diagrams and is not installed (Debian: apt-get install graphviz)"
        ) from None
    except subprocess.CalledProcessError as error:
        raise DiagramError(f"Graphviz refused a diagram: {error.stderr.strip()}") from None
    return done.stdout[done.stdout.index("<svg") :].replace(INK, "currentColor").replace("<title>", "<title hidden>")


def setup(app: Any) -> dict[str, bool]:
    """Have Sphinx draw code blocks of the language `mermaid`."""
    from docutils import nodes

    def draw(_: Any, tree: Any) -> None:
        for found in list(tree.findall(nodes.literal_block)):
            if found.get("language") == "mermaid":
                text = found.astext()
                html = f'<div class="weft-diagram" role="img" aria-label="{escape(text[:200])}">{svg(text)}</div>'
                found.replace_self(nodes.raw("", html, format="html"))

    app.connect("doctree-read", draw)
    return {"parallel_read_safe": True}
