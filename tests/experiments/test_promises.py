"""What docs/statistics.md promises, by five thousand simulated tests; and that production does what is simulated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fine_tuning.experiments import sample_ratio, simulation
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.simulation import Scenario
from fine_tuning.experiments.sufficient_statistics import ARMS, Score, Statistics
from fine_tuning.store.experiment_samples import Unit
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import Experiment

REPLICATIONS = 5_000  # benchmarks/bench_statistics.py has 10,000
MOST = 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / REPLICATIONS)  # what a true 5 % stays below in 99.5 % of all runs
DESIGNS = [
    Design(),
    Design(kind="group_sequential", planned=975),
    Design(kind="group_sequential", planned=940, spending="obrien_fleming"),
    Design(kind="fixed", planned=906),
]
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: f"{design.kind}-{design.spending}")
@pytest.mark.parametrize("correlation", [None, 0.5])
def test_simulate_of_equal_models_keeps_error_rate(design: Design, correlation: float | None) -> None:
    found = simulation.simulate(
        design, Scenario(0.8, 0.8, correlation), samples=5000, replications=REPLICATIONS, seed=20
    )
    assert (0.02 if design.kind != "fixed" else 0.0) <= found.found <= MOST


def test_simulate_of_different_models_matches_best_known_sizes() -> None:
    looked_at = simulation.simulate(DESIGNS[1], Scenario(0.8, 0.85), samples=975, replications=REPLICATIONS, seed=21)
    assert looked_at.samples.mean() <= 720
    assert looked_at.found >= 0.785
    anytime = simulation.simulate(DESIGNS[0], Scenario(0.8, 0.85), samples=1600, replications=REPLICATIONS, seed=22)
    assert anytime.found >= 0.8
    pairs = simulation.simulate(DESIGNS[0], Scenario(0.8, 0.85, 0.5), samples=800, replications=REPLICATIONS, seed=23)
    assert pairs.found >= 0.8


def test_sample_ratio_check_by_simulation_matches_documented_rates() -> None:
    rng, units = np.random.default_rng(24), np.arange(100, 10_001, 100)
    first = {}
    for share in (0.5, 0.53):
        b = np.cumsum(rng.binomial(100, share, (REPLICATIONS, 100)), axis=1)
        fires = sample_ratio.log_e_values(units - b, b, 0.5) >= -math.log(sample_ratio.ALPHA)
        first[share] = np.where(fires.any(axis=1), units[fires.argmax(axis=1)], 10**9)
    assert (first[0.5] < 10**9).mean() <= sample_ratio.ALPHA
    assert np.median(first[0.53]) <= 5000


@pytest.mark.parametrize(
    "design", [Design(kind="group_sequential", planned=400), Design(kind="fixed", planned=400), Design()]
)
@pytest.mark.parametrize("is_paired", [False, True])
def test_simulate_of_each_design_matches_judge(design: Design, is_paired: bool) -> None:
    from fine_tuning.experiments import verdict

    a, b = simulation.answers(np.random.default_rng(25), (10, 400), Scenario(0.7, 0.8, 0.3 if is_paired else 0.0))
    decide = simulation._anytime if design.kind == "anytime" else simulation._planned
    favours, _ = decide(simulation.Counts.of(a, b, is_paired=is_paired), design)
    for right_a, right_b, wanted in zip(a.tolist(), b.tolist(), favours.tolist(), strict=True):
        statistics = Statistics()
        for pair in zip(right_a, right_b, strict=True):
            unit: dict[Arm, Unit] = {}
            for arm, right in zip(ARMS, pair, strict=True):
                statistics.arrive(arm, "", unit)
                statistics.add_score(design, arm, Score(float(right)), unit)
                unit = unit if is_paired else {}
            statistics.comparison.pairs += is_paired
            statistics.look(design)
        test: Experiment = {
            "id": "t",
            "model_a": "a",
            "model_b": "b",
            "status": "running",
            "metadata": {},
            "started_at": "",
            "completed_at": None,
            "design": design.as_dict(),
            "more": None,
            "statistics": statistics.as_dict(),
            "slots": [],
            "layer": None,
            "pinned": None,
            "late": 0,
            "result": None,
        }
        assert verdict.judge(test).favours == wanted
