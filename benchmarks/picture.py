"""The table as a picture: for each row a bar, how many times as good as its base Weft is, and a mark for its goal.

Light on light pages and dark on dark ones, as Weft's other figures are, and made of the same pieces.
"""

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from lines import Line, goal_of, shown
from rows import BASE, LIMIT

from weft.figures.palette import Ink
from weft.figures.svg_marks import box, element, fill, stylesheet, text, tip

MET, NOT_MET = Ink(0, "", "reaches its goal"), Ink(1, "", "does not yet")

WIDTH, MARGIN = 1024.0, 24.0
LEFT = 330.0
"""Where the bars begin; their rows' names are before it."""
RIGHT = 820.0
"""Where the axis ends; the figures in words are behind it."""
TOP, ROW, BAR = 118.0, 26.0, 14.0
STEP = 0.5
"""Between two lines of the axis."""
MOST = 4.0
"""How many times as good the axis shows at most: a row that goes far beyond would press all others together."""


def picture(lines: Sequence[Line], facts: Mapping[str, str], is_noisy: bool) -> str:
    """Return the table as an SVG document."""
    most = max((times for line in lines for times in _drawn(line)), default=1.0)
    steps = int(min(most, MOST) / STEP) + 1
    scale = (RIGHT - LEFT) / (steps * STEP)
    edge = "What goes beyond the edge is cut there." if most > steps * STEP else ""
    bottom = TOP + len(lines) * ROW
    height = bottom + 76
    title = f"Weft against {BASE}: {sum(line.is_met for line in lines)} of {len(lines)} goals reached"
    noise = "Noisy: other processes disturbed it. " if is_noisy else ""
    content = [
        box(0, 0, WIDTH, height, "page"),
        text(MARGIN, 38, title, "h1"),
        text(MARGIN, 62, f"{noise}How many times as good as {BASE}, in the same rounds; longer is better", "muted"),
        *_legend(),
        *_axis(steps, scale, bottom),
    ]
    for number, line in enumerate(lines):
        content += _row(line, TOP + number * ROW, scale)
    for number, said in enumerate([facts.get("measured", ""), " ".join([facts.get("CPU", ""), edge])]):
        content.append(text(MARGIN, bottom + 44 + 16 * number, said, "muted small"))
    described = "; ".join(f"{line.row.name}: {_said(line)}" for line in lines)
    return element(
        "svg",
        element("title", escape(title), id="weft-title"),
        element("desc", escape(described), id="weft-desc"),
        stylesheet((MET, NOT_MET)),
        *content,
        xmlns="http://www.w3.org/2000/svg",
        class_="weft",
        role="img",
        aria_labelledby="weft-title weft-desc",
        width=WIDTH,
        height=height,
        viewBox=f"0 0 {WIDTH:g} {height:g}",
    )


def _drawn(line: Line) -> Iterator[float]:
    """Give every value of a line that has a mark."""
    if line.times is not None and line.goal_times is not None:
        yield line.goal_times
        yield from (line.times[peer] for peer in (line.row.peer, LIMIT) if peer in line.times)


def _legend() -> Iterator[str]:
    y = 82.0
    x = MARGIN
    for ink in (MET, NOT_MET):
        yield box(x, y, 22, BAR, fill(ink), rx=2)
        yield text(x + 30, y + 11, f"Weft, {ink.name}", "muted small")
        x += 170
    yield _goal(x, y)
    yield text(x + 10, y + 11, "what is to be reached", "muted small")
    yield _limit(x + 160, y + BAR / 2, "")
    yield text(x + 172, y + 11, "a plain C server on epoll: the limit of readiness", "muted small")


def _axis(steps: int, scale: float, bottom: float) -> Iterator[str]:
    for step in range(steps + 1):
        x = LEFT + step * STEP * scale
        is_base = step * STEP == 1
        yield element("path", d=f"M{x:.1f} {TOP - 6:g}V{bottom:g}", class_="wait" if is_base else "grid")
        yield text(x, bottom + 16, f"{step * STEP:g}", "small middle" + ("" if is_base else " muted"))


def _row(line: Line, y: float, scale: float) -> Iterator[str]:
    """Give what one line of the table looks like, its top at `y`."""
    baseline = y + BAR - 3
    is_measured = line.times is not None and line.goal_times is not None
    yield text(LEFT - 12, baseline, line.row.name, "right" if is_measured else "right muted")
    yield text(RIGHT + 16, baseline, _said(line), "small" if is_measured else "small muted")
    if line.times is None or line.goal_times is None:
        return
    told = f"{line.row.name}: {_said(line)}"

    def at(times: float) -> float:
        return min(LEFT + times * scale, RIGHT)

    ink = MET if line.is_met else NOT_MET
    yield box(LEFT, y, at(line.times[line.row.peer]) - LEFT, BAR, fill(ink), told, rx=2)
    yield _goal(at(line.goal_times), y)
    if LIMIT in line.times and line.row.base == BASE:
        yield _limit(at(line.times[LIMIT]), y + BAR / 2, f"C: {line.times[LIMIT]:.2f}")


def _goal(x: float, y: float) -> str:
    return element("path", d=f"M{x:.1f} {y - 3:g}v{BAR + 6:g}", class_="done")


def _limit(x: float, y: float, told: str) -> str:
    return element("circle", tip(told), cx=x, cy=y, r=4, class_="open")


def _said(line: Line) -> str:
    """Return a line's figures in words."""
    goal = goal_of(line.row)
    if line.values is None:
        return f"not measured; is to reach {goal}"
    value = shown(line.row, line.values[line.row.peer])
    return f"{value}, {'reaches' if line.is_met else 'is to reach'} {goal}"
