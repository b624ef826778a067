"""A Deferred's chain as one SVG document: callbacks left, errbacks right, the path of the result through them.

The document stands alone: no script, no font, no link. It follows the reader's choice of a light or dark page, and is
complete without colour: the lane says what the result is, marks and words say the rest.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from xml.sax.saxutils import escape

from weft.figures import svg_marks as marks
from weft.figures import wording
from weft.figures.chain_marks import BAR, MARK, mark, style
from weft.figures.chain_rows import Lane, Row, What

_MARGIN = 32.0
_FONT = 13.0
_NUMBER = 26.0
"""Room for a step's number, at the left of its callback."""
_INSET = 16.0
"""How much narrower the frame of a chain within a chain is than what is around it."""
_BOX = 34.0
_LEAST_BOX, _WIDEST_BOX = 150.0, 250.0
_GUTTER = 140.0
"""Between a callback and its errback."""
_CROSS = 60.0
_LINE = 18.0
_MORE_LINES = 3
_LANES = ("value", "failure")


def svg(rows: Sequence[Row], title: str, summary: str, described: str) -> str:
    """Return the document; the same rows give the same bytes. `described` is for those who do not see it."""
    return _Page(rows).document(title, summary, described)


class _Page:
    """One picture: where its lanes are, and what has been drawn down to `y`."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.depth = max((row.depth for row in rows), default=0)
        steps = [row for row in rows if row.what is What.STEP]
        names = [name for row in steps for name in (row.left, row.right) if name is not None]
        widest = max((wording.width(name, wording.em) for name in names), default=0.0)
        self.box = min(max(_LEAST_BOX, widest * _FONT + 28), _WIDEST_BOX)
        inner = _MARGIN + self.depth * _INSET + _NUMBER
        self.at = {"value": inner + self.box / 2, "failure": inner + self.box * 1.5 + _GUTTER}
        self.left = inner - _NUMBER
        self.right = self.at["failure"] + self.box / 2 + 12
        self.width = self.right + self.depth * _INSET + _MARGIN
        self.y = 0.0
        self.pen = 0.0  # down to where the path is drawn
        self.rail = 0.0  # down to where the rails are drawn
        self.grounds: list[str] = []
        self.frames: list[tuple[int, float]] = []  # open ones: their place among the grounds, their top
        self.lines: list[str] = []
        self.parts: list[str] = []

    def document(self, title: str, summary: str, described: str) -> str:
        """Return the document."""
        self.draw_heading(title, summary)
        for row in self.rows:
            _DRAW[row.what](self, row)
        self.draw_rails(self.y)
        self.draw_legend()
        height = self.y + _MARGIN - 8
        body = "".join(f"\n{part}" for part in (*self.grounds, *self.lines, *self.parts))
        name = f"weft-{zlib.crc32(body.encode()):08x}"  # several pictures may stand in one page
        return marks.element(
            "svg",
            marks.element("title", escape(wording.clean_long(title)), id=f"{name}-title"),
            marks.element("desc", escape(described), id=f"{name}-desc"),
            marks.stylesheet([]),
            style(),
            marks.box(0, 0, self.width, height, "page"),
            body,
            "\n",
            xmlns="http://www.w3.org/2000/svg",
            class_="weft weft-chain",
            role="img",
            aria_labelledby=f"{name}-title {name}-desc",
            width=self.width,
            height=height,
            viewBox=f"0 0 {self.width:.0f} {height:.0f}",
        ) + "\n"  # fmt: skip

    # -- around the chain

    def draw_heading(self, title: str, summary: str) -> None:
        """Write what the picture is of, and what the lanes are."""
        y = _MARGIN
        for line in wording.wrap(title, (self.width - 2 * _MARGIN) / 20, 2, wording.em):
            self.parts.append(marks.text(_MARGIN, y + 16, line, "h1"))
            y += 30
        for line in wording.wrap(summary, (self.width - 2 * _MARGIN) / _FONT, 3, wording.em):
            self.parts.append(marks.text(_MARGIN, y + 8, line, "muted"))
            y += _LINE
        y += 34
        for lane, words, more in (("value", "callbacks", "for a value"), ("failure", "errbacks", "for a failure")):
            self.parts.append(marks.text(self.at[lane], y, words, f"big middle ink-{lane}"))
            self.parts.append(marks.text(self.at[lane], y + 16, more, "muted small middle"))
        self.y = self.rail = self.pen = y + 28

    def draw_legend(self) -> None:
        """Write what the marks mean, of those that occur."""
        self.y += 16
        steps = [row for row in self.rows if row.what in (What.STEP, What.HANDS_ON)]
        seen = {row.ran for row in steps}
        lanes = {lane for row in self.rows for lane in (row.before, row.after)}
        idle = [row for row in steps if row.what is What.STEP and row.ran and _idle_sides(row)]
        samples = [(mark(MARK, 9, lane), f"a {lane}") for lane in _LANES if lane in lanes]
        if {"callback", "errback"} & seen:
            box = marks.box(1, 1, 20, 16, "on-failure" if seen == {"errback"} else "on-value", rx=4)
            samples.append((box, "ran"))
        if idle:
            samples.append((marks.box(1, 1, 20, 16, "off", rx=4), "did not run"))
        if None in seen:
            samples.append((marks.box(1, 1, 20, 16, "later", rx=4), "has not run yet"))
        x = _MARGIN
        for sample, words in samples:
            wide = 28 + wording.width(words, wording.em) * _FONT + 18
            if x + wide > self.width - _MARGIN / 2:
                x, self.y = _MARGIN, self.y + 26
            self.parts.append(marks.element("g", sample, transform=f"translate({x:.1f} {self.y:.1f})"))
            self.parts.append(marks.text(x + 28, self.y + 13, words, "muted"))
            x += wide
        self.y += 24 if samples else 0

    def draw_rails(self, to: float) -> None:
        """Draw both lanes, empty, down to `to`."""
        if to > self.rail:
            d = "".join(f"M{self.at[lane]:.1f} {self.rail:.1f}V{to:.1f}" for lane in _LANES)
            self.grounds.append(marks.element("path", d=d, class_="rail"))
            self.rail = to

    def draw_path(self, lane: Lane, to: float, class_: str = "path") -> None:
        """Draw the path on a lane down to `to`."""
        if lane and to > self.pen:
            d = f"M{self.at[lane]:.1f} {self.pen:.1f}V{to:.1f}"
            self.lines.append(marks.element("path", d=d, class_=f"{class_} line-{lane}"))
        self.pen = max(to, self.pen)

    def draw_arrow(self, lane: Lane, to: float) -> None:
        """Draw the path on a lane down to `to`, with a head there."""
        if lane:
            self.draw_path(lane, to - 6)
            d = f"M{self.at[lane] - 5.5:.1f} {to - 9:.1f}h11l-5.5 9z"
            self.lines.append(marks.element("path", d=d, class_=f"fill-{lane}"))
        self.pen = to

    def draw_crossing(self, row: Row, text: str) -> None:
        """Draw the path over to the other lane, and why it goes there."""
        if row.before is None or row.after is None:
            return
        begin, end, top, bottom = self.at[row.before], self.at[row.after], self.y, self.y + _CROSS
        over, bend = end - begin, _CROSS * 0.62
        self.draw_path(row.before, top)
        d = f"M{begin:.1f} {top:.1f}c0 {bend:.1f} {over:.1f} {_CROSS - bend:.1f} {over:.1f} {_CROSS:.1f}"
        self.lines.append(marks.element("path", d=d, class_=f"path line-{row.after}"))
        if text:
            shown = wording.shorten(text, (self.at["failure"] - self.at["value"]) / _FONT, wording.em)
            wide = wording.width(shown, wording.em) * _FONT + 20
            x, y = (begin + end) / 2, (top + bottom) / 2
            self.parts.append(marks.box(x - wide / 2, y - 12, wide, 24, f"label line-{row.after}", rx=12))
            words = f"middle strong ink-{row.after}"
            self.parts.append(marks.text(x, y + 4.5, wording.isolated(shown), words))
        self.pen = self.y = bottom

    def write(self, lane: Lane, text: str, class_: str, beside: float) -> None:
        """Write beside a lane, towards the middle, on as many lines as needed; `y` is then below them."""
        is_right = lane == "failure"
        x = self.at["failure"] - beside if is_right else self.at["value"] + beside
        room = x - self.left if is_right else self.right - x
        for line in wording.wrap(text, room / _FONT, _MORE_LINES, wording.em):
            side = " right" if is_right else ""
            self.parts.append(marks.text(x, self.y + 13, wording.isolated(line), class_ + side))
            self.y += _LINE

    # -- rows

    def draw_open(self, row: Row) -> None:
        """Begin the frame of a chain within the chain."""
        self.draw_rails(self.y)
        self.frames.append((len(self.grounds), self.y))
        self.grounds.append("")
        x = self.left - (self.depth - row.depth) * _INSET
        self.parts.append(marks.text(x, self.y + 22, wording.isolated(row.text), "strong"))
        self.y += 40
        self.rail = self.pen = self.y

    def draw_close(self, row: Row) -> None:
        """End the frame of a chain within the chain; its result leaves on a lane, if there is one."""
        self.y += 8
        place, top = self.frames.pop()
        outset = (self.depth - row.depth + 1) * _INSET
        x, right = self.left - outset + 2, self.right + outset - 2
        self.draw_rails(self.y)
        self.grounds[place] = marks.box(x, top, right - x, self.y - top, "frame", rx=8)
        if row.after:
            self.draw_path(row.after, self.y)
            self.y += 6
            self.write(row.after, row.text, f"halo ink-{row.after}", 14)
            self.y += 4
            self.draw_path(row.after, self.y)
        else:
            self.y += 12
        self.pen = self.y

    def draw_entry(self, row: Row) -> None:
        """Draw how the result came in; or both ways in, if it has not yet."""
        for lane in _LANES:
            if row.after in (lane, None):
                self.parts.append(mark(self.at[lane], self.y + 9, row.after))
        top = self.y
        self.write(row.after, row.text, "halo strong", MARK + 9)
        self.write(row.after, row.more, "halo muted", MARK + 9)
        self.pen = top + 9
        self.y = max(self.y, top + 2 * MARK) + 4

    def draw_end(self, row: Row) -> None:
        """Draw the result that is there now, or where the chain is paused with it."""
        self.draw_arrow(row.before, self.y + 10)
        self.y += 10
        top = self.y
        self.parts.append(mark(self.at[row.before or "value"], top + 9, row.before, row.what is What.PAUSE))
        self.write(row.before, row.text, "halo strong", MARK + 9)
        self.write(row.before, row.more, "halo muted", MARK + 9)
        self.y = self.pen = max(self.y, top + 2 * MARK) + 4

    def draw_cut(self, row: Row) -> None:
        """Say what is not drawn, while the path goes through it."""
        self.draw_path(row.before, self.y + 6)
        top = self.y
        self.y += 8
        lane = row.before or row.after
        self.write(lane, f"… {row.text}", "halo muted", 14)
        self.write(lane, row.more, "halo muted", 14)
        self.y = max(self.y, top + 24) + 6
        self.draw_path(lane, self.y, "path hidden")
        if row.before != row.after:
            self.draw_crossing(row, "")
        self.pen = self.y

    def draw_step(self, row: Row) -> None:
        """Draw a step: both of its sides, which of them ran, and why the path goes on as it does."""
        top = self.y + 12
        is_passed = row.ran == "passed"
        if is_passed:
            self.draw_path(row.before, top + _BOX)
        else:
            self.draw_arrow(row.before, top)
        left, right = self.at["value"] - self.box / 2 - 5, self.at["failure"] + self.box / 2 + 5
        self.draw_rails(top - 5)
        self.grounds.append(marks.box(left, top - 5, right - left, _BOX + 10, "pair", rx=9))
        self.parts.append(marks.text(left - 7, top + 21, str(row.number), "muted small right"))
        for lane, name, side in (("value", row.left, "callback"), ("failure", row.right, "errback")):
            x = self.at[lane]
            if name is not None:
                look = f"on-{lane}" if row.ran == side else "later" if row.ran is None else "off"
                shown = wording.shorten(name, (self.box - 20) / _FONT, wording.em)
                words = "strong middle" if row.ran == side else "muted middle"
                box = marks.box(x - self.box / 2, top, self.box, _BOX, look, rx=6)
                label = marks.text(x, top + 21.5, wording.isolated(shown), words)
                self.parts.append(marks.element("g", marks.tip(f"{side} {name}{_did(row, side)}"), box, label))
        self.y = top + _BOX
        if is_passed:
            below, self.y = self.y, top + 8
            self.write(row.before, row.text, "muted small", 12)
            self.y = below
        self.draw_why(row)

    def draw_why(self, row: Row) -> None:
        """Draw how the path goes on below a step."""
        if row.ran not in ("callback", "errback") or row.before is None:
            self.y += 6
        elif row.after is None:
            self.pen = self.y
            self.y += 8
            look = "strong" if row.outcome in ("waiting", "running") else "muted"
            self.write(row.before, row.text, f"halo {look}", 14)
            self.y += 10
            self.draw_path(row.before, self.y, "path hidden")
        elif row.before != row.after:
            self.pen = self.y
            self.draw_crossing(row, row.text)
        elif row.text:
            self.pen = self.y
            self.y += 8
            self.write(row.after, row.text, f"halo ink-{row.after}", 14)
            self.draw_path(row.after, self.y)
        else:
            self.pen = self.y
            self.y += 6

    def draw_hands_on(self, row: Row) -> None:
        """Draw a step that gives the result to somebody else."""
        top = self.y + 12
        self.draw_arrow(row.before, top)
        left, wide = self.at["value"] - self.box / 2, self.at["failure"] - self.at["value"] + self.box
        look = f"on-{row.before}" if row.before else "later"
        self.parts.append(marks.text(left - 12, top + 18.5, str(row.number), "muted small right"))
        bar = marks.box(left, top, wide, BAR, look, rx=BAR / 2)
        words = "strong middle" if row.before else "muted middle"
        shown = wording.shorten(row.text, (wide - 30) / _FONT, wording.em)
        label = marks.text(left + wide / 2, top + 18.5, wording.isolated(shown), words)
        self.parts.append(marks.element("g", marks.tip(f"{row.left}: {row.text}"), bar, label))
        self.y = self.pen = top + BAR
        if row.before != row.after:
            self.draw_crossing(row, row.more)
        self.y += 6


_DRAW = {
    What.OPEN: _Page.draw_open, What.ENTRY: _Page.draw_entry, What.STEP: _Page.draw_step,
    What.HANDS_ON: _Page.draw_hands_on, What.CUT: _Page.draw_cut, What.PAUSE: _Page.draw_end,
    What.END: _Page.draw_end, What.CLOSE: _Page.draw_close,
}  # fmt: skip


def _idle_sides(row: Row) -> list[str]:
    """Return the names of what stands on the sides of a step that did not run."""
    sides = (("callback", row.left), ("errback", row.right))
    return [name for side, name in sides if name is not None and side != row.ran]


def _did(row: Row, side: str) -> str:
    """Return what a reader is told who points at a side."""
    if row.ran is None:
        return ": has not run"
    if row.ran != side:
        return ": did not run"
    return f": ran; {row.text or 'returned a value'}"
