"""The marks and colours of a chain's picture: what a value and a failure look like, on light pages and dark ones."""

from __future__ import annotations

from weft.figures import svg_marks as marks

MARK = 9.0
"""How far a mark reaches from its middle."""
BAR = 28.0
"""How tall the bar is of a step that gives the result to somebody else."""

_TONES = {
    "value": ("#00795a", "#2cc197"), "failure": ("#bd3317", "#ff8a6b"), "on": ("#ffffff", "#101316"),
    "value-tint": ("#dff3ec", "#133a2f"), "failure-tint": ("#fce6e0", "#47231a"),
    "page": ("#ffffff", "#14171b"), "pair": ("#f3f4f6", "#1c2025"), "rail": ("#c3c8cf", "#4a525c"),
    "frame-line": ("#c3c8cf", "#4a525c"), "off-line": ("#c3c8cf", "#4a525c"),
}  # fmt: skip
"""What a colour is for -> on a light page, on a dark one. Green and red differ in blue too, for the colour-blind."""

_FIXED = (
    ".weft-chain .path{fill:none;stroke-width:3;stroke-linecap:round}.weft-chain .hidden{stroke-dasharray:1 7}"
    ".weft-chain .rail{fill:none;stroke-width:1;stroke-dasharray:2 5}.weft-chain .label{stroke-width:1.5}"
    ".weft-chain .on-value,.weft-chain .on-failure{stroke-width:2}.weft-chain .later{stroke-dasharray:4 3}"
    ".weft-chain .glyph{fill:none;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}"
    ".weft-chain .halo{paint-order:stroke;stroke-width:4;stroke-linejoin:round}"
)

_GLYPHS = {"value": "M{x} {y}m-4 .4l2.8 3.1l5 -6.6", "failure": "M{x} {y}m-3.3 -3.3l6.6 6.6m0 -6.6l-6.6 6.6"}
_BARS = "M{x} {y}m-2.6 -3.6v7.2m5.2 -7.2v7.2"


def mark(x: float, y: float, lane: str | None, is_paused: bool = False) -> str:
    """Return the mark of a value or a failure, its middle at (x, y); an empty one if there is neither."""
    if lane is None:
        return marks.element("circle", cx=x, cy=y, r=MARK - 1.5, class_="open")
    disc = marks.element("circle", cx=x, cy=y, r=MARK, class_=f"fill-{lane}")
    glyph = _BARS if is_paused else _GLYPHS[lane]
    return disc + marks.element("path", d=glyph.format(x=f"{x:.1f}", y=f"{y:.1f}"), class_="glyph")


def style() -> str:
    """Return the style of a chain's picture, in addition to that of every figure."""
    return marks.element("style", _FIXED, _rules(0), "@media (prefers-color-scheme:dark){", _rules(1), "}")


def _rules(page: int) -> str:
    tones = {use: pair[page] for use, pair in _TONES.items()}
    rules = {
        "glyph": f"stroke:{tones['on']}",
        "rail": f"stroke:{tones['rail']}",
        "pair": f"fill:{tones['pair']}",
        "frame": f"fill:{tones['page']};stroke:{tones['frame-line']}",
        "off": f"fill:{tones['page']};stroke:{tones['off-line']}",
        "later": f"fill:{tones['page']};stroke:{tones['off-line']}",
        "label": f"fill:{tones['page']}",
        "halo": f"stroke:{tones['page']}",
    }
    for lane in ("value", "failure"):
        rules[f"line-{lane}"] = f"stroke:{tones[lane]}"
        rules[f"fill-{lane}"] = f"fill:{tones[lane]}"
        rules[f"on-{lane}"] = f"fill:{tones[lane + '-tint']};stroke:{tones[lane]}"
    made = "".join(f".weft-chain .{name}{{{rule}}}" for name, rule in rules.items())
    inks = "".join(f".weft-chain text.ink-{lane}{{fill:{tones[lane]}}}" for lane in ("value", "failure"))
    return made + inks
