"""The skewness of differences of pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import skew, ttest_rel

from fine_tuning.experiments.design import Design
from fine_tuning.experiments.pair_sums import PairSums, together
from tests.experiments import states


@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_skewness_of_differences_is_that_of_all_pairs(factor: float) -> None:
    rng, parts = np.random.default_rng(0), [PairSums(), PairSums()]
    a = rng.exponential(size=60)
    b = a + rng.exponential(size=60) ** 2
    for number, (first, second) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        parts[number % 2].add(first, second)
    found = together(parts)
    assert found.count == 60
    assert found.skewness(factor) == pytest.approx(skew(b - factor * a))
    assert PairSums().skewness() == 0.0


def test_differences_that_do_not_vary_have_no_skewness() -> None:
    found = PairSums()
    for value in (0.1, 5.7, 9.3):
        found.add(value, value + 0.3)
    assert found.skewness() == 0.0


def test_pairs_whose_answers_depend_on_the_question_are_judged_as_by_the_paired_t_test() -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        hard = rng.normal(0, 2, 20)
        a, b = (hard + rng.normal(0, 0.3, 20) for _ in range(2))
        design, statistics = Design(kind="fixed", planned=20, score="real"), states.statistics(a, b, is_paired=True)
        statistics.look(design)
        look = statistics.comparison.looks[0]
        assert look.z == pytest.approx(np.copysign(_normal(float(ttest_rel(b, a).pvalue)), look.estimate), abs=0.35)


def _normal(p_value: float) -> float:
    from scipy.stats import norm

    return float(norm.isf(p_value / 2))
