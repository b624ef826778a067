"""Grading a run: every requirement of a chapter, what its recording says of it, and one hint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weft.learn.chapter import Chapter, Requirement, Verdict
from weft.learn.running import Echo, Run, run_program


@dataclass(frozen=True)
class Grade:
    """How an exercise did."""

    run: Run
    verdicts: Sequence[tuple[Requirement, Verdict]]

    @property
    def passes(self) -> bool:
        """Whether every requirement holds."""
        return all(verdict.holds for _, verdict in self.verdicts)

    @property
    def hint(self) -> str:
        """The hint of the first requirement that does not hold; "" where none has one."""
        return next((verdict.hint for _, verdict in self.verdicts if not verdict.holds and verdict.hint), "")


def grade(chapter: Chapter, run: Run) -> Grade:
    """Judge a run by a chapter's requirements."""
    return Grade(run, [(requirement, requirement.judge(run)) for requirement in chapter.requirements])


def run_for(chapter: Chapter, program: Path, echo: Echo | None = None) -> Run:
    """Run a program as its chapter wants it run."""
    return run_program(
        program, limit_s=chapter.limit_s, interpreted=chapter.interpreted, watched=chapter.watched, echo=echo
    )
