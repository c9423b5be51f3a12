"""How many of a workspace's winners may be chance: each test keeps its own error, many tests add theirs up."""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan
from typing import NamedTuple

from fine_tuning.experiments.ab_test_result import ABTestResult


class Multiplicity(NamedTuple):
    """Concluded tests with scores of both models, those in which they differ, and how many would if no model did."""

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
    concluded = [test for test in results if test.status == "completed" and any(map(_is_scored, test.comparisons))]
    different = sum(any(each.statistical_significance for each in test.comparisons) for test in concluded)
    return Multiplicity(len(concluded), different, sum(1 - test.confidence_level for test in concluded))


def _is_scored(result: ABTestResult) -> bool:
    """Whether both models have scored answers, so that they can differ."""
    return not isnan(result.model_a_accuracy) and not isnan(result.model_b_accuracy)
