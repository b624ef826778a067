"""A Deferred's chain as a picture that can be printed, shown in a notebook, and saved: what `weft.figure` returns."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from weft.deferred import Deferred, DeferredList
from weft.errors import NotDrawableError, PictureFormatError
from weft.figures import chain_rows, chain_svg, chain_text, wording
from weft.figures.chain_rows import Row, What

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

WIDTH = 80
"""Columns of a picture as text, where nothing says how many there are."""
MOST_TOLD = 60
"""Rows that are told in words to those who do not see the picture."""


def figure(deferred: Deferred[Any], *, title: str = "") -> ChainFigure:
    """Return a picture of a Deferred's chain as it is now: `print` it, `save` it, or have a notebook show it.

    Callbacks stand left, errbacks right; the path of the result goes through them, on the left while it is a value
    and on the right while it is a failure, with the reason where it changes sides. What a step waits for is drawn
    within it, and so are the members of a `DeferredList`. The Deferred may have fired or not; it stays as it is, and
    the picture holds on to nothing of it. Raises NotDrawableError for anything but a Deferred.
    """
    if not isinstance(deferred, Deferred):
        raise NotDrawableError(f"weft.figure() draws a Deferred, not {_instead_of(deferred)}")
    rows = chain_rows.read(deferred)
    return ChainFigure(rows, wording.clean_long(title) or _title(deferred))


class ChainFigure:
    """A picture of a Deferred's chain, as it was when `weft.figure` was called.

    `str` gives plain text, Rich prints it in colour, and a notebook shows the SVG.
    """

    __slots__ = ("_rows", "_title")

    def __init__(self, rows: Sequence[Row], title: str) -> None:
        self._rows = tuple(rows)
        self._title = title

    def svg(self) -> str:
        """Return the picture as a stand-alone SVG document; the same chain gives the same bytes."""
        summary = _summary(self._rows)
        return chain_svg.svg(self._rows, self._title, summary, f"{summary} {_told(self._rows)}")

    def text(self, *, width: int = WIDTH, ascii_only: bool = False, colour: bool = False) -> str:
        """Return the picture as text, at most `width` columns wide, without a newline at its end.

        `ascii_only`: in ASCII alone; `colour`: with the escape codes of a terminal.
        """
        written = chain_text.coloured if colour else chain_text.plain
        return "\n".join(written(line) for line in self._lines(width, ascii_only))

    def show(self, file: TextIO | None = None) -> None:
        """Print the picture to a file, standard output if none is given; in colour and as wide as a terminal is one.

        Colour is left out if NO_COLOR is set, and what is not ASCII if the file's encoding has no characters for it.
        """
        file = sys.stdout if file is None else file
        is_terminal = file.isatty()
        has_colour = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        width = shutil.get_terminal_size((WIDTH, 24)).columns if is_terminal else WIDTH
        text = self.text(width=width, colour=has_colour)
        try:
            text.encode(file.encoding or "utf-8")
        except UnicodeEncodeError:
            text = self.text(width=width, colour=has_colour, ascii_only=True)
        print(text, file=file)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file: an SVG document if its name ends with .svg, plain text with .txt.

        Raises PictureFormatError for any other ending.
        """
        ending = Path(path).suffix.lower()
        if ending not in (".svg", ".txt"):
            raise PictureFormatError(
                f"a chain's picture is saved as .svg or .txt, and {str(path)!r} ends with neither: "
                'write figure.save("chain.svg")'
            )
        Path(path).write_text(self.svg() if ending == ".svg" else self.text() + "\n", encoding="utf-8", newline="\n")

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__  # so that an interactive Python shows the picture

    def _repr_svg_(self) -> str:
        """Return what a notebook shows."""
        return self.svg()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        for line in self._lines(options.max_width, options.ascii_only):
            pieces = [(piece, chain_text.STYLES[style][1]) for piece, style in line]
            yield Text.assemble(*pieces, no_wrap=True, overflow="crop")

    def _lines(self, width: int, ascii_only: bool) -> list[chain_text.Pieces]:
        return chain_text.lines(self._rows, self._title, _summary(self._rows), width=width, ascii_only=ascii_only)


def _title(deferred: Deferred[Any]) -> str:
    kind = type(deferred).__name__
    if isinstance(deferred, DeferredList):
        return f"A {wording.name(kind)} and its {wording.count(len(deferred.deferreds), 'member')}"
    return f"The chain of a {wording.name(kind)}"


def _instead_of(found: object) -> str:
    """Return what was given in a Deferred's place, and how to make one of it if that can be."""
    kind = wording.name(type(found).__name__)
    if hasattr(found, "add_done_callback"):
        return f"a {kind}: weft.Deferred.from_future(future) makes one of it"
    if hasattr(found, "cr_frame"):
        return f"a {kind}: weft.ensure_deferred(coroutine) makes one of it"
    return f"a {kind}"


def _summary(rows: Sequence[Row]) -> str:
    """Return in a sentence or two how the result came in, how many steps there are, and where it is now."""
    outer = [row for row in rows if not row.depth]
    numbers = [row.number for row in outer]
    head = outer[: next((place for place, number in enumerate(numbers) if number), None)]
    # Where there is no entry, the first steps are forgotten, and that is said last before those that are not.
    told = [next((row.text for row in head if row.what is What.ENTRY), head[-1].text)]
    told.append(wording.count(max(numbers), "step"))
    for row in outer:
        name = (row.right if row.ran == "errback" else row.left) or row.text
        if row.what is What.PAUSE:
            told.append(row.text)
        elif row.what is What.END:
            told.append(f"now: {row.text}")
        elif row.outcome == "waiting":
            told.append(f"it waits for what {name} returned")
        elif row.outcome == "running":
            told.append(f"{name} runs now")
    return " ".join(f"{part[:1].upper()}{part[1:]}." for part in told)


def _told(rows: Sequence[Row]) -> str:
    """Return the rows in words, for those who do not see them."""
    told = [f"{part}." for row in rows[:MOST_TOLD] for part in _parts_told(row)]
    if len(rows) > MOST_TOLD:
        told.append(f"And {wording.count(len(rows) - MOST_TOLD, 'row')} more.")
    return " ".join(told)


def _parts_told(row: Row) -> Iterator[str]:
    if row.what is What.OPEN:
        yield f"Within, {row.text}"
    elif row.what is What.CLOSE:
        yield "So much for it" + (f": {row.text}" if row.text else "")
    elif row.what is What.STEP:
        ran = {"callback": row.left, "errback": row.right}.get(row.ran or "")
        if ran is not None:
            yield f"Step {row.number}: {row.ran} {ran} {row.text or 'returned a value'}"
        else:
            yield f"Step {row.number}: {row.text or 'has not run'}"
    else:
        yield row.text
