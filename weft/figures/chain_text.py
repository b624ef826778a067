"""A Deferred's chain as lines of text, for a terminal or any other place where text goes.

Two rails run down, of values on the left and of failures on the right, and the path is drawn on them. It is complete
without colour: the lane says what the result is, brackets say what ran. A line is made of pieces (text, style), which
are then coloured by escape codes or by Rich; this module needs neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weft.figures import wording
from weft.figures.chain_rows import Lane, Row, What

Pieces = list[tuple[str, str]]
"""A line, as (text, style) one after another; styles are the keys of `STYLES`."""

STYLES = {
    "": ("", ""),
    "value": ("32", "green"),
    "failure": ("31", "red"),
    "ran value": ("1;32", "bold green"),
    "ran failure": ("1;31", "bold red"),
    "strong": ("1", "bold"),
    "muted": ("90", "bright_black"),
}
"""Style -> how a terminal's escape code says it, and how Rich does."""

LEAST_WIDTH = 48
"""Below this a picture is cropped: two lanes have no room for names."""
MOST_WIDTH = 140
"""Lanes that are further apart are hard to follow."""
_MORE_LINES = 4


@dataclass(frozen=True, slots=True)
class Signs:
    """The characters that a chain is drawn with."""

    rail: str
    path: dict[Lane, str]
    enters: dict[Lane, str]
    """Where the path goes into a name."""
    leaves: dict[Lane, str]
    """Where the path ends in a chain that is waited for."""
    crosses: dict[Lane, tuple[str, str, str]]
    """Lane on which the path comes -> what is on the left lane, between and on the right lane where it crosses."""
    ends: dict[Lane, str]
    pause: str
    open: str
    close: str
    frame: str
    across: str
    nothing: str


UNICODE = Signs(
    rail="┊",
    path={"value": "│", "failure": "║"},
    enters={"value": "├─", "failure": "╠═"},
    leaves={"value": "╰─", "failure": "╚═"},
    crosses={"value": ("╰", "─", "╖"), "failure": ("╭", "─", "╜")},
    ends={"value": "✓", "failure": "✗", None: "○"},
    pause="‖", open="┌", close="└", frame="│", across="─", nothing="·",
)  # fmt: skip
ASCII = Signs(
    rail=":",
    path={"value": "|", "failure": "#"},
    enters={"value": "|-", "failure": "#="},
    leaves={"value": "`-", "failure": "`="},
    crosses={"value": ("`", "-", "."), "failure": (".", "-", "'")},
    ends={"value": "v", "failure": "x", None: "o"},
    pause="=", open=".", close="`", frame="|", across="-", nothing="-",
)  # fmt: skip


class _Line:
    """One line of cells; later text covers earlier."""

    def __init__(self, width: int) -> None:
        self.cells: Pieces = [(" ", "")] * width

    def put(self, at: int, text: str, style: str = "") -> _Line:
        for character in text:
            wide = int(wording.cell(character))
            if not wide:
                if at:
                    self.cells[at - 1] = (self.cells[at - 1][0] + character, self.cells[at - 1][1])
                continue
            if at + wide > len(self.cells):
                break
            self.cells[at] = (character, style)
            if wide == 2:
                self.cells[at + 1] = ("", style)
            at += wide
        return self

    def pieces(self) -> Pieces:
        made: Pieces = []
        end = len(self.cells)
        while end and self.cells[end - 1][0] == " ":
            end -= 1
        for character, style in self.cells[:end]:
            if made and made[-1][1] == style:
                made[-1] = (made[-1][0] + character, style)
            else:
                made.append((character, style))
        return made


class _Page:
    """The lines of one picture."""

    def __init__(self, rows: Sequence[Row], width: int, signs: Signs) -> None:
        self.width = min(max(width, LEAST_WIDTH), MOST_WIDTH)
        self.signs = signs
        self.lines: list[_Line] = []
        self.left = 2 * max((row.depth for row in rows), default=0)
        self.right = self.left + (self.width - self.left) // 2
        for row in rows:
            _DRAW[row.what](self, row)

    def at(self, lane: Lane) -> int:
        """Return the column of a lane; that of values, if there is no path."""
        return self.right if lane == "failure" else self.left

    def new(self, row: Row, lane: Lane, frames: int | None = None) -> _Line:
        """Add a line with the frames around it, both rails, and the path on `lane`; return it."""
        line = _Line(self.width)
        self.lines.append(line)
        for level in range(row.depth if frames is None else frames):
            line.put(2 * level, self.signs.frame, "muted")
        line.put(self.left, self.signs.rail, "muted").put(self.right, self.signs.rail, "muted")
        if lane is not None:
            line.put(self.at(lane), self.signs.path[lane], lane)
        return line

    def say(self, row: Row, lane: Lane, text: str, style: str, first: _Line | None = None) -> None:
        """Write a text beside a lane, on as many lines as it needs, the first of them on `first`."""
        at = self.at(lane) + 2
        for part in wording.wrap(text, self.width - at, _MORE_LINES):
            line = first or self.new(row, lane)
            line.put(at, part, style)
            first = None

    def cross(self, row: Row, text: str) -> None:
        """Draw the path from one lane to the other, and why it goes there."""
        left, between, right = self.signs.crosses[row.before]
        style = row.after or ""
        line = self.new(row, None).put(self.left, left + between * (self.right - self.left - 1) + right, style)
        room = self.right - self.left - 1
        taken = int(wording.width(text, wording.cell)) + 2
        if taken + 2 > room:
            self.say(row, row.after, text, style)
        elif text:
            line.put(self.left + 1 + (room - taken) // 2, f" {text} ", style)

    # -- what each kind of row is

    def open(self, row: Row) -> None:
        level = row.depth - 1
        line = self.new(row, None, level)
        line.put(2 * level, self.signs.open + self.signs.across * (self.left - 2 * level), "muted")
        self.say(row, None, row.text, "strong", line)

    def close(self, row: Row) -> None:
        level = row.depth - 1
        line = self.new(row, row.after, level)
        line.put(2 * level, self.signs.close + self.signs.across * (self.left - 2 * level - 1), "muted")
        if row.after is not None:
            self.say(row, row.after, row.text, row.after, line)

    def entry(self, row: Row) -> None:
        line = self.new(row, None)
        if row.after is None:
            line.put(self.right, self.signs.ends[None], "strong")
        line.put(self.at(row.after), self.signs.ends[row.after], f"ran {row.after}" if row.after else "strong")
        self.say(row, row.after, row.text, "strong", line)
        self.say(row, row.after, row.more, "muted")

    def end(self, row: Row) -> None:
        sign = self.signs.pause if row.what is What.PAUSE else self.signs.ends[row.before]
        line = self.new(row, None).put(self.at(row.before), sign, f"ran {row.before}")
        for text, style, first in ((row.text, "strong", line), (row.more, "muted", None)):
            at = self.at(row.before) + 2
            for part in wording.wrap(text, self.width - at, _MORE_LINES):
                (first or self.new(row, None)).put(at, part, style)
                first = None

    def cut(self, row: Row) -> None:
        lane = row.before or row.after
        self.say(row, lane, f"… {row.text}", "muted")
        self.say(row, lane, row.more, "muted")
        if row.before and row.after and row.before != row.after:
            self.cross(row, "")

    def step(self, row: Row) -> None:
        line = self.new(row, row.before)
        passed = row.ran == "passed"
        for lane, name, ran in (("value", row.left, "callback"), ("failure", row.right, "errback")):
            at = self.right if lane == "failure" else self.left
            room = (self.width if lane == "failure" else self.right) - at - 5
            if row.ran == ran:
                line.put(at, self.signs.enters[row.before], row.before or "")
                line.put(at + 2, f"[{wording.shorten(name or '', room)}]", f"ran {row.before}")
            elif passed and lane == row.before:
                line.put(at + 3, wording.shorten(row.text, room + 2), "muted")
            else:
                line.put(at + 3, wording.shorten(name or self.signs.nothing, room), "muted")
        if not passed:
            self.went_on(row)

    def went_on(self, row: Row) -> None:
        """Draw why the path went on from a step as it did, if that is to be said."""
        if row.after is None and row.before is not None:
            line = self.new(row, None).put(self.at(row.before), self.signs.leaves[row.before], row.before)
            line.put(self.at(row.before) + 3, row.text, "strong" if row.outcome in ("waiting", "running") else "")
        elif row.before != row.after:
            self.cross(row, row.text)
        elif row.text and row.after is not None:
            self.say(row, row.after, row.text, "muted")

    def hands_on(self, row: Row) -> None:
        line = self.new(row, row.before)
        at = self.at(row.before)
        if row.before is not None:
            line.put(at, self.signs.enters[row.before], row.before)
        text = wording.shorten(row.text, self.width - at - 5)
        line.put(at + 2, f"({text})", f"ran {row.before}" if row.before else "muted")
        if row.before and row.after and row.before != row.after:
            self.cross(row, row.more)


_DRAW = {
    What.OPEN: _Page.open, What.ENTRY: _Page.entry, What.STEP: _Page.step, What.HANDS_ON: _Page.hands_on,
    What.CUT: _Page.cut, What.PAUSE: _Page.end, What.END: _Page.end, What.CLOSE: _Page.close,
}  # fmt: skip


def lines(rows: Sequence[Row], title: str, summary: str, *, width: int, ascii_only: bool = False) -> list[Pieces]:
    """Return the lines of a picture, each no wider than `width` and in ASCII alone if asked for."""
    signs = ASCII if ascii_only else UNICODE
    page = _Page(rows, width, signs)
    head = [_Line(page.width).put(0, part, "strong") for part in wording.wrap(title, page.width, 2)]
    head += [_Line(page.width).put(0, part) for part in wording.wrap(summary, page.width, 3)]
    lanes = _Line(page.width).put(page.left, "callbacks: for a value", "value")
    lanes.put(page.right, "errbacks: for a failure", "failure")
    legend = [_Line(page.width).put(0, line, "muted") for line in _legend(rows, signs, page.width)]
    made = [line.pieces() for line in [*head, _Line(0), lanes, _Line(0), *page.lines, _Line(0), *legend]]
    return [_cropped(line, width, ascii_only) for line in made]


def plain(line: Pieces) -> str:
    """Return a line without colour."""
    return "".join(text for text, _ in line)


def coloured(line: Pieces) -> str:
    """Return a line with a terminal's escape codes."""
    return "".join(f"\x1b[{STYLES[style][0]}m{text}\x1b[0m" if style else text for text, style in line)


def _legend(rows: Sequence[Row], signs: Signs, width: int) -> list[str]:
    """Return what the signs mean, of those that occur, in lines."""
    lanes = {lane for row in rows for lane in (row.before, row.after)}
    told = [f"{signs.ends[lane]} a {lane}" for lane in ("value", "failure") if lane in lanes]
    if any(row.ran in ("callback", "errback") for row in rows):
        told.append("[name] ran")
    if any(row.number for row in rows):
        told.append(f"{signs.rail} name  did not run")
    made: list[str] = []
    for part in told:
        if made and len(made[-1]) + 4 + len(part) <= width:
            made[-1] += f"    {part}"
        else:
            made.append(part)
    return made


def _cropped(line: Pieces, width: int, ascii_only: bool) -> Pieces:
    made: Pieces = []
    left = float(width)
    for text, style in line:
        part = "".join(map(_ascii, text)) if ascii_only else text
        shown = wording.fitting(part, left, wording.cell)
        made.append((shown, style))
        left -= wording.width(shown, wording.cell)
    return made


def _ascii(character: str) -> str:
    """Return as many ASCII characters as the character fills cells."""
    plain = {"…": "~", "·": "-"}.get(character, character)
    return plain if plain.isascii() else "?" * int(wording.cell(character))
