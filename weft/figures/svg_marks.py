"""The pieces that an SVG figure is made of: elements, the stylesheet for light and dark pages, and the small marks.

Knows nothing of recordings. Text is escaped here and nowhere else; that it is clean (`wording`) is the caller's part.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from weft.figures.palette import COLOURS_DARK, COLOURS_LIGHT, Ink, text_on
from weft.record.timeline import Outcome

CHIP = 18.0
"""The side of the square with a task's letter."""
STRIP = 6.0
"""How wide the edge is that says who holds a waiting thread."""

_LIGHT = {
    "page": "#ffffff", "text": "#1b1f24", "muted": "#5b6470", "grid": "#e3e6ea", "idle": "#e9ebee",
    "held": "#c3c8cf", "wait": "#a3abb5", "none": "#4a4f57", "other": "#8a7f72", "end": "#1b1f24",
}  # fmt: skip
_DARK = {
    "page": "#14171b", "text": "#e8eaed", "muted": "#a4adb8", "grid": "#2b3036", "idle": "#262b31",
    "held": "#4a525c", "wait": "#7c8793", "none": "#c9ced6", "other": "#a89c8d", "end": "#e8eaed",
}  # fmt: skip


def element(name: str, *inside: str, **attributes: str | float) -> str:
    """Return an element; `inside` is markup already, attributes are plain. `class_name` becomes "class-name"."""
    pairs = "".join(f" {key.rstrip('_').replace('_', '-')}={_value(value)}" for key, value in attributes.items())
    content = "".join(inside)
    return f"<{name}{pairs}>{content}</{name}>" if content else f"<{name}{pairs}/>"


def text(x: float, y: float, content: str, class_: str, **attributes: str | float) -> str:
    """Return a line of text, its baseline at `y`; nothing if there is no text."""
    return element("text", escape(content), x=x, y=y, class_=class_, **attributes) if content else ""


def tip(content: str) -> str:
    """Return what a reader sees who points at the element around it."""
    return element("title", escape(content)) if content else ""


def box(x: float, y: float, width: float, height: float, class_: str, told: str = "", **more: str | float) -> str:
    """Return a rectangle."""
    return element("rect", tip(told), x=x, y=y, width=width, height=height, class_=class_, **more)


def chip(x: float, y: float, ink: Ink, side: float = CHIP) -> str:
    """Return the square with a task's letter, its top left corner at (x, y)."""
    letter = element(
        "text", escape(ink.letter), x=x + side / 2, y=y + side * 0.72, class_=f"chip {_name(ink, 't')}",
        font_size=round(side * 0.62),
    )  # fmt: skip
    ground = box(x, y, side, side, fill(ink), rx=3)
    if ink.pattern:
        ground += box(x + 2.5, y + 2.5, side - 5, side - 5, _name(ink, "b"), rx=2)
    return ground + letter


def fill(ink: Ink) -> str:
    """Return the class that fills with an ink."""
    return _name(ink, "f")


def outline(ink: Ink) -> str:
    """Return the class that outlines with an ink."""
    return _name(ink, "s")


def label_on(ink: Ink) -> str:
    """Return the class of text that stands on an ink."""
    return _name(ink, "t")


def end_mark(x: float, y: float, outcome: Outcome, told: str) -> str:
    """Return the mark of how a task ended, its middle at (x, y)."""
    if outcome is Outcome.RETURNED:
        shape = element("circle", tip(told), cx=x, cy=y, r=3.5, class_="end")
    elif outcome is Outcome.RAISED:
        d = f"M{_number(x - 4)} {_number(y - 4)}l8 8m0 -8l-8 8"
        shape = element("path", tip(told), d=d, class_="cross")
    elif outcome is Outcome.CANCELLED:
        d = f"M{_number(x - 3)} {_number(y + 3)}l6 -6"
        circle = element("circle", tip(told), cx=x, cy=y, r=4.5, class_="open")
        shape = circle + element("path", d=d, class_="open")
    else:
        d = f"M{_number(x - 4.5)} {_number(y - 3)}l4.5 6l4.5 -6"
        shape = element("path", tip(told), d=d, class_="open")
    return shape


def stylesheet(inks: Iterable[Ink]) -> str:
    """Return the style of a figure that uses these inks, for light pages and dark ones."""
    used = sorted({ink.index: ink for ink in inks}.values(), key=lambda ink: ink.index)
    light = _rules(_LIGHT, COLOURS_LIGHT, used)
    dark = _rules(_DARK, COLOURS_DARK, used)
    return element("style", light, _FIXED, "@media (prefers-color-scheme:dark){", dark, "}") + element(
        "defs", *(_pattern(ink) for ink in used if ink.pattern)
    )


_FIXED = (
    ".weft text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
    "font-size:13px;unicode-bidi:isolate}"
    ".weft .h1{font-size:24px;font-weight:700}.weft .h2{font-size:17px;font-weight:650}"
    ".weft .strong{font-weight:650}.weft .big{font-size:15px;font-weight:700}"
    ".weft .small{font-size:11px}.weft .middle{text-anchor:middle}.weft .right{text-anchor:end}"
    ".weft .chip{text-anchor:middle;font-weight:700;font-size:inherit}"
    ".weft .wait{stroke-width:2}.weft .guide{stroke-width:1;stroke-dasharray:1 4}.weft .grid{stroke-width:1}"
    ".weft .done{stroke-width:2}.weft .cross{stroke-width:2.5;fill:none}.weft .open{stroke-width:1.75}"
    ".weft .ready{stroke-width:1.5;stroke-dasharray:3 2}.weft .faint{opacity:.4}.weft .pale{opacity:.5}"
    ".weft .faded{filter:grayscale(1);opacity:.55}"
)


def _rules(tones: dict[str, str], colours: tuple[str, ...], inks: list[Ink]) -> str:
    rules = [
        f".weft .page{{fill:{tones['page']}}}.weft text{{fill:{tones['text']}}}",
        f".weft .muted{{fill:{tones['muted']}}}.weft .idle{{fill:{tones['idle']}}}",
        f".weft .held{{fill:{tones['held']}}}",
        f".weft .grid{{stroke:{tones['grid']}}}.weft .wait,.weft .guide{{stroke:{tones['wait']}}}",
        f".weft .waits{{fill:{tones['wait']}}}.weft .end{{fill:{tones['end']}}}.weft .ready{{fill:{tones['page']}}}",
        f".weft .done,.weft .cross,.weft .open{{stroke:{tones['end']}}}.weft .open{{fill:{tones['page']}}}",
    ]
    for ink in inks:
        colour = tones["none" if ink.index == -1 else "other"] if ink.index < 0 else colours[ink.colour]
        plain = f"{{fill:{colour}}}"
        rules.append(f".weft .{_name(ink, 's')}{{stroke:{colour}}}.weft .{_name(ink, 't')}{{fill:{text_on(colour)}}}")
        if ink.pattern:
            rules.append(f".weft .{_name(ink, 'f')}{{fill:url(#weft-{ink.index})}}.weft .{_name(ink, 'b')}{plain}")
            rules.append(f".weft .{_name(ink, 'l')}{{stroke:{text_on(colour)};fill:{text_on(colour)}}}")
        else:
            rules.append(f".weft .{_name(ink, 'f')}{plain}")
    return "".join(rules)


def _pattern(ink: Ink) -> str:
    ground = element("rect", width=6, height=6, class_=_name(ink, "b"))
    if ink.pattern == "stripes":
        over = element("path", d="M-1 7L7 -1", stroke_width=1, class_=_name(ink, "l"))
    else:
        over = element("circle", cx=3, cy=3, r=0.8, class_=_name(ink, "l"))
    return element("pattern", ground, over, id=f"weft-{ink.index}", width=6, height=6, patternUnits="userSpaceOnUse")


def _name(ink: Ink, use: str) -> str:
    return f"{use}{ink.index}" if ink.index >= 0 else f"{use}x{-ink.index}"


def _value(value: str | float) -> str:
    return quoteattr(value if isinstance(value, str) else _number(value))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
