"""Formulas against published values and against what they are derived from."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, norm

from fine_tuning.errors import UsageError
from fine_tuning.experiments import (
    confidence_sequences,
    group_sequential,
    sample_ratio,
    sample_size,
    simulation,
)
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.latency_histogram import Histogram, quantile_slack
from fine_tuning.experiments.running_sums import Clusters, Moments
from fine_tuning.experiments.simulation import Scenario
from tests.experiments import states


def test_half_width_of_published_example_matches_gbstats() -> None:
    # gbstats' documented test of proportions, relative difference, tuning parameter 5000.
    rate_a, rate_b = 1396 / 3000, 2422 / 3461
    variance = rate_b * (1 - rate_b) / 3461 / rate_a**2 + rate_a * (1 - rate_a) / 3000 * rate_b**2 / rate_a**4
    half = confidence_sequences.half_width(variance, 3000 + 3461, 0.05, 5000)
    lift = (rate_b - rate_a) / rate_a
    assert (lift - half, lift + half) == pytest.approx((0.40098, 0.60675), abs=1e-5)


def test_half_width_excludes_zero_exactly_where_e_value_rejects() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        estimate, variance, n, alpha = (
            rng.normal(0, 3),
            rng.uniform(0.1, 2),
            int(rng.integers(2, 5000)),
            rng.uniform(0.01, 0.2),
        )
        excludes = abs(estimate) > confidence_sequences.half_width(variance, n, alpha, 2000)
        log_e = confidence_sequences.mixture_log_e_value(estimate, variance, n, alpha, 2000)
        assert excludes == (log_e > -math.log(alpha))


@pytest.mark.parametrize(
    ("spending", "wanted", "digits"),
    [
        ("t2", (3.0902, 2.7141, 2.4727, 2.2798, 2.1140), 1e-4),
        ("obrien_fleming", (4.877, 3.357, 2.680, 2.290, 2.031), 1e-3),
    ],
)
def test_boundaries_of_five_looks_match_tables(spending: str, wanted: tuple[float, ...], digits: float) -> None:
    fractions = tuple(look / 5 for look in range(1, 6))
    limits = group_sequential.boundaries(fractions, 0.05, spending)
    assert limits == pytest.approx(wanted, abs=digits)
    ups, downs = group_sequential.crossing(fractions, limits, 0.0)
    assert ups.sum() + downs.sum() == pytest.approx(0.05, abs=1e-6)
    assert group_sequential.spent(0.0, 0.05, spending) == 0
    assert group_sequential.spent(1.5, 0.05, spending) == pytest.approx(0.025)


def test_plan_of_known_rates_matches_formulas() -> None:
    assert sample_size.fixed_size(0.80, 0.85) == pytest.approx(905.366, abs=1e-3)
    fixed, looked_at, anytime = sample_size.plan(Scenario(0.80, 0.85))
    assert (fixed.most, looked_at.most) == (906, 975)
    assert looked_at.mean < 700
    assert anytime.most <= 1600
    paired = sample_size.plan(Scenario(0.80, 0.85, 0.5))
    assert paired[0].most < 500
    assert paired[2].most <= 800


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"rate_a": 0.8, "rate_b": 0.8}, "rate_a and rate_b are equal"),
        ({"rate_a": 0.0, "rate_b": 0.8}, "rate_a must be between 0 and 1"),
        ({"rate_a": 0.7, "rate_b": 0.8, "power": 1.0}, "power must be between 0 and 1"),
        ({"rate_a": 0.7, "rate_b": 0.8, "alpha": 2}, "alpha must be between 0 and 1"),
        ({"rate_a": 0.1, "rate_b": 0.9, "correlation": 0.9}, "cannot correlate by 0.9"),
    ],
)
def test_plan_with_wrong_choice_raises(choices: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        scenario = Scenario(choices.pop("rate_a"), choices.pop("rate_b"), choices.pop("correlation", None))
        sample_size.plan(scenario, **choices)  # type: ignore[arg-type]


def test_answers_of_scenario_have_its_rates_and_correlation() -> None:
    a, b = simulation.answers(np.random.default_rng(1), (1, 400_000), Scenario(0.8, 0.85, 0.5))
    assert (a.mean(), b.mean()) == pytest.approx((0.8, 0.85), abs=0.003)
    assert np.corrcoef(a[0], b[0])[0, 1] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("kind", ["anytime", "group_sequential", "fixed"])
def test_simulate_of_each_design_keeps_error_rate_and_power(kind: str) -> None:
    design = Design(kind=kind, planned=960)
    same = simulation.simulate(design, Scenario(0.8, 0.8), samples=2000, replications=1000, seed=2)
    assert same.found < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1000)
    other = simulation.simulate(design, Scenario(0.8, 0.9), samples=2000, replications=300)
    assert (other.favours == 1).mean() > 0.95
    assert other.samples.max() <= (960 if kind != "anytime" else 2000)


def test_sample_ratio_check_keeps_error_rate_and_power() -> None:
    rng = np.random.default_rng(4)
    looks = np.arange(100, 10_001, 100)

    def fires(share: float) -> float:
        b = np.cumsum(rng.binomial(100, share, (4000, 100)), axis=1)
        found = sample_ratio.log_e_values(looks - b, b, 0.5) >= -math.log(sample_ratio.ALPHA)
        return float(found.any(axis=1).mean())

    assert fires(0.5) <= 0.002
    assert fires(0.53) > 0.95
    assert sample_ratio.p_value([800, 200], [0.8, 0.2]) > 0.5


@pytest.mark.parametrize("counts", [(20, 0), (40, 0), (60, 3), (100, 20), (120, 50), (300, 200), (4700, 5300)])
def test_sample_ratio_check_of_a_gross_mismatch_fails_at_any_size(counts: tuple[int, int]) -> None:
    assert sample_ratio.p_value(counts, [0.5, 0.5]) < sample_ratio.ALPHA
    assert sample_ratio.p_value([*counts, sum(counts) // 2], [1 / 3] * 3) < 5 * sample_ratio.ALPHA


@pytest.mark.parametrize("counts", [(1, 0), (6, 0), (12, 6), (60, 40), (270, 230), (5080, 4920)])
def test_sample_ratio_check_passes_what_chance_explains(counts: tuple[int, int]) -> None:
    assert sample_ratio.p_value(counts, [0.5, 0.5]) > 0.01


def test_running_sums_match_sums_of_all_values() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(1e9, 1, 500)  # large and close together, where plain sums of squares lose their digits
    moments, clusters = Moments(), Clusters()
    sizes: dict[int, tuple[int, float]] = {}
    for place, a in enumerate(x.tolist()):
        moments.add(a)
        size, total = sizes.get(place % 7, (0, 0.0))
        clusters.grow(size, total, a - 1e9)
        sizes[place % 7] = (size + 1, total + a - 1e9)
    assert moments.variance == pytest.approx(x.var(ddof=1), rel=1e-6)
    sums = np.array([total for _, total in sizes.values()]), np.array([size for size, _ in sizes.values()])
    mean = (x - 1e9).mean()
    wanted = ((sums[0] - mean * sums[1]) ** 2).sum() * 7 / 6 / 500**2
    assert clusters.variance_of_mean(500, mean) == pytest.approx(wanted, rel=1e-6)
    assert math.isnan(Moments().average)
    assert math.isnan(Clusters().variance_of_mean(1, 0.0))


def test_histogram_quantile_at_every_look_covers_true_one() -> None:
    rng, missed = np.random.default_rng(6), 0
    true = math.exp(1.6448536 * 0.5) * 200
    for _ in range(100):
        histogram, is_missed = Histogram(), False
        for number, value in enumerate((rng.lognormal(0, 0.5, 400) * 200).tolist(), 1):
            histogram.add(value)
            if number % 20 == 0:
                slack = quantile_slack(0.95, number, 0.05)
                low = histogram.quantile(0.95 - slack) if slack < 0.95 else 0.0
                is_missed |= not low * 0.98 <= true <= histogram.quantile(0.95 + slack) * 1.02
        missed += is_missed
    assert missed <= 5
    assert histogram.quantile(0.5) == pytest.approx(200, rel=0.1)
    assert math.isnan(Histogram().quantile(0.5))


@pytest.mark.parametrize("sizes", [(20, 20), (50, 50), (90, 10)])
def test_fixed_test_of_two_rates_keeps_its_error_at_every_rate(sizes: tuple[int, int]) -> None:
    """All outcomes with their probabilities: nothing is simulated."""
    design = Design(kind="fixed", planned=min(sizes), split=None)
    rates = np.linspace(0.02, 0.98, 49)
    chances = [binom.pmf(np.arange(size + 1)[:, None], size, rates) for size in sizes]  # counts by rates
    error = np.zeros(len(rates))
    for right_a, right_b in product(*(range(size + 1) for size in sizes)):
        scores = [np.arange(size) < right for size, right in zip(sizes, (right_a, right_b), strict=True)]
        statistics = states.statistics(*scores)
        statistics.look(design)
        (look,) = statistics.comparison.looks
        low, high = look.interval(norm.ppf(0.975))
        is_different = abs(look.z) >= norm.ppf(0.975)
        assert (low > 0 or high < 0) == is_different
        error += is_different * chances[0][right_a] * chances[1][right_b]
    assert 0.02 < error.max() <= 0.05
