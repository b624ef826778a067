"""From samples to the lines of the table: each row's figures, compared with its base's and with its goal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from peers import PEERS
from report import markdown_table
from rounds import Results
from rows import BASE, LIMIT, ROWS, UNITS, Judged, Row, is_more_better

OTHERS = ("rloop", "rloop-heap", "asyncio", "asyncio-heap")
"""The peers that have a column beside the C server's and Weft's."""


@dataclass(frozen=True)
class Line:
    """One row as it was measured; without figures if it was not, and then `missing` says why."""

    row: Row
    figure: float | None = None
    """Weft's own, the median of the rounds, in the unit of the figure."""
    values: Mapping[str, float] | None = None
    """Each peer's figure compared as the row asks; of the row's own peer it is what is judged."""
    times: Mapping[str, float] | None = None
    """The same as multiples of the base: above 1 is better, whatever the row asks."""
    goal_times: float | None = None
    """What is to be reached, in that measure."""
    missing: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the row reaches what it is to reach, to the two digits that are shown."""
        if self.values is None:
            return False
        value = round(self.values[self.row.peer], 2)
        return value >= self.row.to_reach if self.row.judged is Judged.TIMES else value <= self.row.to_reach


def lines_of(results: Results, missing: Mapping[str, str]) -> list[Line]:
    """Return a line for each row whose case was asked for; `missing` says why a peer was left out."""
    peers_of_case: dict[str, list[str]] = {}
    for sample in results.samples:
        peers = peers_of_case.setdefault(sample.case, [])
        if sample.peer not in peers:
            peers.append(sample.peer)
    return [_line(results, row, peers_of_case[row.case], missing) for row in ROWS if row.case in peers_of_case]


def _line(results: Results, row: Row, peers: Sequence[str], missing: Mapping[str, str]) -> Line:
    absent = [peer for peer in (row.peer, row.base) if peer not in peers]
    if absent:
        return Line(row, missing="; ".join(f"{peer}: {missing.get(peer, 'not measured')}" for peer in absent))
    ratios = {peer: results.ratio(row.case, peer, row.figure, row.base) for peer in peers}
    times = {peer: ratio if is_more_better(row.figure) else _inverse(ratio) for peer, ratio in ratios.items()}
    figure = results.median(row.case, row.peer, row.figure)
    if row.judged is Judged.TIMES:
        return Line(row, figure, times, times, row.to_reach)
    if row.judged is Judged.SHARE:
        return Line(row, figure, ratios, times, 1 / row.to_reach)
    amounts = {peer: results.median(row.case, peer, row.figure) for peer in peers}
    return Line(row, figure, amounts, times, amounts[row.base] / row.to_reach)


def _inverse(ratio: float) -> float:
    return 1 / ratio if ratio else float("nan")


def table(lines: Sequence[Line]) -> str:
    """Return the table, and beneath it why rows were not measured."""
    header = ["", "C's limit", "Weft", f"/ {BASE}", "to reach", "", *OTHERS]
    cells = [[line.row.name, *_measured(line)] for line in lines]
    reasons = [f"- {line.row.name}: not measured; {line.missing}" for line in lines if line.missing]
    return "\n\n".join([markdown_table(header, cells), *(["\n".join(reasons)] if reasons else [])])


def _measured(line: Line) -> list[str]:
    goal = goal_of(line.row)
    if line.values is None or line.figure is None:
        return ["-", "-", "-", goal, "not measured", *["-"] * len(OTHERS)]
    # A row that compares Weft with Weft, or with another base, says nothing of how the others compare.
    others = [
        shown(line.row, line.values[peer]) if peer in line.values and line.row.base == BASE else "-"
        for peer in (LIMIT, *OTHERS)
    ]
    figure = f"{line.figure:,.2f}" if line.figure < 100 else f"{line.figure:,.0f}"
    return [
        others[0],
        f"{figure} {UNITS.get(line.row.figure, 'ns')}",
        shown(line.row, line.values[line.row.peer]),
        goal,
        "met" if line.is_met else "not met",
        *others[1:],
    ]


def shown(row: Row, value: float) -> str:
    """Return a compared figure as a row shows it."""
    return f"{value:,.0f} B" if row.judged is Judged.AMOUNT else f"{value:.2f}"


def goal_of(row: Row) -> str:
    """Return what a row is to reach, as it shows it."""
    return ("" if row.judged is Judged.TIMES else "≤ ") + shown(row, row.to_reach)


def cpu_table(results: Results) -> str:
    """Return the server's CPU time for a message in each case that has a server: what a client cannot limit."""
    figure = "server_cpu_us"
    measured = {(sample.case, sample.peer) for sample in results.samples if figure in sample.figures}
    columns = [peer for peer in PEERS if any(peer == each for _, each in measured)]
    rows = [
        [
            case,
            *(f"{results.median(case, peer, figure):.2f}" if (case, peer) in measured else "-" for peer in columns),
        ]
        for case in results.cases
        if any(case == each for each, _ in measured)
    ]
    return markdown_table(["the server's CPU, µs a message", *columns], rows) if rows else ""
