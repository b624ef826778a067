"""What a run's figures look like: on the terminal, and for another program."""

from __future__ import annotations

from collections.abc import Iterable

from judging import Figures


def show(figures: Figures, modules: Iterable[str], met: str, with_reasons: bool) -> None:
    """Print a line for each module, and one for each test that is to be looked at; `met` is what is under test."""
    for module in modules:
        own = figures.of_module(module)
        if own.outcomes:
            print(f"{module:20} {own.line(met)}")
    for title, names in (
        ("failed", figures.failed),
        ("passes though it is named: take it off the list", figures.pass_though_named),
        ("is named, and not in this release of the tests", figures.absent),
        ("passed at the second attempt", figures.passed_again),
        (f"met none of the {met} under test", figures.untouched),
    ):
        for name in names:
            print(f"{title}: {name}")
            failed = figures.first.get(name) or (figures.outcomes[name] if name in figures.failed else None)
            if with_reasons and failed is not None:
                print(f"{failed.status}\n{failed.reason}\n")


def as_json(figures: Figures) -> dict[str, object]:
    """Return the figures for another program to read."""
    slowest = sorted(figures.outcomes, key=lambda name: -figures.outcomes[name].seconds)
    return {
        "ran": figures.ran,
        "met": figures.met,
        "passed_again": figures.passed_again,
        "verdicts": figures.verdicts(),
        "reasons": {name: figures.outcomes[name].reason for name in (*figures.failed, *figures.named)},
        "slowest": {name: figures.outcomes[name].seconds for name in slowest[:20]},
    }
