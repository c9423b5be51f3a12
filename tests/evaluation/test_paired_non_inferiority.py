"""Paired non-inferiority: bounds, p-values and error rates, against likelihoods that are maximised by scipy."""

from __future__ import annotations

from itertools import pairwise
from math import isnan, log, nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from fine_tuning.evaluation.paired_non_inferiority import ALPHA, PairedScores, examples_needed, holm, power


def of_counts(gained: int, lost: int, both: int, neither: int) -> PairedScores:
    rows = [(0.0, 1.0)] * gained + [(1.0, 0.0)] * lost + [(1.0, 1.0)] * both + [(0.0, 0.0)] * neither
    return PairedScores([a for a, _ in rows], [b for _, b in rows])


def z_by_likelihood(gained: int, lost: int, n: int, difference: float) -> float:
    """The score statistic with the nuisance rate found numerically."""
    low, high = max(0.0, -difference), (1 - difference) / 2

    def minus(rate: float) -> float:
        cells = [(gained, rate + difference), (lost, rate), (n - gained - lost, 1 - 2 * rate - difference)]
        return -sum(count * log(max(share, 1e-300)) for count, share in cells if count)

    rate = minimize_scalar(minus, bounds=(low + 1e-12, high - 1e-12), method="bounded", options={"xatol": 1e-12}).x
    return (gained - lost - n * difference) / sqrt(n * (2 * rate + difference * (1 - difference)))


counts = st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(0, 200), st.integers(0, 200))


@given(counts, st.floats(-0.4, 0.4))
def test_tango_statistic_is_that_of_the_maximised_likelihood(cells: tuple[int, int, int, int], apart: float) -> None:
    scores = of_counts(*cells)
    expected = z_by_likelihood(cells[0], cells[1], sum(cells), apart)
    assert scores._tango(apart) == pytest.approx(expected, abs=1e-4)


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0])), min_size=2, max_size=60),
    st.booleans(),
    st.floats(0.01, 0.5),
    st.floats(0.001, 0.2),
)
def test_bound_exceeds_minus_margin_exactly_where_p_is_below_alpha(
    rows: list[tuple[float, float]], is_binary: bool, margin: float, alpha: float
) -> None:
    kept = [(round(a), round(b)) for a, b in rows] if is_binary else rows
    scores = PairedScores([a for a, _ in kept], [b for _, b in kept])
    lower, p_value = scores.lower(alpha), scores.p_value(margin)
    if abs(lower + margin) > 1e-6:
        assert (lower > -margin) == (p_value < alpha)
    assert -1 <= lower <= scores.estimate + 1e-9 <= scores.upper(alpha) + 2e-9 <= 1 + 3e-9


@pytest.mark.parametrize(("rate", "examples"), [(0.05, 100), (0.1, 300), (0.2, 200)])
def test_worse_by_the_margin_is_rarely_shown_not_worse(rate: float, examples: int) -> None:
    margin, rng, runs = 0.05, np.random.default_rng(3), 4_000
    shares = [rate, rate + margin, 1 - 2 * rate - margin]
    wrong = 0
    for gained, lost, same in rng.multinomial(examples, shares, runs):
        wrong += of_counts(gained, lost, same, 0).p_value(margin) < ALPHA
    assert wrong / runs < ALPHA + 3 * sqrt(ALPHA / runs)


@pytest.mark.parametrize(("examples", "margin"), [(None, 0.05), (None, 0.12), (50, 0.12), (300, 0.05)])
def test_power_is_the_share_of_runs_that_show_it(examples: int | None, margin: float) -> None:
    rng, runs, apart = np.random.default_rng(4), 2_000, 0.1
    stated = 0.8 if examples is None else power(examples, margin, apart, ALPHA / 2)
    examples = examples or examples_needed(margin, apart, ALPHA / 2)
    assert power(examples, margin, apart, ALPHA / 2) == pytest.approx(stated, abs=0.01)
    found = rng.multinomial(examples, [apart / 2, apart / 2, 1 - apart], runs)
    shown = np.mean([of_counts(*each, 0).p_value(margin) < ALPHA / 2 for each in found])
    assert shown == pytest.approx(stated, abs=0.04)


def test_power_where_both_always_agree_is_what_the_test_says() -> None:
    for examples in (10, 30, 40, 100):
        is_shown = of_counts(0, 0, examples, 0).p_value(0.1) < ALPHA
        assert power(examples, 0.1, 0.0) == is_shown


def test_holm_keeps_the_error_of_several_candidates() -> None:
    rng, runs, margin = np.random.default_rng(5), 1_000, 0.05
    wrong = 0
    for _ in range(runs):
        found = [of_counts(*rng.multinomial(300, [0.05, 0.1, 0.85]), 0).p_value(margin) for _ in range(6)]
        wrong += any(step.is_rejected for step in holm(found))
    assert wrong / runs < ALPHA + 3 * sqrt(ALPHA / runs)


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=8))
def test_holm_bounds_never_contradict_its_rejections(p_values: list[float]) -> None:
    steps = holm(p_values)
    assert all((p < step.alpha) == step.is_rejected for p, step in zip(p_values, steps, strict=True))
    ordered = sorted(zip(p_values, steps, strict=True), key=lambda each: each[0])
    assert all(one.alpha <= other.alpha for (_, one), (_, other) in pairwise(ordered))


def test_unknown_p_values_are_not_rejected_and_count() -> None:
    steps = holm([0.001, nan, 0.02])
    assert [step.is_rejected for step in steps] == [True, False, False]
    assert steps[0].alpha == pytest.approx(ALPHA / 3)


def test_clusters_widen_the_bound() -> None:
    a, b = [1.0, 1.0, 0.0, 0.0] * 10, [1.0, 1.0, 1.0, 1.0] * 10
    apart = PairedScores(a, b)
    together = PairedScores(a, b, clusters=[at // 2 for at in range(40)])
    assert together.lower() < apart.lower()
    assert isnan(PairedScores([1.0], [1.0], clusters=["x"]).lower())


def test_equal_scores_are_shown_not_worse_with_enough_examples_only() -> None:
    assert PairedScores([1.0] * 10, [1.0] * 10).p_value(0.03) > ALPHA
    assert PairedScores([1.0] * 200, [1.0] * 200).p_value(0.03) < ALPHA
    graded = PairedScores([0.5] * 200, [0.5] * 200)
    assert graded.lower() < 0 < graded.upper()
    assert graded.p_value(0.03) < ALPHA
