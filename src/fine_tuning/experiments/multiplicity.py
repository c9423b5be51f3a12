"""How many of a workspace's winners may be chance: each test keeps its own error, many tests add theirs up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fine_tuning.experiments.ab_test_result import ABTestResult


class Multiplicity(NamedTuple):
    """Concluded tests with samples, those of them in which scores differ, and how many would if no model differed."""

    concluded: int
    different: int
    by_chance: float

    def as_text(self) -> str:
        """In a sentence; empty where nothing is concluded."""
        if not self.concluded:
            return ""
        tests = "1 test is concluded" if self.concluded == 1 else f"{self.concluded:,} tests are concluded"
        return (
            f"{tests}, {self.different:,} with different scores; if no model differed, up to "
            f"{self.by_chance:.2g} would be expected to show that by chance"
        )


def of(results: Iterable[ABTestResult]) -> Multiplicity:
    """That of these tests; alpha bounds the error of each, however many models it has."""
    concluded = [each for each in results if each.status == "completed" and each.without_samples is None]
    different = sum(any(each.statistical_significance for each in test.comparisons) for test in concluded)
    return Multiplicity(len(concluded), different, sum(1 - test.confidence_level for test in concluded))
