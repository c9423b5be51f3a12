"""Equal and different models, thousands of tests at once: false winners of every design, and sample sizes."""

from __future__ import annotations

from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri
from statistics_production import in_processes, share

from fine_tuning.experiments import sample_size, simulation
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.simulation import Scenario, SimulatedTests

SIZE = 5000  # of each model, where tests are simulated one for one
FEWER = 2000  # samples of the model with fewer, of other splits
PLANNED = 975  # of group_sequential for 0.80 against 0.85; see `sample_size.plan`
RATES = (0.5, 0.8, 0.95, 0.99, 0.999)
SPLITS = (0.5, 0.25, 0.1, 0.05)
CANARY = 0.1
DESIGNS = {
    "anytime": Design(),
    "group_sequential": Design(kind="group_sequential", planned=PLANNED),
    "group_sequential, O'Brien-Fleming": Design(kind="group_sequential", planned=PLANNED, spending="obrien_fleming"),
    "fixed": Design(kind="fixed", planned=906),
}


class Cell(NamedTuple):
    """Tests to simulate: replications of a design, rates and correlation, up to so many samples."""

    design: Design
    scenario: Scenario
    samples: int
    replications: int
    seed: int


def _simulated(cell: Cell) -> SimulatedTests:
    design, scenario, samples, replications, seed = cell
    return simulation.simulate(design, scenario, samples=samples, replications=replications, seed=seed)


def _split(design: Design, split: float) -> Design:
    return Design(kind=design.kind, planned=design.planned, spending=design.spending, split=split)


def equal_models(replications: int) -> str:
    """False winners of each design, by rate and split."""
    cells = [
        Cell(_split(design, split), Scenario(rate, rate, correlation), FEWER, replications, seed)
        for seed, (design, rate, (split, correlation)) in enumerate(
            (design, rate, kind)
            for design in DESIGNS.values()
            for kind in [*((split, None) for split in SPLITS), (0.5, 0.5)]
            for rate in RATES
        )
    ]
    found = iter(in_processes(_simulated, cells))
    lines, every = [], np.array([])
    for name in DESIGNS:
        for kind in [*(f"{1 - split:.0%} / {split:.0%}" for split in SPLITS), "pairs, correlation 0.5"]:
            shares = [next(found).found for _ in RATES]
            every = np.append(every, shares)
            lines.append(f"| {name} | {kind} | " + " | ".join(f"{each:.2%}" for each in shares) + " |")
    error = 1.96 * sqrt(0.05 * 0.95 / replications)
    return f"""
## Equal models: false winners

Two models of the same rate of right answers, with a look after every sample of the model with fewer, {FEWER:,} of them
(so up to {round(FEWER / min(SPLITS)):,} samples in all); planned designs at their planned looks. {replications:,} tests
each. Target: at most 5 % for every design, split and rate. Of {every.size} figures {(every > 0.05).sum()} are above it,
the largest is {every.max():.2%}; {(every > 0.05 + error).sum()} are above it by more than the simulation error
({error:.2%}).

| design | shares of the models | {" | ".join(f"{rate:g}" for rate in RATES)} |
|---|---|{"---|" * len(RATES)}
{chr(10).join(lines)}

![False winners by number of samples](images/false-winners.svg)
"""


def different_models(replications: int) -> str:
    """Tests of two models that differ: samples until a verdict."""
    apart = Scenario(0.8, 0.85)
    cells = [Cell(design, apart, SIZE, replications, 6) for design in DESIGNS.values()]
    cells.append(Cell(DESIGNS["anytime"], Scenario(0.8, 0.85, 0.5), SIZE, replications, 7))
    cells.append(Cell(Design(split=CANARY), apart, SIZE, replications, 8))
    *by_design, pairs, canary = in_processes(_simulated, cells)
    rows = {**dict(zip(DESIGNS, by_design, strict=True)), "anytime, pairs (correlation 0.5)": pairs}
    lines = [
        f"| {name} | {found.found:.1%} | {found.samples.mean():,.0f} | {np.median(found.samples):,.0f} "
        f"| {np.quantile(found.samples, 0.8):,.0f} | {found.samples.max():,} |"
        for name, found in rows.items()
    ]
    planned = {plan.design: plan for plan in sample_size.plan(apart)}["group_sequential"]
    by_1600 = share((by_design[0].favours > 0) & (by_design[0].samples <= 1600))
    by_800 = share((pairs.favours > 0) & (pairs.samples <= 800))
    wrong = max(found.wins_a for found in [*by_design, pairs, canary])
    return f"""
## Different models: samples until a verdict

0.80 against 0.85, samples of each model (or pairs), {replications:,} tests each. For 80 % power, a fixed design needs
{ceil(sample_size.fixed_size(0.8, 0.85)):,}. The worse model wins in at most {wrong:.2%}.

| design | power | mean | median | 80th percentile | maximum |
|---|---|---|---|---|---|
{chr(10).join(lines)}

| | | target |
|---|---|---|
| group_sequential: mean and maximum, numerically | {planned.mean:.0f} and {planned.most} | at most 720 and 980 |
| anytime: power at 1,600 samples of each | {by_1600} | at least 80 % |
| anytime, pairs (correlation 0.5): power at 800 | {by_800} | at least 80 % |
{_canary(canary, by_design[0])}

![Samples until a verdict](images/samples-needed.svg)
"""


def _canary(canary: SimulatedTests, even: SimulatedTests) -> str:
    """A split of 10/90 beside 1:1: samples of both models for 80 % power."""
    fixed = unequal_size(0.8, 0.85, CANARY)
    factor = float(np.quantile(even.samples, 0.8)) / sample_size.fixed_size(0.8, 0.85)
    needed = float(np.quantile(canary.samples, 0.8)) / CANARY
    target = fixed * factor
    return (
        f"| anytime, 90 % / 10 %: samples of both for 80 % power | {needed:,.0f} ({needed / target - 1:+.1%}) "
        f"| within 15 % of {target:,.0f}: {fixed:,.0f} of a fixed z-test, times {factor:.2f}, the anytime "
        "design's factor at 1:1 |"
    )


def unequal_size(rate_a: float, rate_b: float, split: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Samples of both models with which a z-test of two rates has this power, where model_b has this share.

    Source: Fleiss, Levin, Paik, "Statistical Methods for Rates and Proportions" (2003), section 4.4.
    """
    mean = (1 - split) * rate_a + split * rate_b
    parts = rate_a * (1 - rate_a) / (1 - split) + rate_b * (1 - rate_b) / split
    both = ndtri(1 - alpha / 2) * sqrt(mean * (1 - mean) / (split * (1 - split))) + ndtri(power) * sqrt(parts)
    return float(both / (rate_a - rate_b)) ** 2
