"""What all runners are made of: every peer has its turn in each round, disturbed turns are repeated, ratios are taken
within a round, and the report has the same head.

Owns the samples; what a turn is, and what tables are made of the samples, is the runners'.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from command import BenchmarkError, choose_base, prepare_file
from peers import probe_all
from report import (
    MOST_FOREIGN,
    MOST_TRIES,
    NoisyMachineError,
    Progress,
    facts_list,
    machine_facts,
    markdown_table,
)

Turn = Callable[[], tuple[dict[str, float], float]]
"""Measures one peer once; returns its figures, and what other processes took of a core meanwhile."""


@dataclass(frozen=True)
class Sample:
    """One peer's turn in one round of one case."""

    peer: str
    case: str
    round: int
    foreign: float
    figures: dict[str, float]


class Results:
    """The samples by case and peer, with the ratios to the base."""

    def __init__(self, samples: Sequence[Sample], peers: Sequence[str], base: str) -> None:
        self.samples = samples
        self.peers = peers
        self.base = base
        self.cases = list(dict.fromkeys(sample.case for sample in samples))

    def values(self, case: str, peer: str, figure: str) -> list[float]:
        """Return a figure's values, one for each round."""
        return [sample.figures[figure] for sample in self.samples if (sample.case, sample.peer) == (case, peer)]

    def median(self, case: str, peer: str, figure: str) -> float:
        """Return the median of a figure over the rounds."""
        return statistics.median(self.values(case, peer, figure))

    def ratio(self, case: str, peer: str, figure: str, base: str = "") -> float:
        """Return the median over the rounds of a figure's ratio to the base's in the same round."""
        pairs = zip(self.values(case, peer, figure), self.values(case, base or self.base, figure), strict=True)
        return statistics.median(value / base if base else float("nan") for value, base in pairs)

    def most_foreign(self, case: str, peer: str) -> float:
        """Return the share of a core that others took in the worst of the rounds."""
        return max(sample.foreign for sample in self.samples if (sample.case, sample.peer) == (case, peer))

    def ratios_table(self, figure: str) -> str:
        """Return a table of one figure's ratios: a row for each peer, a column for each case."""
        rows = [[peer, *(f"{self.ratio(case, peer, figure):.2f}" for case in self.cases)] for peer in self.peers]
        return markdown_table(["", *self.cases], rows)

    def figures_table(self, case: str, columns: Mapping[str, tuple[str, str]]) -> str:
        """Return a table of one case: a row for each peer; for each figure its median and its ratio to the base's.

        `columns` says for each figure what it is called and how it is formatted.
        """
        header = [""]
        for title, _ in columns.values():
            header += [title, f"/ {self.base}"]
        rows = []
        for peer in self.peers:
            row = [peer]
            for figure, (_, layout) in columns.items():
                row += [format(self.median(case, peer, figure), layout), f"{self.ratio(case, peer, figure):.2f}"]
            rows.append(row)
        return markdown_table(header, rows)


class Rounds:
    """Takes the samples."""

    def __init__(
        self, count: int, progress: Progress, allow_noise: bool, most_tries: int = MOST_TRIES, pause_s: float = 0
    ) -> None:
        self.count = count
        self.most_tries = most_tries
        self.pause_s = pause_s
        self.samples: list[Sample] = []
        self._progress = progress
        self._allow_noise = allow_noise

    def take(self, case: str, turns: Mapping[str, Turn]) -> None:
        """Measure a case: in each round, each peer's turn."""
        for round_ in range(self.count):
            self.take_round(case, round_, turns)

    def take_round(
        self, case: str, round_: int, turns: Mapping[str, Turn], most_foreign: float = MOST_FOREIGN
    ) -> None:
        """Measure one round of a case: each peer's turn.

        Raises NoisyMachineError at the first turn of which others took more, unless noise is allowed.
        """
        for peer, turn in turns.items():
            self._progress.show(f"{case}, round {round_ + 1}: {peer}")
            figures, foreign = self._quiet(turn, most_foreign)
            if foreign > most_foreign and not self._allow_noise:
                raise NoisyMachineError(self._progress.what, foreign)
            self.samples.append(Sample(peer, case, round_, foreign, figures))

    def _quiet(self, turn: Turn, most_foreign: float) -> tuple[dict[str, float], float]:
        """Measure until it is not disturbed, a few times at most; return the least disturbed figures."""
        tries = []
        for number in range(self.most_tries):
            if number:
                time.sleep(self.pause_s)  # what disturbs may be over by then
            tries.append(turn())
            foreign = tries[-1][1]
            if foreign <= most_foreign:
                break
            self._progress.show_disturbed(foreign)
        return min(tries, key=lambda figures_and_foreign: figures_and_foreign[1])


def measure_and_report(
    arguments: argparse.Namespace,
    cases: int,
    measured: str,
    measure: Callable[[Rounds, list[str]], None],
    tables: Callable[[Results], str],
) -> None:
    """Measure those of `arguments.peers` that can run here, and print the report; also to `arguments.json`.

    `measure` takes the samples of as many cases; `measured` says in words what they are; `tables` makes the tables.
    """
    if arguments.json is not None:
        prepare_file(arguments.json)
    versions = probe_all(arguments.peers)
    if not versions:
        raise BenchmarkError("none of the peers can run here")
    base = choose_base(arguments.base, versions)
    progress = Progress(cases * arguments.rounds * len(versions))
    most_tries = 1 if arguments.quick and arguments.noisy else MOST_TRIES
    rounds = Rounds(arguments.rounds, progress, arguments.noisy, most_tries)
    try:
        measure(rounds, list(versions))
    finally:
        progress.clear()
    is_noisy = any(sample.foreign > MOST_FOREIGN for sample in rounds.samples)
    facts = machine_facts() | versions
    quick = "; quick: figures worth little" if arguments.quick else ""
    facts["measured"] = f"{measured}; rounds: {arguments.rounds}; medians{quick}"
    print(facts_list(facts, is_noisy), tables(Results(rounds.samples, list(versions), base)), sep="\n\n")
    if arguments.json is not None:
        samples = [asdict(sample) for sample in rounds.samples]
        content = {"facts": facts, "base": base, "noisy": is_noisy, "samples": samples}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")
