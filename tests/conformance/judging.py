"""The judgement of a run: by its outcomes, by those of the stock implementation, and by the named tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from named import Group
from processes import Outcome

Run = Callable[[list[str], bool], dict[str, Outcome]]
"""Runs tests by name; alone, one after another, if the second argument says so."""


@dataclass
class Figures:
    """The judgement of one run. Each test that was found is in exactly one of the first five lists."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    pass_though_named: list[str] = field(default_factory=list)
    not_asked: list[str] = field(default_factory=list)  # the stock implementation does not pass them, or is not made
    passed_again: list[str] = field(default_factory=list)  # at the second attempt; they are in `passed` too
    untouched: list[str] = field(default_factory=list)  # modules whose tests never met what is under test
    absent: list[str] = field(default_factory=list)  # named, and not in this release of the tests
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    first: dict[str, Outcome] = field(default_factory=dict)  # what became of those that passed again at first

    @property
    def ran(self) -> int:
        """How many tests ran, of those that the stock implementation passes."""
        return len(self.passed) + len(self.failed) + len(self.named) + len(self.pass_though_named)

    @property
    def met(self) -> int:
        """How many times the tests met what is under test: a loop that was made, a reactor that was made or run."""
        return sum(outcome.ours for outcome in self.outcomes.values())

    def is_good(self) -> bool:
        """Return whether there is nothing to mend."""
        return not (self.failed or self.pass_though_named or self.untouched) and bool(self.passed)

    def verdicts(self) -> dict[str, str]:
        """Return each test's: passed, failed, named, pass though named, or not asked."""
        lists = {
            "passed": self.passed,
            "failed": self.failed,
            "named": self.named,
            "pass though named": self.pass_though_named,
            "not asked": self.not_asked,
        }
        return {name: verdict for verdict, names in lists.items() for name in names}

    def line(self, met: str) -> str:
        """Return the figures as a line; `met` says what is counted."""
        return (
            f"{self.ran} ran, {len(self.passed)} passed, {len(self.failed)} failed, {len(self.named)} named, "
            f"{len(self.not_asked)} not asked, on {self.met} {met}"
        )

    def of_module(self, module: str) -> Figures:
        """Return the figures of one module."""

        def own(names: Iterable[str]) -> list[str]:
            return [name for name in names if name.startswith(f"{module}.")]

        return Figures(
            own(self.passed),
            own(self.failed),
            own(self.named),
            own(self.pass_though_named),
            own(self.not_asked),
            own(self.passed_again),
            [each for each in self.untouched if each == module],
            own(self.absent),
            {name: self.outcomes[name] for name in own(self.outcomes)},
            {name: self.first[name] for name in own(self.first)},
        )


def judged(
    modules: Iterable[str],
    outcomes: dict[str, Outcome],
    named: dict[str, Group],
    run_ours: Run,
    run_stock: Run | None,
    is_unasked: Callable[[Outcome], bool] = lambda outcome: False,
) -> Figures:
    """Judge what became of the modules' tests.

    A test that did not pass is run on the stock implementation (None: that is what ran): where that does not pass it
    either, in two attempts, nothing is asked. Where it does, ours has a second attempt, too.
    """
    figures = Figures(outcomes=outcomes)
    names = sorted(outcomes)
    doubtful = [name for name in names if not is_passed(outcomes[name])]
    stock: dict[str, Outcome] = {}
    if run_stock is not None:
        stock = run_stock(doubtful, False)
        stock |= run_stock([name for name in doubtful if is_failed(stock[name])], True)
    unpassable = {name for name in stock if not is_passed(stock[name])}
    again = [name for name in doubtful if name not in unpassable and name not in named and is_failed(outcomes[name])]
    for name, outcome in run_ours(again, True).items():
        if is_passed(outcome):
            figures.passed_again.append(name)
            figures.first[name] = outcomes[name]
            outcomes[name] = outcome
    for name in names:
        outcome = outcomes[name]
        if name in unpassable:
            figures.not_asked.append(name)
        elif is_passed(outcome):
            (figures.pass_though_named if name in named else figures.passed).append(name)
        elif is_unasked(outcome) or (run_stock is None and outcome.status in ("skipped", "passed")):
            figures.not_asked.append(name)
        else:
            (figures.named if name in named else figures.failed).append(name)
    for module in modules:
        own = [outcomes[name] for name in names if name.startswith(f"{module}.")]
        if any(outcome.status == "passed" for outcome in own) and not any(outcome.ours for outcome in own):
            figures.untouched.append(module)
        figures.absent += [name for name in named if name.startswith(f"{module}.") and name not in outcomes]
    return figures


def is_passed(outcome: Outcome) -> bool:
    """Return whether a test passed on what is under test, and not on something else in its place."""
    return outcome.status == "passed" and (outcome.ours > 0 or outcome.others == 0)


def is_failed(outcome: Outcome) -> bool:
    """Return whether a test did not pass, and may do so at another attempt."""
    return not is_passed(outcome) and outcome.status != "skipped"
