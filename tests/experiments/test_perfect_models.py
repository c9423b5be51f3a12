"""Rates near 0 and 1: the verdict, its interval and its p-value are of one likelihood."""

from __future__ import annotations

import numpy as np
import pytest

from fine_tuning.experiments import simulation, verdict
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.effect import Effect
from fine_tuning.experiments.rate_likelihood import Rates
from fine_tuning.experiments.simulation import Scenario
from fine_tuning.experiments.sufficient_statistics import Score, Statistics
from fine_tuning.store.experiment_samples import Unit
from fine_tuning.store.records.experiment_json import Arm
from tests.experiments import states


def decided(
    right_a: int, right_b: int, size: int, design: Design | None = None, *, is_paired: bool = False
) -> verdict.Decision:
    """The verdict on so many right answers of each model, in random order."""
    design, found = design or Design(), Statistics()
    rng = np.random.default_rng(5)
    a, b = (rng.permutation(np.arange(size) < right).tolist() for right in (right_a, right_b))
    for first, second in zip(a, b, strict=True):
        unit: dict[Arm, Unit] = {}
        pair: list[tuple[Arm, bool]] = [("model_a", first), ("model_b", second)]
        for arm, score in pair if rng.random() < 0.5 else pair[::-1]:
            unit = unit if is_paired else {}
            found.comparison.pairs += is_paired and bool(unit)
            found.arrive(arm, "", unit)
            found.add_score(design, arm, Score(float(score)), unit)
    return verdict.decide(design, found, found.effect(design), design.alpha)


@pytest.mark.parametrize("is_paired", [False, True])
@pytest.mark.parametrize(
    ("right_a", "right_b", "winner"),
    [(485, 500, 1), (500, 485, -1), (0, 15, 1), (485, 499, 1), (500, 500, 0), (0, 0, 0), (499, 500, 0)],
)
def test_perfect_model_verdict_interval_and_p_value_agree(
    right_a: int, right_b: int, winner: int, is_paired: bool
) -> None:
    found = decided(right_a, right_b, 500, is_paired=is_paired)
    assert found.favours == winner
    assert (found.p_value <= 0.05) == (found.low > 0 or found.high < 0) == (winner != 0)
    assert -0.1 < found.low < found.high < 0.1


def test_perfect_model_of_bounded_scores_wins_as_of_right_answers() -> None:
    found = decided(485, 500, 500, Design(score="bounded"))
    assert found.favours == 1
    assert found.low == pytest.approx(decided(485, 500, 500).low, abs=0.001)


@pytest.mark.parametrize("rates", [(0.97, 1.0), (1.0, 0.97), (0.0, 0.03), (1.0, 1.0), (0.0, 1.0), (0.3, 0.4)])
@pytest.mark.parametrize("limit", [0.5, 2.0, 3.1, 6.0])
def test_interval_of_rates_excludes_zero_exactly_where_root_is_beyond_limit(
    rates: tuple[float, float], limit: float
) -> None:
    found = Rates(*rates, (500.0, 80.0))
    low, high = found.difference(limit), found.difference(-limit)
    assert -1 <= low <= rates[1] - rates[0] <= high <= 1
    assert (abs(found.root) > limit) == (low > 0 or high < 0)


def test_effect_with_rates_survives_storage() -> None:
    effect = Effect(0.03, 1e-4, n=1000, planned=2000.0, is_ready=True, rates=Rates(0.97, 1.0, (500.0, 400.0), 2.0))
    assert Effect.of(effect.as_dict()) == effect


def test_one_sample_of_each_model_is_no_evidence() -> None:
    statistics = states.statistics([1.0], [0.0])
    found = verdict.decide(Design(), statistics, statistics.effect(Design()), 0.05)
    assert (found.favours, found.p_value, found.low, found.high) == (0, 1.0, -1.0, 1.0)


@pytest.mark.parametrize(("rate", "split"), [(0.99, 0.5), (0.999, 0.5), (0.01, 0.1), (0.999, 0.05)])
def test_false_winners_near_the_ends_are_rare(rate: float, split: float) -> None:
    found = simulation.simulate(Design(split=split), Scenario(rate, rate), samples=1000, replications=300)
    assert found.found <= 0.05
